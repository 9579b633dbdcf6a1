"""Every point of one corpus's vectors: each dims × quantization × index × operating point, beside exact search."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from types import MappingProxyType
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix, Floats, Rows
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.figures import encoding_cores, encoding_memory, encoding_speed, tokens_per_text, why_untimed
from evalkit.embeddings.passes import Progress
from evalkit.embeddings.record import revision
from evalkit.measures.latency import time_calls_ms
from evalkit.measures.laws import Laws
from evalkit.measures.overlap import ExactSearch, PairScores, rounding
from evalkit.measures.ranking import Ranking, by_block
from evalkit.results.setting import Setting
from evalkit.scaling.kept import AtSize
from evalkit.scaling.vectors import UNDER_A_FILTER, CorpusLaws, point_laws, why_not_at_size
from evalkit.search import (
    DocumentSearcher,
    ExactDocumentScores,
    ExactScores,
    Searcher,
    Vectors,
    build,
    chunk_order,
    cut,
    operating_points,
)
from evalkit.search.engine import CPU, THERE_ALREADY, EngineFacts, Payload, engine_name, index_word
from evalkit.search.filters import labels_of, of_chunks
from evalkit.search.operating import OperatingPoint
from evalkit.search.searcher import TIE_MARGIN
from evalkit.system.busy import Figures
from evalkit.tasks.models import EncodedCorpus
from evalkit.tasks.retrieval.retriever import PointContext, Retriever, options_text

EXACT = (QuantizationConfig(faiss="Flat"), IndexConfig(faiss="{quantization}"))
OVERLAP_DEPTHS = (10, 100)
BATCH_REPEATS = 3
LEAST_QUERIES = 256
MOST_RANKED_BYTES = 125e6
CANDIDATE_BYTES = 150  # at most, while rankings are put in order and joined: rows, scores, places and copies of them


def retrievers(
    contexts: Sequence[PointContext], read: EncodedCorpus, dims: list[int], progress: Progress
) -> Iterator[Retriever]:
    """One per cell of the grid and context, in order; each index is built when its first operating point is asked for.

    The first of ``contexts`` is that of all documents, each other that of a filter.
    """
    context = contexts[0]
    config = context.config
    labels = labels_of([each.filter for each in contexts if each.filter], len(context.corpus.documents))
    laws = CorpusLaws(config, read.embeddings.documents.vectors, EmbeddingStore(config.store.path).path)
    advance = progress(f"settings of {context.corpus.name}", len(dims) * len(config.quantization) * len(config.index))
    for width in dims:
        queries = cut(read.embeddings.queries.vectors, width)
        exact = exact_searches(contexts, read, width, queries)
        settings = product(config.quantization.items(), config.index.items())
        for (quantization_name, quantization), (index_name, index) in settings:
            building = build_searcher(context, read, width, quantization, index, config.search_device, labels)
            with closing(building) as searcher:
                points = list(operating_points(index_name, index, quantization, config.served))
                at_sizes = laws.of(quantization, index, searcher, points, queries)
                for point, at_size in zip(points, at_sizes, strict=True):
                    for each, exact_of in zip(contexts, exact, strict=True):
                        yield VectorRetriever(
                            context=each,
                            read=read,
                            setting=setting_of(
                                each, read, width, quantization_name, quantization, index_name, index, point
                            ),
                            searcher=searcher.at(point).filtered(each.keep),
                            queries=queries_of(each, context, queries),
                            exact=exact_of,
                            at_size=UNDER_A_FILTER if each.filter else at_size,
                            index=index,
                        )
            advance(1)


def queries_of(context: PointContext, whole: PointContext, queries: FloatMatrix) -> FloatMatrix:
    """Of the ``queries`` of the ``whole`` corpus, those that a filter leaves."""
    row = whole.corpus.queries.row
    return queries if context is whole else queries[[row[query] for query in context.corpus.queries.ids]]


def exact_searches(
    contexts: Sequence[PointContext], read: EncodedCorpus, dims: int, queries: FloatMatrix
) -> list[ExactSearch]:
    """What exact float32 search at these ``dims`` finds in each context, as deep as overlaps go, and how it scores any
    document.
    """
    depth = min(max(OVERLAP_DEPTHS), contexts[0].config.top_k)
    with closing(build_searcher(contexts[0], read, dims, *EXACT, CPU)) as exhaustive:
        return [
            exact_search(each, exhaustive.filtered(each.keep), read, queries_of(each, contexts[0], queries), depth)
            for each in contexts
        ]


def exact_search(
    context: PointContext,
    exhaustive: Searcher | DocumentSearcher,
    read: EncodedCorpus,
    queries: FloatMatrix,
    depth: int,
) -> ExactSearch:
    dims, chunks = queries.shape[1], read.embeddings.chunks
    rows = ranked_by_block(exhaustive, context, queries, depth, depth).rows
    of_vectors = ExactScores(queries, Vectors(read.embeddings.documents.vectors, dims))
    scores: PairScores = of_vectors
    if chunks.document is not None:
        scores = ExactDocumentScores(of_vectors, chunks.document, context.config.chunking.top_chunks)
    return ExactSearch(rows, scores, rounding(dims))


def ranked_by_block(
    searcher: Searcher | DocumentSearcher, context: PointContext, queries: FloatMatrix, k: int, served: int
) -> Ranking:
    """``searcher.rank`` of all ``queries``, of as many at once as ``queries_at_once`` gives."""

    def rank(block: slice) -> Ranking:
        return searcher.rank(queries[block], k, context.excluded[block], served=served)

    return by_block(len(queries), queries_at_once(searcher, k, context.config.memory_bytes), rank)


def queries_at_once(searcher: Searcher | DocumentSearcher, k: int, memory_bytes: float) -> int:
    """How many queries' candidates take an eighth of it, at most 0.125 GB, while they are ranked; some anyway."""
    chunks = searcher.chunks.documents / len(searcher.place) if isinstance(searcher, DocumentSearcher) else 1.0
    depth = chunks * max(k + TIE_MARGIN, searcher.candidates or 0)
    return max(LEAST_QUERIES, int(min(memory_bytes / 8, MOST_RANKED_BYTES) / (depth * CANDIDATE_BYTES)))


def setting_of(
    context: PointContext,
    read: EncodedCorpus,
    dims: int,
    quantization_name: str,
    quantization: QuantizationConfig,
    index_name: str,
    index: IndexConfig,
    point: OperatingPoint,
) -> Setting:
    """Of one operating point; ``index_name`` is the key of its config."""
    model, engine = read.encoder.config, engine_name(quantization, index)
    return context.setting(
        model=model.name,
        revision=revision(read.encoder),
        model_options=options_text(model),
        chunking=read.embeddings.chunks.name,
        dims=dims,
        quantization=quantization_name,
        engine=engine,
        index=index_word(index_name, engine),
        operating_point=point.name.removeprefix(index_name).removeprefix("(").removesuffix(")"),
    )


def build_searcher(
    context: PointContext,
    read: EncodedCorpus,
    dims: int,
    quantization: QuantizationConfig,
    index: IndexConfig,
    device: str,
    labels: Mapping[str, Rows] = MappingProxyType({}),
) -> Searcher | DocumentSearcher:
    """The documents of a corpus with ``labels`` in one setting, searched by their chunks where they have several."""
    config, chunks, place = context.config, read.embeddings.chunks, context.place
    vectors = Vectors(read.embeddings.documents.vectors, dims)
    memory_bytes = config.memory_bytes
    ids = context.corpus.documents.ids
    if chunks.document is None:
        return build(vectors, place, quantization, index, memory_bytes, device, Payload(ids, labels))
    payload = Payload([ids[row] for row in chunks.document.tolist()], of_chunks(labels, chunks.document))
    searcher = build(vectors, chunk_order(chunks.document, place), quantization, index, memory_bytes, device, payload)
    return DocumentSearcher(searcher, chunks.document, place, config.chunking.top_chunks)


@dataclass(frozen=True)
class VectorRetriever:
    """Vectors of one corpus at one operating point of a built index.

    ``queries`` are cut to the same dims, ``exact`` is what exact float32 search at these dims finds, ``at_size`` what
    the index alone takes among more vectors.
    """

    context: PointContext
    read: EncodedCorpus
    setting: Setting
    searcher: Searcher | DocumentSearcher
    queries: FloatMatrix
    exact: ExactSearch
    at_size: AtSize
    index: IndexConfig

    @property
    def metric(self) -> str:
        return self.searcher.index.metric

    @property
    def dims_trained(self) -> bool:
        encoder = self.read.encoder
        return self.setting.dims == encoder.dims or self.setting.dims in encoder.config.matryoshka_dims

    @property
    def can_be_timed(self) -> bool:
        return not self.searcher.on_disk

    @property
    def engine_version(self) -> str:
        return self.facts.version

    @property
    def unproven(self) -> str:
        return self.facts.unproven

    @cached_property
    def facts(self) -> EngineFacts:
        return self.searcher.index.facts()

    @cached_property
    def single_queries(self) -> list[FloatMatrix]:
        return [self.queries[i : i + 1] for i in range(len(self.queries))]

    def candidates(self, asked: int) -> int | None:
        return None if self.searcher.candidates is None else max(self.searcher.candidates, asked)

    def rank(self, asked: int) -> Ranking:
        return ranked_by_block(self.searcher, self.context, self.queries, self.context.config.top_k, asked)

    def find(self, query: int, asked: int) -> object:
        return self.searcher.find(self.single_queries[query], asked)

    def find_all_ms(self, asked: int) -> float:
        calls_ms = time_calls_ms(lambda call: self.searcher.find(self.queries, asked), BATCH_REPEATS)
        return float(np.median(calls_ms))

    def start_client(self) -> None:
        """A client's searches run in the client's own thread, as behind a server with a pool of workers."""
        import faiss

        faiss.omp_set_num_threads(1)

    def encode_ms(self, calls: int) -> Floats:
        known_ms = self.read.embeddings.queries.latency_ms
        return np.resize(known_ms if len(known_ms) else np.array([np.nan], dtype=np.float32), calls)

    def figures(self) -> Mapping[str, Any]:
        built, embeddings = self.searcher.built, self.read.embeddings
        per_vector, per_document = built.bytes_per_vector, embeddings.chunks.per_document
        return {
            "bytes_per_vector": per_vector,
            "chunks_per_document": per_document,
            "bytes_per_document": None if per_vector is None else per_vector * per_document,
            "index_bytes": built.index_bytes,
            "table_bytes": built.table_bytes,
            "build_seconds": None if math.isnan(built.seconds) else built.seconds,
            "training_vectors": built.training_vectors,
            "overlap@10_at_size": self.at_size.overlap,
            "overlap_size": self.at_size.overlap_size,
            **encoding_speed(embeddings),
            **encoding_memory(embeddings.documents),
            **tokens_per_text(embeddings),
            "encode_cores": encoding_cores(embeddings),
        }

    def overlap(self, ranking: Ranking) -> Mapping[str, Floats | None]:
        top_k = self.context.config.top_k
        return {
            f"overlap@{depth}": self.exact.overlap_at(depth, ranking.rows) if depth <= top_k else None
            for depth in OVERLAP_DEPTHS
        }

    def laws(self, figures: Mapping[str, Any], asked: int) -> Laws:
        if self.context.filter is not None:
            return {}
        return point_laws(self.at_size, self.searcher, self.index, self.queries, figures, asked)

    def reasons(self) -> Mapping[str, str]:
        missing = {"build_seconds": THERE_ALREADY} if math.isnan(self.searcher.built.seconds) else {}
        return {**why_untimed(self.read.embeddings), **why_not_at_size(self.at_size), **missing, **self.facts.reasons}

    def load(self) -> Figures:
        return self.at_size.load

    def proof(self) -> Mapping[str, str]:
        return {"engine": f"{self.facts.name} {self.facts.version}", **self.facts.proof}
