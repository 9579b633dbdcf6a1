"""One searchable setting: documents in an index, optionally with a second, finer copy that re-orders candidates."""

from dataclasses import dataclass, replace

import numpy as np

from evalkit.arrays import FloatMatrix, Rows, Scores
from evalkit.measures.ranking import Ranking, behind, order, without
from evalkit.search.engines.faiss.exact import StoredFlatIndex
from evalkit.search.engines.faiss.indexes import FloatIndex, RefinedIndex, VectorIndex
from evalkit.search.operating import OperatingPoint

TIE_MARGIN = 32
RESCORE_QUERIES = 64


@dataclass(frozen=True)
class Rescoring:
    """A flat copy of the documents that re-orders candidates."""

    store: FloatIndex | StoredFlatIndex

    def scores(self, queries: FloatMatrix, rows: Rows) -> Scores:
        """Inner products of float queries with the de-quantized copies of ``rows`` (queries × candidates)."""
        scores = np.empty(rows.shape, dtype=np.float32)
        for start in range(0, len(queries), RESCORE_QUERIES):
            block = slice(start, start + RESCORE_QUERIES)
            vectors = self.store.reconstruct(np.maximum(rows[block], 0))[..., : queries.shape[1]]
            scores[block] = np.einsum("qd,qcd->qc", queries[block], vectors)
        scores[rows < 0] = -np.inf
        return scores


@dataclass(frozen=True)
class Built:
    """What building took and what must be kept.

    ``bytes_per_vector`` counts everything kept per document, a rescoring store included; ``index_bytes`` is all of it
    as serialized, codebooks and headers too; both are null where an own quantizer does not tell. ``training_vectors``
    is how many documents codebooks and ranges were learned from, 0 where nothing is learned, ``training_seconds`` the
    part of ``seconds`` that this took.
    """

    seconds: float
    training_seconds: float
    training_vectors: int
    index_bytes: int | None
    bytes_per_vector: float | None


@dataclass(frozen=True)
class Searcher:
    """Documents of one (dims, quantization, index), ready to be searched at one operating point.

    ``candidates`` is how many of the codes' best results are re-ordered, null without a rescoring store. ``refined`` is
    FAISS's own index of both with its rescoring, where it has one. ``exhaustive`` says that every vector is compared.
    ``place`` orders ties (see ``ranking.tie_order``).
    """

    index: VectorIndex
    rescoring: Rescoring | None
    candidates: int | None
    refined: RefinedIndex | None
    exhaustive: bool
    documents: int
    place: Rows
    built: Built

    @property
    def on_disk(self) -> bool:
        """Whether vectors are read from the store at every search, which is no speed that a server would have."""
        return isinstance(self.index, StoredFlatIndex)

    def at(self, point: OperatingPoint) -> "Searcher":
        """The same index at another operating point; its own parameters are set for all who search it."""
        self.index.set_parameters(point.parameters)
        return replace(self, candidates=point.candidates)

    def find(self, queries: FloatMatrix, k: int) -> Ranking:
        """The best min(k, documents) as a server would find them, from at least ``candidates`` where they are rescored.

        Equal scores come in no particular order. This is what latencies are measured on.
        """
        k = min(k, self.documents)
        if self.rescoring is None:
            scores, rows = self.index.search(queries, k)
            return Ranking(rows, scores)
        candidates = self.asked(k)
        if self.refined is not None:
            scores, rows = self.refined.search(queries, k, candidates)
            return Ranking(rows, scores)
        _, rows = self.index.search(queries, candidates)
        scores = self.rescoring.scores(queries, rows)
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1), axis=1)
        return Ranking(np.take_along_axis(rows, best, axis=1), np.take_along_axis(scores, best, axis=1))

    def rank(self, queries: FloatMatrix, k: int, excluded: Rows | None = None, served: int | None = None) -> Ranking:
        """The best ``k`` documents per query: those that a server gives who asks for ``served`` (null: all k), and
        behind them the rest of a deeper search (see ``ranking.behind``).

        Ties across the last place are settled by the total order of ``ranking.order``, so the result depends on neither
        block size nor thread count. ``excluded`` holds per query a row that must not be found, -1 for none; whoever
        leaves out one of the results asks for one more.
        """
        served = k if served is None else served
        if excluded is not None and (excluded >= 0).any():
            return without(self.rank(queries, k + 1, served=served + 1), excluded, k)
        asked = self.asked(min(k, served))
        deeper = self.coarse(queries, max(k, asked))
        is_beginning = self.exhaustive or asked >= k  # an approximate index that is asked for more looks at more
        first = deeper.first(asked) if is_beginning else self.coarse(queries, asked)
        if self.rescoring is not None:
            first = order(first.rows, self.rescoring.scores(queries, first.rows), self.place)
        elif is_beginning:
            return deeper.first(k)
        return behind(first, deeper).first(k)

    def asked(self, k: int) -> int:
        """How many results the index is asked for where ``k`` are wanted."""
        return min(max(k, self.candidates or 0), self.documents)

    def coarse(self, queries: FloatMatrix, k: int) -> Ranking:
        """The index's own best ``k``, not re-ordered; searched deeper where a tie reaches across the last place.

        An approximate index is asked for just ``k``: asked for more, it would look at more vectors.
        """
        k = min(k, self.documents)
        if not self.exhaustive:
            scores, rows = self.index.search(queries, k)
            return order(rows, scores, self.place)
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
