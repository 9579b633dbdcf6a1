"""The main hall: the whole story of a run. Encode each corpus once, then measure every point of the grid."""

from collections.abc import Generator, Iterator
from itertools import product
from typing import Any

import numpy as np
import psutil

from evalkit.config import IndexConfig, QuantizationConfig, RunConfig, check, dims_list
from evalkit.corpora import Corpus, load_corpus
from evalkit.corpora.lint import truncation
from evalkit.embeddings import CorpusEmbeddings, Embeddings, EmbeddingStore, embed
from evalkit.embeddings.encoding import Progress, no_progress
from evalkit.embeddings.inventory import prune
from evalkit.encoders import Encoder, load_encoder
from evalkit.encoders.choice import AUTO, choose_runtime, named_runtime
from evalkit.errors import UserError
from evalkit.measures.latency import PERCENTILES, percentiles_ms, time_calls_ms
from evalkit.measures.memory import NO_PEAK_RSS, PeakMemory
from evalkit.measures.quality import Judge, overlap_at, parse_measures
from evalkit.results.record import CorpusRecord, Measured, Point
from evalkit.search import Searcher, Vectors, build, cut, empty
from evalkit.search.ranking import Ranking, tie_order

EXACT = (QuantizationConfig(faiss="Flat"), IndexConfig(faiss="{quantization}"))
OVERLAP_DEPTH = 10
SEARCH_LATENCY_CALLS = 200
BATCH_REPEATS = 3
SEARCH_SPEED = ("search_queries_per_second", *(f"{what}_ms_p{p}" for what in ("search", "query") for p in PERCENTILES))
NO_SPEED = "the vectors are larger than memory_gb and were searched from disk, which no server would do"
WHY_UNMEASURED = {
    **dict.fromkeys(SEARCH_SPEED, NO_SPEED),
    "peak_rss_bytes": NO_PEAK_RSS,
    "search_peak_rss_bytes": NO_PEAK_RSS,
    "verification": "PyTorch in float32 on the CPU is what other runtimes are compared with",
    "peak_gpu_bytes": "the model did not run on a CUDA device",
}


def evaluate(config: RunConfig, progress: Progress = no_progress) -> Generator[CorpusRecord | Measured, None, None]:
    """What is found, as soon as it is: a CorpusRecord for each corpus, then a Measured for each of its points.

    Raises UserError for whatever the user can mend; all configs and corpora are checked before any encoding.
    """
    check(config)
    measures = parse_measures(config.measures, config.top_k)
    encoder = load_encoder(config.model, named_runtime(config.runtime))
    all_dims = dims_list(config.dims, encoder.dims, encoder.config.name)
    for dims, quantization, index in product(all_dims, config.quantization.values(), config.index.values()):
        empty(dims, quantization, index)
    corpora = load_corpora(config)
    store = EmbeddingStore(config.store.path, config.store.shard_texts, config.store.dtype)
    if config.runtime.kind == AUTO:
        runtime = choose_runtime(config.model, config.runtime, corpora[0].documents.texts, store.path)
        encoder = load_encoder(config.model, runtime)
    use_threads(config.runtime.threads)
    for corpus in corpora:
        embeddings = embed(store, encoder, corpus, config.runtime.latency_calls, progress)
        yield corpus_record(encoder, corpus, embeddings)
        judge = Judge(measures, corpus.qrels)
        advance = progress(f"{corpus.name} points", len(all_dims) * len(config.quantization) * len(config.index))
        for dims in all_dims:
            for measured in score_dims(config, encoder, corpus, embeddings, judge, dims):
                advance(1)
                yield measured
    if config.store.max_gb is not None:
        prune(store, max_bytes=int(config.store.max_gb * 1e9))


def load_corpora(config: RunConfig) -> list[Corpus]:
    corpora = [load_corpus(name, settings) for name, settings in config.corpus.items()]
    names = [c.name for c in corpora]
    if repeated := {n for n in names if names.count(n) > 1}:
        raise UserError(f"two corpora are called '{repeated.pop()}'.", "Name them: corpus.<key>.name=<another name>.")
    return corpora


def use_threads(threads: int | None) -> None:
    """FAISS gets as many OpenMP threads as the encoder: one per physical core unless set."""
    import faiss

    faiss.omp_set_num_threads(threads or psutil.cpu_count(logical=False) or 1)


def score_dims(
    config: RunConfig, encoder: Encoder, corpus: Corpus, embeddings: CorpusEmbeddings, judge: Judge, dims: int
) -> Iterator[Measured]:
    """Every quantization × index at one width, beside exact float32 search at that width."""
    documents = Vectors(embeddings.documents.vectors, dims)
    memory_bytes = config.memory_gb * 1e9
    queries = cut(embeddings.queries.vectors, dims)
    place = tie_order(corpus.documents.ids)
    excluded = np.array([corpus.documents.row.get(corpus.excluded.get(q, ""), -1) for q in corpus.queries.ids])
    depth = min(OVERLAP_DEPTH, config.top_k)
    exact = build(documents, place, *EXACT, memory_bytes).rank(queries, depth, excluded)
    settings = product(config.quantization.items(), config.index.items())
    for (quantization_name, quantization), (index_name, index) in settings:
        with PeakMemory() as memory:
            searcher = build(documents, place, quantization, index, memory_bytes)
            ranking = searcher.rank(queries, config.top_k, excluded)
            speed = search_speed(searcher, queries, config.top_k, embeddings.queries)
        quality = judge.score(rankings_by_id(ranking, corpus))
        overlap = overlap_at(OVERLAP_DEPTH, ranking.rows, exact.rows)
        point = Point(
            model=encoder.config.name,
            revision=revision(encoder),
            corpus=corpus.name,
            corpus_fingerprint=corpus.fingerprint,
            dims=dims,
            dims_trained=dims == encoder.dims or dims in encoder.config.matryoshka_dims,
            quantization=quantization_name,
            index=index_name,
            top_k=config.top_k,
            queries=len(corpus.queries),
            figures={
                **quality.mean,
                f"overlap@{OVERLAP_DEPTH}": float(overlap.mean()),
                "bytes_per_vector": searcher.bytes_per_vector,
                "index_bytes": searcher.index_bytes,
                "build_seconds": searcher.build_seconds,
                **speed,
                "search_peak_rss_bytes": memory.peak_rss_bytes,
                **encoding_speed(embeddings.documents),
                **encoding_memory(embeddings.documents),
            },
            unmeasured={
                **unmeasured(search_peak_rss_bytes=memory.peak_rss_bytes, **speed),
                **unmeasured(**encoding_memory(embeddings.documents)),
            },
        )
        per_query = {**quality.per_query, f"overlap@{OVERLAP_DEPTH}": overlap}
        yield Measured(point, tuple(corpus.queries.ids), per_query, ranking, tuple(corpus.documents.ids))


def rankings_by_id(ranking: Ranking, corpus: Corpus) -> dict[str, list[str]]:
    ids = corpus.documents.ids
    return {
        query: [ids[row] for row in rows if row >= 0]
        for query, rows in zip(corpus.queries.ids, ranking.rows.tolist(), strict=True)
    }


def search_speed(searcher: Searcher, queries: Any, top_k: int, encoded: Embeddings) -> dict[str, float | None]:
    """Batch throughput, and latency of one query at a time: search alone, encode alone, and both added call by call."""
    if searcher.on_disk:
        of_encoding = percentiles_ms("encode_query", encoded.latency_ms)
        return {**dict.fromkeys(SEARCH_SPEED), **of_encoding}
    latency_calls = max(SEARCH_LATENCY_CALLS, len(encoded.latency_ms))
    single = [queries[i : i + 1] for i in range(len(queries))]
    search_ms = time_calls_ms(lambda i: searcher.find(single[i % len(single)], top_k), latency_calls)
    batch_ms = time_calls_ms(lambda i: searcher.find(queries, top_k), BATCH_REPEATS)
    encode_ms = np.resize(encoded.latency_ms, latency_calls)
    return {
        "search_queries_per_second": len(queries) / float(np.median(batch_ms)) * 1000,
        **percentiles_ms("search", search_ms),
        **percentiles_ms("encode_query", encode_ms),
        **percentiles_ms("query", search_ms + encode_ms),
    }


def encoding_speed(documents: Embeddings) -> dict[str, float]:
    """Throughput of the pass that encoded the documents, also where an earlier run made it."""
    seconds = documents.meta["seconds"]
    return {
        "documents_per_second": documents.meta["texts"] / seconds,
        "tokens_per_second": documents.meta["tokens"] / seconds,
    }


def encoding_memory(side: Embeddings) -> dict[str, int | None]:
    """Peak memory of the process and of the device during the pass that encoded ``side``."""
    return {name: side.meta[name] for name in ("peak_rss_bytes", "peak_gpu_bytes")}


def unmeasured(**figures: Any) -> dict[str, str]:
    """Why each figure that is null could not be measured."""
    return {name: WHY_UNMEASURED[name] for name, value in figures.items() if value is None}


def revision(encoder: Encoder) -> str:
    """The pinned revision, or for weights without one the digest of their files."""
    return encoder.config.revision or str(encoder.identity("document")["weights"])


def corpus_record(encoder: Encoder, corpus: Corpus, embeddings: CorpusEmbeddings) -> CorpusRecord:
    """What run.json keeps of a corpus and of its two encoding passes."""
    limit = embeddings.documents.meta["max_length"]
    cut_documents = embeddings.documents.truncated.tolist()
    findings = [
        *corpus.findings,
        *truncation(corpus.documents.ids, cut_documents, limit or 0, encoder.config.name),
    ]
    config = encoder.config
    return CorpusRecord(
        model={
            "name": config.name,
            "kind": config.kind,
            "revision": revision(encoder),
            "weights": encoder.identity("document")["weights"],
            "prompts": {"query": config.prompts.query, "document": config.prompts.document},
            "native_dims": encoder.dims,
            "matryoshka_dims": list(config.matryoshka_dims),
            "layer_norm": config.layer_norm,
            "licence": config.licence,
            "trust_remote_code": config.trust_remote_code,
            **embeddings.documents.meta["model"],
        },
        corpus={
            "name": corpus.name,
            "fingerprint": corpus.fingerprint,
            "documents": len(corpus.documents),
            "queries": len(corpus.queries),
            "judgments": corpus.judgments,
            "identical_ids_ignored": len(corpus.excluded),
        },
        findings=tuple(findings),
        embeddings=tuple(
            embeddings_record(config.name, corpus.name, side) for side in (embeddings.documents, embeddings.queries)
        ),
    )


def embeddings_record(model: str, corpus: str, side: Embeddings) -> dict[str, Any]:
    meta = side.meta
    return {
        "model": model,
        "corpus": corpus,
        "side": side.side,
        "texts": meta["texts"],
        "tokens": meta["tokens"],
        "truncated_texts": len(meta["truncated_rows"]),
        "seconds": meta["seconds"],
        "texts_per_second": meta["texts"] / meta["seconds"],
        "tokens_per_second": meta["tokens"] / meta["seconds"],
        "dims": meta["dims"],
        "cached": side.cached,
        "created_at": meta["created_at"],
        "runtime": meta["model"],
        "verification": meta["verification"],
        **encoding_memory(side),
        "unmeasured": unmeasured(**encoding_memory(side), verification=meta["verification"]),
    }
