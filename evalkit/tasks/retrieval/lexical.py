"""The story of a run without vectors: one point per corpus, by BM25 or at random, measured like every other."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from evalkit.config import ModelConfig, RunConfig
from evalkit.corpora import Corpus
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.chunking import WHOLE
from evalkit.embeddings.record import corpus_facts
from evalkit.lexical import Retriever, load_retriever
from evalkit.lexical.retriever import best
from evalkit.measures.cost import CPU, tariff
from evalkit.measures.latency import percentiles_ms, time_calls_ms
from evalkit.measures.laws import added, why_not_at_workload
from evalkit.measures.laws import read as read_laws
from evalkit.measures.load import FIGURES as LOAD
from evalkit.measures.memory import PeakMemory
from evalkit.measures.quality import Judge
from evalkit.measures.ranking import Ranking, tie_order, without
from evalkit.results.provenance import cpu
from evalkit.results.record import Canary, CorpusRecord, Measured
from evalkit.scaling.at_size import TIMED
from evalkit.scaling.cache_size import last_level_cache
from evalkit.scaling.kept import NOT_ASKED, AtSize, belongs_to, kept
from evalkit.scaling.lexical import growing
from evalkit.scaling.lexical import measure as measure_at_size
from evalkit.tasks.retrieval.fusion import fuse
from evalkit.tasks.retrieval.reranking import Reranking
from evalkit.tasks.retrieval.scoring import NO_OVERLAP, NO_OVERLAP_AT_SIZE, Contest, derived, measured

LATENCY_CALLS = 200
WARM_UP_TEXTS = ("a first text", "and another one")
ADDED = ("bytes_per_document", "index_bytes", "build_seconds")
LARGEST = ("peak_rss_bytes", "search_peak_rss_bytes")
RATES = ("search_queries_per_second", "documents_per_second")
NO_VECTORS = "there are no vectors"
REASONS = {
    **dict.fromkeys((*NO_OVERLAP, *NO_OVERLAP_AT_SIZE), NO_VECTORS),
    **dict.fromkeys(LOAD, "clients at once are measured for vectors alone"),
    **dict.fromkeys(("tokens_per_second", "tokens_per_document", "tokens_per_query"), "it reads no text"),
    "peak_gpu_bytes": "it does not run on a CUDA device",
}
FUSED_REASONS = dict.fromkeys((*NO_OVERLAP, *NO_OVERLAP_AT_SIZE), "fused rankings are no search of vectors")


def evaluate_lexical(
    config: RunConfig, corpora: list[Corpus], measures: Any, reranking: Reranking | None
) -> Iterator[CorpusRecord | Measured]:
    """For each corpus a CorpusRecord, its one point, and that point re-ordered."""
    prices = tariff(config.pricing, config.workload, config.model.name, CPU, cpu())
    for corpus in corpora:
        contest = Contest(config, corpus, Judge(measures, corpus.qrels), prices)
        retriever, found = lexical_point(contest, config.model, config.served)
        about = record(config, corpus, retriever)
        yield reranking.noted(about) if reranking else about
        yield found
        if reranking:
            texts = list(corpus.queries.texts)
            read = replace(found, latencies_ms=latencies(retriever, texts, contest, reranking.config.depth))
            yield reranking.apply(contest, read)


def lexical_point(contest: Contest, model: ModelConfig, asked: int) -> tuple[Retriever, Measured]:
    """The documents of one corpus indexed by ``model``, and its point; a timed search asks for ``asked`` results."""
    load_retriever(model, WARM_UP_TEXTS)  # imports what it needs, which is no part of reading documents
    started = time.perf_counter()
    with PeakMemory() as memory:
        retriever = load_retriever(model, contest.corpus.documents.texts)
    seconds = time.perf_counter() - started
    return retriever, point(contest, model, retriever, asked, seconds, memory.peak_rss_bytes)


def record(config: RunConfig, corpus: Corpus, retriever: Retriever) -> CorpusRecord:
    model = config.model
    facts = {"name": model.name, "kind": model.kind, "revision": retriever.revision(), "licence": model.licence}
    return CorpusRecord(
        model={**facts, "options": asdict(model)["options"], "prompts": {}},
        corpus=corpus_facts(corpus),
        findings=corpus.findings,
        embeddings=(),
        canaries=(Canary(corpus.name, "document", (), (), np.empty((0, 0), dtype=np.float16)),),
        queries=tuple(zip(corpus.queries.ids, corpus.queries.texts, strict=True)),
    )


def point(
    contest: Contest,
    model: ModelConfig,
    retriever: Retriever,
    asked: int,
    build_seconds: float,
    peak_rss_bytes: int | None,
) -> Measured:
    """Everything that is measured of one corpus."""
    corpus = contest.corpus
    texts = list(corpus.queries.texts)
    with PeakMemory() as memory:
        ranking, seconds = rank(retriever, texts, contest)
        latencies_ms = latencies(retriever, texts, contest, asked)
    search_ms, read_ms = latencies_ms["search_ms"], latencies_ms["encode_query_ms"]
    counts = [retriever.query_tokens(text) for text in texts]
    documents = len(corpus.documents)
    figures = {
        "bytes_per_vector": retriever.bytes_per_document,
        "chunks_per_document": 1.0,
        "bytes_per_document": retriever.bytes_per_document,
        "index_bytes": retriever.index_bytes,
        "build_seconds": build_seconds,
        "training_vectors": 0,
        "search_queries_per_second": len(texts) / seconds,
        **percentiles_ms("search", search_ms),
        **percentiles_ms("encode_query", read_ms),
        **percentiles_ms("query", search_ms + read_ms),
        **dict.fromkeys(LOAD),
        "search_peak_rss_bytes": memory.peak_rss_bytes,
        "documents_per_second": documents / build_seconds,
        "tokens_per_second": None if retriever.tokens is None else retriever.tokens / build_seconds,
        "peak_rss_bytes": peak_rss_bytes,
        "peak_gpu_bytes": None,
        "tokens_per_document": None if retriever.tokens is None else retriever.tokens / documents,
        "tokens_per_query": None if None in counts else float(np.mean([count or 0 for count in counts])),
        "encode_cores": 1,
        "search_cores": 1.0,
    }
    setting = {
        "model": model.name,
        "revision": retriever.revision(),
        "dims": 0,
        "dims_trained": True,
        "quantization": "none",
        "index": model.kind,
        "candidates": None,
        "metric": model.kind,
        "chunking": WHOLE,
    }
    at_size = kept_at_size(contest, model, retriever, texts, asked)
    laws = {name: [law] for name, law in {**at_size.laws, **growing(retriever, build_seconds)}.items()}
    reasons = {**REASONS, **why_not_at_workload(at_size.why)}
    return measured(contest, setting, ranking, NO_OVERLAP, figures, latencies_ms, laws, reasons)


def kept_at_size(contest: Contest, model: ModelConfig, retriever: Retriever, texts: list[str], asked: int) -> AtSize:
    """The laws of searching that the store has of this retriever and corpus, else measured now."""
    config = contest.config
    if not config.at_workload_seconds:
        return AtSize(why=dict.fromkeys(TIMED, NOT_ASKED))
    identity = {"lexical": retriever.revision(), "corpus": contest.corpus.fingerprint, "depth": asked}
    seconds, cache_bytes = config.at_workload_seconds, last_level_cache()

    def new() -> list[AtSize]:
        return [measure_at_size(retriever, texts, asked, seconds, cache_bytes)]

    return kept(EmbeddingStore(config.store.path).path, {**belongs_to(config), **identity}, 1, new)[0]


def fused(contest: Contest, dense: Measured, lexical: Measured) -> Measured:
    """A point of vectors and the one of BM25 as one: their rankings fused, their bytes and times added."""
    place = tie_order(contest.corpus.documents.ids)
    both = [Ranking(found.ranking.rows, found.ranking.scores) for found in (dense, lexical)]
    ranking = fuse(both, place, contest.config.top_k)
    a: Mapping[str, Any] = dense.point.figures
    b: Mapping[str, Any] = lexical.point.figures
    latencies_ms = {
        name: calls if not len(calls) else calls + np.resize(lexical.latencies_ms[name], len(calls))
        for name, calls in dense.latencies_ms.items()
    }
    figures: dict[str, Any] = {
        **{name: None if a[name] is None else a[name] + b[name] for name in ADDED},
        **{name: max((x[name] for x in (a, b) if x[name] is not None), default=None) for name in LARGEST},
        **{name: None if a[name] is None else 1 / (1 / a[name] + 1 / b[name]) for name in RATES},
        **dict.fromkeys(LOAD),
    }
    per_document = figures["bytes_per_document"]
    figures["bytes_per_vector"] = None if per_document is None else per_document / a["chunks_per_document"]
    if a["tokens_per_second"] is not None:
        figures["tokens_per_second"] = figures["documents_per_second"] * a["tokens_per_document"]
    laws = added(read_laws(dense.point.laws), read_laws(lexical.point.laws))
    reasons = {**lexical.point.unmeasured, **REASONS, **FUSED_REASONS}
    stage = lexical.point.index
    return derived(contest, dense, stage, "reciprocal_rank", ranking, figures, latencies_ms, laws, reasons)


def rank(retriever: Retriever, texts: list[str], contest: Contest) -> tuple[Ranking, float]:
    """The ranking of every query, and the seconds that searching alone took."""
    place, top_k, excluded = tie_order(contest.corpus.documents.ids), contest.config.top_k, contest.excluded
    read = [retriever.read(text) for text in texts]
    started = time.perf_counter()
    found = [best(retriever.scores(query), top_k + 1, place) for query in read]
    seconds = time.perf_counter() - started
    together = Ranking(np.concatenate([f.rows for f in found]), np.concatenate([f.scores for f in found]))
    return without(together, excluded, top_k), seconds


def latencies(retriever: Retriever, texts: list[str], contest: Contest, asked: int) -> dict[str, Any]:
    """Milliseconds of single calls: reading a query (as encoding is to vectors), and finding the best ``asked``."""
    calls = max(LATENCY_CALLS, contest.config.runtime.latency_calls)
    place = tie_order(contest.corpus.documents.ids)
    read = [retriever.read(text) for text in texts]
    return {
        "search_ms": time_calls_ms(lambda i: best(retriever.scores(read[i % len(read)]), asked, place), calls),
        "encode_query_ms": time_calls_ms(lambda i: retriever.read(texts[i % len(texts)]), calls),
    }
