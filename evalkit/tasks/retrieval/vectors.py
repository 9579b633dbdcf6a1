"""Every point of one corpus's vectors: each dims × quantization × index, measured beside exact search."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from evalkit.config import IndexConfig, QuantizationConfig, RunConfig
from evalkit.embeddings import CorpusEmbeddings, Embeddings
from evalkit.embeddings.figures import (
    encoding_cores,
    encoding_memory,
    encoding_speed,
    tokens_per_text,
    why_untimed,
)
from evalkit.embeddings.record import revision
from evalkit.embeddings.why_null import SEARCH_SPEED
from evalkit.encoders import Advance, Encoder
from evalkit.measures.latency import BusyCores, percentiles_ms, time_calls_ms
from evalkit.measures.load import FIGURES as LOAD
from evalkit.measures.load import ladder
from evalkit.measures.memory import PeakMemory
from evalkit.measures.quality import overlap_at
from evalkit.measures.ranking import Ranking, tie_order
from evalkit.results.record import Measured
from evalkit.scaling.kept import AtSize
from evalkit.scaling.vectors import CorpusLaws, point_laws, why_not_at_size
from evalkit.search import DocumentSearcher, Searcher, Vectors, build, chunk_order, cut, operating_points
from evalkit.search.engines.faiss.devices import CPU
from evalkit.tasks.retrieval.lexical import fused
from evalkit.tasks.retrieval.reranking import Reranking
from evalkit.tasks.retrieval.scoring import Contest, measured

EXACT = (QuantizationConfig(faiss="Flat"), IndexConfig(faiss="{quantization}"))
OVERLAP_DEPTHS = (10, 100)
SEARCH_LATENCY_CALLS = 200
BATCH_REPEATS = 3


@dataclass(frozen=True)
class Subject:
    """One corpus encoded by one model: what every point of it is derived from and judged by.

    ``lexical`` is BM25's point, where each point of vectors is fused with it; ``reranking`` re-orders what each finds.
    ``laws`` say what a setting takes among more vectors.
    """

    contest: Contest
    encoder: Encoder
    embeddings: CorpusEmbeddings
    lexical: Measured | None
    reranking: Reranking | None
    laws: CorpusLaws


def points_at(subject: Subject, dims: int, advance: Advance) -> Iterator[Measured]:
    """Every quantization × index × operating point at one width, beside exact float32 search at that width."""
    contest, embeddings = subject.contest, subject.embeddings
    config = contest.config
    queries = cut(embeddings.queries.vectors, dims)
    depth = min(max(OVERLAP_DEPTHS), config.top_k)
    exact = build_searcher(subject, dims, *EXACT, CPU).rank(queries, depth, contest.excluded)
    settings = product(config.quantization.items(), config.index.items())
    for (quantization_name, quantization), (index_name, index) in settings:
        searcher = build_searcher(subject, dims, quantization, index, config.search_device)
        points = list(operating_points(index_name, index, quantization, config.served))
        at_sizes = subject.laws.of(quantization, index, searcher, points, queries)
        for point, at_size in zip(points, at_sizes, strict=True):
            placed = searcher.at(point)
            named = (quantization_name, point.name)
            asked = partial(measure, subject, dims, *named, placed, queries, exact, at_size, index)
            yield from with_stages(subject, asked)
        advance(1)


def with_stages(subject: Subject, asked: Callable[[int], Measured]) -> Iterator[Measured]:
    """What a user is served, re-ordered, fused with BM25, and both.

    ``asked`` measures a search for so many results: a stage is given what the search finds that asks for as many as
    the stage reads.
    """
    contest, lexical, reranking = subject.contest, subject.lexical, subject.reranking
    config = contest.config
    yield asked(config.served)
    if reranking:
        yield reranking.apply(contest, asked(reranking.config.depth))
    if lexical:
        both = fused(contest, asked(config.top_k), lexical)
        yield both
        if reranking:
            yield reranking.apply(contest, both)


def build_searcher(
    subject: Subject, dims: int, quantization: QuantizationConfig, index: IndexConfig, device: str
) -> Searcher | DocumentSearcher:
    """The documents of ``subject`` in one setting, searched by their chunks where they have several."""
    config, chunks = subject.contest.config, subject.embeddings.chunks
    vectors = Vectors(subject.embeddings.documents.vectors, dims)
    place = tie_order(subject.contest.corpus.documents.ids)
    memory_bytes = config.memory_gb * 1e9
    if chunks.document is None:
        return build(vectors, place, quantization, index, memory_bytes, device)
    searcher = build(vectors, chunk_order(chunks.document, place), quantization, index, memory_bytes, device)
    return DocumentSearcher(searcher, chunks.document, place, config.chunking.top_chunks)


def measure(
    subject: Subject,
    dims: int,
    quantization: str,
    index: str,
    searcher: Searcher | DocumentSearcher,
    queries: Any,
    exact: Ranking,
    at_size: AtSize,
    index_config: IndexConfig,
    asked: int,
) -> Measured:
    """Everything that is measured at one point: quality, what was lost to exact search, speed, bytes and memory.

    ``asked`` is how many results a search asks for; the ranking goes on behind them. ``at_size`` is what the index
    alone takes among more vectors.
    """
    contest, encoder, embeddings = subject.contest, subject.encoder, subject.embeddings
    config = contest.config
    with PeakMemory() as memory:
        ranking = searcher.rank(queries, config.top_k, contest.excluded, served=asked)
        speed, latencies_ms = search_speed(searcher, queries, asked, config, embeddings.queries)
    per_vector, chunks = searcher.built.bytes_per_vector, embeddings.chunks
    figures = {
        "bytes_per_vector": per_vector,
        "chunks_per_document": chunks.per_document,
        "bytes_per_document": None if per_vector is None else per_vector * chunks.per_document,
        "index_bytes": searcher.built.index_bytes,
        "build_seconds": searcher.built.seconds,
        "training_vectors": searcher.built.training_vectors,
        **speed,
        "overlap@10_at_size": at_size.overlap,
        "overlap_size": at_size.overlap_size,
        "search_peak_rss_bytes": memory.peak_rss_bytes,
        **encoding_speed(embeddings),
        **encoding_memory(embeddings.documents),
        **tokens_per_text(embeddings),
        "encode_cores": encoding_cores(embeddings),
    }
    setting = {
        "model": encoder.config.name,
        "revision": revision(encoder),
        "dims": dims,
        "dims_trained": dims == encoder.dims or dims in encoder.config.matryoshka_dims,
        "quantization": quantization,
        "index": index,
        "candidates": None if searcher.candidates is None else max(searcher.candidates, asked),
        "metric": searcher.index.metric,
        "chunking": chunks.name,
    }
    overlap = overlaps(ranking, exact, config.top_k)
    laws = point_laws(at_size, searcher, index_config, queries, figures, asked)
    reasons = {**why_untimed(embeddings), **why_not_at_size(at_size)}
    return measured(contest, setting, ranking, overlap, figures, latencies_ms, laws, reasons)


def overlaps(ranking: Ranking, exact: Ranking, top_k: int) -> dict[str, Any]:
    """``overlap@10`` and ``overlap@100`` per query (float64); null where rankings are not that deep."""
    return {
        f"overlap@{depth}": overlap_at(depth, ranking.rows, exact.rows) if depth <= top_k else None
        for depth in OVERLAP_DEPTHS
    }


def search_speed(
    searcher: Searcher | DocumentSearcher, queries: Any, asked: int, config: RunConfig, encoded: Embeddings
) -> tuple[dict[str, float | None], dict[str, Any]]:
    """Batch throughput; latency of one query at a time (search, encode, both added call by call); clients at once.

    Each search asks for ``asked`` results; clients at once are measured for those that a user is served. Also gives the
    milliseconds of every single call, by which latencies of two runs are compared.
    """
    latency_calls = max(SEARCH_LATENCY_CALLS, len(encoded.latency_ms))
    known_ms = encoded.latency_ms if len(encoded.latency_ms) else np.array([np.nan], dtype=np.float32)
    encode_ms = np.resize(known_ms, latency_calls)
    of_encoding = percentiles_ms("encode_query", encode_ms)
    if searcher.on_disk:
        return {**dict.fromkeys((*SEARCH_SPEED, *LOAD, "search_cores")), **of_encoding}, {
            "search_ms": [],
            "encode_query_ms": [],
        }
    single = [queries[i : i + 1] for i in range(len(queries))]

    def find_one(i: int) -> object:
        return searcher.find(single[i % len(single)], asked)

    with BusyCores() as cores:
        search_ms = time_calls_ms(find_one, latency_calls)
    batch_ms = time_calls_ms(lambda i: searcher.find(queries, asked), BATCH_REPEATS)
    loaded = config.load_seconds and asked == config.served
    of_load = ladder(find_one, config.load_seconds, one_thread) if loaded else dict.fromkeys(LOAD)
    speed = {
        "search_queries_per_second": len(queries) / float(np.median(batch_ms)) * 1000,
        **percentiles_ms("search", search_ms),
        **of_encoding,
        **percentiles_ms("query", search_ms + encode_ms),
        **of_load,
        "search_cores": cores.mean,
    }
    return speed, {"search_ms": search_ms, "encode_query_ms": encode_ms}


def one_thread() -> None:
    """A client's searches run in the client's own thread, as behind a server with a pool of workers."""
    import faiss

    faiss.omp_set_num_threads(1)
