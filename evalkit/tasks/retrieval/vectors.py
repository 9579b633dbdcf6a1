"""Every point of one corpus's vectors: each dims × quantization × index × operating point, beside exact search."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix, Floats
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.figures import encoding_cores, encoding_memory, encoding_speed, tokens_per_text, why_untimed
from evalkit.embeddings.passes import Progress
from evalkit.embeddings.record import revision
from evalkit.measures.latency import time_calls_ms
from evalkit.measures.laws import Laws
from evalkit.measures.overlap import ExactSearch
from evalkit.measures.ranking import Ranking
from evalkit.results.index_config import index_word
from evalkit.results.setting import Setting
from evalkit.scaling.kept import AtSize
from evalkit.scaling.vectors import CorpusLaws, point_laws, why_not_at_size
from evalkit.search import (
    DocumentSearcher,
    Searcher,
    cut,
    operating_points,
)
from evalkit.search.engine import THERE_ALREADY, engine_name
from evalkit.search.engines.database import close_clients_of_thread
from evalkit.search.filters import labels_of
from evalkit.search.operating import OperatingPoint
from evalkit.system.busy import Figures
from evalkit.tasks.models import EncodedCorpus, options_text
from evalkit.tasks.retrieval.contracts import tell_differences
from evalkit.tasks.retrieval.retriever import Evidence, PointContext, Retriever
from evalkit.tasks.retrieval.searchers import (
    OVERLAP_DEPTHS,
    build_searcher,
    exact_searches,
    queries_of,
    ranked_by_block,
)

BATCH_REPEATS = 3
ELSEWHERE = "another process searches, whose cores are not seen"


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
    told: set[str] = set()
    advance = progress(f"settings of {context.corpus.name}", len(dims) * len(config.quantization) * len(config.index))
    for width in dims:
        queries = cut(read.embeddings.queries.vectors, width)
        exact = exact_searches(contexts, read, width, queries)
        settings = product(config.quantization.items(), config.index.items())
        for (quantization_name, quantization), (index_name, index) in settings:
            building = build_searcher(context, read, width, quantization, index, config.search_device, labels)
            with closing(building) as searcher:
                tell_differences(index_name, index, searcher, read, width, told)
                points = list(operating_points(index_name, index, quantization, config.served))
                first_ms = first_search_ms(searcher.at(points[0]), queries, config.served)
                firsts = [first_ms, *[None] * (len(points) - 1)]
                unmodelled = [context.unmodelled] * len(points) if context.unmodelled else None
                at_sizes = unmodelled or laws.of(quantization, index, searcher, points, queries)
                for point, at_size, first in zip(points, at_sizes, firsts, strict=True):
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
                            at_size=each.unmodelled or at_size,
                            index=index,
                            first_ms=None if each.filter else first,
                        )
            advance(1)


def first_search_ms(searcher: Searcher | DocumentSearcher, queries: FloatMatrix, k: int) -> float:
    """Milliseconds of one query that nothing was searched before; a database's with the opening of a new connection."""
    close_clients_of_thread()  # what it was filled by
    started = time.perf_counter()
    searcher.find(queries[:1], k)
    return (time.perf_counter() - started) * 1000


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


@dataclass(frozen=True)
class VectorRetriever:
    """Vectors of one corpus at one operating point of a built index.

    ``queries`` are cut to the same dims, ``exact`` is what exact float32 search at these dims finds, ``at_size`` what
    the index alone takes among more vectors, ``first_ms`` its first search, null where that was at another point.
    """

    context: PointContext
    read: EncodedCorpus
    setting: Setting
    searcher: Searcher | DocumentSearcher
    queries: FloatMatrix
    exact: ExactSearch
    at_size: AtSize
    index: IndexConfig
    first_ms: float | None

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
    def is_in_process(self) -> bool:
        return self.searcher.is_in_process

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

    @contextmanager
    def client(self) -> Iterator[None]:
        """FAISS searches in the client's own thread, as behind a server with a pool of workers; a database has a
        connection for it, which is closed.
        """
        import faiss

        faiss.omp_set_num_threads(1)
        try:
            yield
        finally:
            close_clients_of_thread()

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
            "search_ms_first": self.first_ms,
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
        if self.context.unmodelled:
            return {}
        return point_laws(self.at_size, self.searcher, self.index, self.queries, figures, asked)

    def evidence(self) -> Evidence:
        facts = self.searcher.index.facts()
        missing = {"build_seconds": THERE_ALREADY} if math.isnan(self.searcher.built.seconds) else {}
        if not self.is_in_process:
            missing["search_cores"] = ELSEWHERE
        reasons = {**why_untimed(self.read.embeddings), **why_not_at_size(self.at_size), **missing, **facts.reasons}
        proof = {"engine": f"{facts.name} {facts.version}", **facts.proof}
        return Evidence(facts.version, proof, reasons, facts.unproven)

    def load(self) -> Figures:
        return self.at_size.load
