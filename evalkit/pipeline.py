"""The main hall: the whole story of a run. Encode each corpus once, then measure every point of the grid."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import psutil

from evalkit.baselines import evaluate_lexical, fused, lexical_point
from evalkit.config import IndexConfig, ModelConfig, QuantizationConfig, RunConfig
from evalkit.corpora import Corpus, load_corpus
from evalkit.embeddings import CorpusEmbeddings, Embeddings, EmbeddingStore, embed
from evalkit.embeddings.encoding import Progress, no_progress
from evalkit.embeddings.inventory import prune
from evalkit.embeddings.spending import agree, estimate
from evalkit.encoders import Advance, Encoder, load_encoder
from evalkit.encoders.choice import AUTO, choose_runtime, named_runtime
from evalkit.encoders.hosted import HostedEncoder
from evalkit.errors import UserError
from evalkit.findings import SEARCH_SPEED, corpus_record, encoding_memory, encoding_speed, revision, tokens_per_text
from evalkit.lexical import KINDS as LEXICAL
from evalkit.measures.cost import HOSTED, tariff
from evalkit.measures.latency import percentiles_ms, time_calls_ms
from evalkit.measures.load import FIGURES as LOAD
from evalkit.measures.load import ladder
from evalkit.measures.memory import PeakMemory
from evalkit.measures.quality import Judge, overlap_at, parse_measures
from evalkit.results.record import CorpusRecord, Measured
from evalkit.scoring import Contest, measured
from evalkit.search import Searcher, Vectors, build, cut, empty, operating_points
from evalkit.search.devices import check_device
from evalkit.search.ranking import Ranking, tie_order
from evalkit.validation import check, dims_list

BM25 = ModelConfig(kind="bm25", name="bm25")
EXACT = (QuantizationConfig(faiss="Flat"), IndexConfig(faiss="{quantization}"))
OVERLAP_DEPTHS = (10, 100)
SEARCH_LATENCY_CALLS = 200
BATCH_REPEATS = 3


def evaluate(config: RunConfig, progress: Progress = no_progress) -> Generator[CorpusRecord | Measured, None, None]:
    """What is found, as soon as it is: a CorpusRecord for each corpus, then a Measured for each of its points.

    Raises UserError for whatever the user can mend; all configs and corpora are checked before any encoding.
    """
    check(config)
    check_device(config.search_device)
    measures = parse_measures(config.measures, config.top_k)
    if config.model.kind in LEXICAL:
        yield from evaluate_lexical(config, load_corpora(config), measures)
        return
    encoder = load_encoder(with_price(config), named_runtime(config.runtime))
    all_dims = dims_list(config.dims, encoder.dims, encoder.config.name)
    corpora = load_corpora(config)
    check_settings(config, all_dims, corpora)
    store = EmbeddingStore(config.store.path, config.store.shard_texts, config.store.dtype)
    if config.runtime.kind == AUTO:
        runtime = choose_runtime(config.model, config.runtime, corpora[0].documents.texts, store.path)
        encoder = load_encoder(config.model, runtime)
    if isinstance(encoder, HostedEncoder) and encoder.device == HOSTED:
        api = encoder.config.api
        spending = estimate(store, encoder, corpora, config.runtime.latency_calls, api.usd_per_million_tokens)
        agree(spending, encoder.config.name, api)
    use_threads(config.runtime.threads)
    for corpus in corpora:
        embeddings = embed(store, encoder, corpus, config.runtime.latency_calls, progress)
        yield corpus_record(encoder, corpus, embeddings)
        device, cores = embeddings.documents.meta["model"]["device"], psutil.cpu_count() or 1
        prices = tariff(config.pricing, config.workload, encoder.config.name, device, cores)
        contest = Contest(config, corpus, Judge(measures, corpus.qrels), prices)
        lexical = lexical_point(contest, BM25)[1] if config.model.fuse else None
        subject = Subject(contest, encoder, embeddings, lexical)
        advance = progress(f"{corpus.name} settings", len(all_dims) * len(config.quantization) * len(config.index))
        for dims in all_dims:
            yield from score_dims(subject, dims, advance)
    if config.store.max_gb is not None:
        prune(store, max_bytes=int(config.store.max_gb * 1e9))


def with_price(config: RunConfig) -> ModelConfig:
    """The model with what its API costs: its own setting, else the list's; null where neither tells."""
    model = config.model
    listed = {price.name: price.usd_per_million_tokens for price in config.pricing.models.values()}
    own = model.api.usd_per_million_tokens
    return replace(model, api=replace(model.api, usd_per_million_tokens=listed.get(model.name) if own is None else own))


def load_corpora(config: RunConfig) -> list[Corpus]:
    corpora = [load_corpus(name, settings) for name, settings in config.corpus.items()]
    names = [c.name for c in corpora]
    if repeated := {n for n in names if names.count(n) > 1}:
        raise UserError(f"two corpora are called '{repeated.pop()}'.", "Name them: corpus.<key>.name=<another name>.")
    return corpora


def check_settings(config: RunConfig, all_dims: list[int], corpora: list[Corpus]) -> None:
    """Raises UserError for the first setting that can't be built for one of the corpora."""
    for dims, corpus, (quantization_name, quantization), (index_name, index) in product(
        all_dims, corpora, config.quantization.items(), config.index.items()
    ):
        try:
            main, _ = empty(dims, len(corpus.documents), quantization, index)
            for _, parameters in operating_points(index_name, index):
                main.set_parameters(parameters)
        except UserError as error:
            setting = f"quantization={quantization_name} index={index_name} dims={dims} on {corpus.name}"
            raise UserError(f"{setting}: {error.problem}", error.hint) from None


def use_threads(threads: int | None) -> None:
    """FAISS gets as many OpenMP threads as the encoder: one per physical core unless set."""
    import faiss

    faiss.omp_set_num_threads(threads or psutil.cpu_count(logical=False) or 1)


@dataclass(frozen=True)
class Subject:
    """One corpus encoded by one model: what every point of it is derived from and judged by.

    ``lexical`` is BM25's point, where each point of vectors is fused with it.
    """

    contest: Contest
    encoder: Encoder
    embeddings: CorpusEmbeddings
    lexical: Measured | None


def score_dims(subject: Subject, dims: int, advance: Advance) -> Iterator[Measured]:
    """Every quantization × index × operating point at one width, beside exact float32 search at that width."""
    contest, embeddings = subject.contest, subject.embeddings
    config = contest.config
    documents = Vectors(embeddings.documents.vectors, dims)
    memory_bytes = config.memory_gb * 1e9
    queries = cut(embeddings.queries.vectors, dims)
    place = tie_order(contest.corpus.documents.ids)
    depth = min(max(OVERLAP_DEPTHS), config.top_k)
    exact = build(documents, place, *EXACT, memory_bytes).rank(queries, depth, contest.excluded)
    settings = product(config.quantization.items(), config.index.items())
    for (quantization_name, quantization), (index_name, index) in settings:
        searcher = build(documents, place, quantization, index, memory_bytes, config.search_device)
        for point_name, parameters in operating_points(index_name, index):
            searcher.index.set_parameters(parameters)
            found = measure(subject, dims, quantization_name, point_name, searcher, queries, exact)
            yield found
            if subject.lexical:
                yield fused(contest, found, subject.lexical)
        advance(1)


def measure(
    subject: Subject, dims: int, quantization: str, index: str, searcher: Searcher, queries: Any, exact: Ranking
) -> Measured:
    """Everything that is measured at one point: quality, what was lost to exact search, speed, bytes and memory."""
    contest, encoder, embeddings = subject.contest, subject.encoder, subject.embeddings
    config = contest.config
    with PeakMemory() as memory:
        ranking = searcher.rank(queries, config.top_k, contest.excluded)
        speed, latencies_ms = search_speed(searcher, queries, config, embeddings.queries)
    figures = {
        "bytes_per_vector": searcher.built.bytes_per_vector,
        "index_bytes": searcher.built.index_bytes,
        "build_seconds": searcher.built.seconds,
        "training_vectors": searcher.built.training_vectors,
        **speed,
        "search_peak_rss_bytes": memory.peak_rss_bytes,
        **encoding_speed(embeddings.documents),
        **encoding_memory(embeddings.documents),
        **tokens_per_text(embeddings),
    }
    setting = {
        "model": encoder.config.name,
        "revision": revision(encoder),
        "dims": dims,
        "dims_trained": dims == encoder.dims or dims in encoder.config.matryoshka_dims,
        "quantization": quantization,
        "index": index,
        "metric": searcher.index.metric,
    }
    return measured(contest, setting, ranking, overlaps(ranking, exact, config.top_k), figures, latencies_ms)


def overlaps(ranking: Ranking, exact: Ranking, top_k: int) -> dict[str, Any]:
    """``overlap@10`` and ``overlap@100`` per query (float64); null where rankings are not that deep."""
    return {
        f"overlap@{depth}": overlap_at(depth, ranking.rows, exact.rows) if depth <= top_k else None
        for depth in OVERLAP_DEPTHS
    }


def search_speed(
    searcher: Searcher, queries: Any, config: RunConfig, encoded: Embeddings
) -> tuple[dict[str, float | None], dict[str, Any]]:
    """Batch throughput; latency of one query at a time (search, encode, both added call by call); clients at once.

    Also gives the milliseconds of every single call, by which latencies of two runs are compared.
    """
    latency_calls = max(SEARCH_LATENCY_CALLS, len(encoded.latency_ms))
    encode_ms = np.resize(encoded.latency_ms, latency_calls)
    of_encoding = percentiles_ms("encode_query", encode_ms)
    if searcher.on_disk:
        return {**dict.fromkeys((*SEARCH_SPEED, *LOAD)), **of_encoding}, {"search_ms": [], "encode_query_ms": []}
    single = [queries[i : i + 1] for i in range(len(queries))]

    def find_one(i: int) -> object:
        return searcher.find(single[i % len(single)], config.top_k)

    search_ms = time_calls_ms(find_one, latency_calls)
    batch_ms = time_calls_ms(lambda i: searcher.find(queries, config.top_k), BATCH_REPEATS)
    of_load = ladder(find_one, config.load_seconds, one_thread) if config.load_seconds else dict.fromkeys(LOAD)
    speed = {
        "search_queries_per_second": len(queries) / float(np.median(batch_ms)) * 1000,
        **percentiles_ms("search", search_ms),
        **of_encoding,
        **percentiles_ms("query", search_ms + encode_ms),
        **of_load,
    }
    return speed, {"search_ms": search_ms, "encode_query_ms": encode_ms}


def one_thread() -> None:
    """A client's searches run in the client's own thread, as behind a server with a pool of workers."""
    import faiss

    faiss.omp_set_num_threads(1)
