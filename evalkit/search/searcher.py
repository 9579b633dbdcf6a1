"""One searchable setting: documents in an index, optionally with a second, finer copy that re-orders candidates."""

import time
from dataclasses import dataclass

import numpy as np

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.search.indexes import FloatIndex, StoredFlatIndex, VectorIndex, vector_index
from evalkit.search.ranking import Ranking, Rows, Scores, order, without
from evalkit.search.vectors import FloatMatrix, Vectors

FLAT = "Flat"
STORE_FACTORY = {"float32": FLAT, "float16": "SQfp16", "int8": "SQ8"}
TIE_MARGIN = 32
RESCORE_QUERIES = 64


@dataclass(frozen=True)
class Rescoring:
    """A flat copy of the documents, and how many candidates per wanted result it re-orders."""

    store: FloatIndex | StoredFlatIndex
    factor: int


@dataclass(frozen=True)
class Searcher:
    """Documents of one (dims, quantization, index), ready to be searched.

    ``bytes_per_vector`` counts everything kept per document, a rescoring store included; ``index_bytes`` is all
    of it as serialized, codebooks and headers too. ``place`` orders ties (see ``ranking.tie_order``).
    """

    index: VectorIndex
    rescoring: Rescoring | None
    documents: int
    place: Rows
    build_seconds: float
    index_bytes: int
    bytes_per_vector: float

    @property
    def on_disk(self) -> bool:
        """Whether vectors are read from the store at every search, which is no speed that a server would have."""
        return isinstance(self.index, StoredFlatIndex)

    def find(self, queries: FloatMatrix, k: int) -> tuple[Scores, Rows]:
        """What the index itself gives, as a server would run it: (scores, rows), each queries × min(k, documents).

        Equal scores come in no particular order. This is what latencies are measured on.
        """
        k = min(k, self.documents)
        if self.rescoring is None:
            return self.index.search(queries, k)
        _, rows = self.index.search(queries, min(k * self.rescoring.factor, self.documents))
        scores = self.rescore(queries, rows)
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1), axis=1)
        return np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)

    def rank(self, queries: FloatMatrix, k: int, excluded: Rows | None = None) -> Ranking:
        """The best ``k`` documents per query under the total order of ``ranking.order``.

        Ties across the last place are settled by that order too, so the result depends on neither block size nor
        thread count. ``excluded`` holds per query a row that must not be found, -1 for none.
        """
        if excluded is not None and (excluded >= 0).any():
            return without(self.rank(queries, k + 1), excluded)
        depth = k if self.rescoring is None else k * self.rescoring.factor
        ranking = self.candidates(queries, depth)
        if self.rescoring is not None:
            ranking = order(ranking.rows, self.rescore(queries, ranking.rows), self.place)
        return ranking.first(k)

    def candidates(self, queries: FloatMatrix, k: int) -> Ranking:
        """The index's own best ``k``, searched deeper where a tie reaches across the last place."""
        k = min(k, self.documents)
        depth = min(k + TIE_MARGIN, self.documents)
        scores, rows = self.index.search(queries, depth)
        best = order(rows, scores, self.place)
        result = best.first(k)
        open_ties = np.flatnonzero((best.scores[:, k - 1] == best.scores[:, -1]) & (best.rows[:, -1] >= 0))
        while depth < self.documents and len(open_ties):
            depth = min(depth * 4, self.documents)
            scores, rows = self.index.search(queries[open_ties], depth)
            deeper = order(rows, scores, self.place)
            result.rows[open_ties], result.scores[open_ties] = deeper.rows[:, :k], deeper.scores[:, :k]
            open_ties = open_ties[deeper.scores[:, k - 1] == deeper.scores[:, -1]]
        return result

    def rescore(self, queries: FloatMatrix, rows: Rows) -> Scores:
        """Inner products of float queries with the de-quantized rescoring copies of ``rows`` (queries × candidates)."""
        if self.rescoring is None:
            raise ValueError("this searcher keeps no rescoring store")
        scores = np.empty(rows.shape, dtype=np.float32)
        for start in range(0, len(queries), RESCORE_QUERIES):
            block = slice(start, start + RESCORE_QUERIES)
            vectors = self.rescoring.store.reconstruct(np.maximum(rows[block], 0))
            scores[block] = np.einsum("qd,qcd->qc", queries[block], vectors)
        scores[rows < 0] = -np.inf
        return scores


def build(
    documents: Vectors,
    place: Rows,
    quantization: QuantizationConfig,
    index: IndexConfig,
    memory_bytes: float = float("inf"),
) -> Searcher:
    """Train on and fill an index with ``documents``, block by block.

    Flat float32 vectors that would take more than ``memory_bytes`` stay on disk and are searched there. Raises
    UserError where FAISS can't build what the configs describe.
    """
    main, rescoring = empty(documents.dims, quantization, index)
    if documents.nbytes > memory_bytes:
        if index.faiss.format(quantization=quantization.faiss) == FLAT:
            main = StoredFlatIndex(documents)
        if rescoring is not None and quantization.rescore is not None and quantization.rescore.store == "float32":
            rescoring = Rescoring(StoredFlatIndex(documents), rescoring.factor)
    built: list[VectorIndex] = [main, rescoring.store] if rescoring else [main]
    started = time.perf_counter()
    sample = documents.sample()
    for part in built:
        part.train(sample)
    seconds = time.perf_counter() - started
    empty_bytes = sum(part.serialized_bytes() for part in built)
    started = time.perf_counter()
    for _, block in documents.blocks():
        for part in built:
            part.add(block)
    seconds += time.perf_counter() - started
    index_bytes = sum(part.serialized_bytes() for part in built)
    return Searcher(
        index=main,
        rescoring=rescoring,
        documents=len(documents),
        place=place,
        build_seconds=seconds,
        index_bytes=index_bytes,
        bytes_per_vector=(index_bytes - empty_bytes) / len(documents),
    )


def empty(dims: int, quantization: QuantizationConfig, index: IndexConfig) -> tuple[VectorIndex, Rescoring | None]:
    """The index and the rescoring store that the configs describe, untrained and empty.

    Cheap, so it also tells whether a setting can be built at all. Raises UserError where it can't.
    """
    main = vector_index(index.faiss.format(quantization=quantization.faiss), dims)
    rescore = quantization.rescore
    if rescore is None:
        return main, None
    return main, Rescoring(FloatIndex(STORE_FACTORY[rescore.store], dims), rescore.factor)
