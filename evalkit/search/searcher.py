"""One searchable setting: documents in an index, optionally with a second, finer copy that re-orders candidates."""

from dataclasses import dataclass

import numpy as np

from evalkit.search.exact import StoredFlatIndex
from evalkit.search.indexes import FloatIndex, VectorIndex
from evalkit.search.ranking import Ranking, Rows, Scores, order, without
from evalkit.search.vectors import FloatMatrix

TIE_MARGIN = 32
RESCORE_QUERIES = 64


@dataclass(frozen=True)
class Rescoring:
    """A flat copy of the documents, and how many candidates per wanted result it re-orders."""

    store: FloatIndex | StoredFlatIndex
    factor: int

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
    is how many documents codebooks and ranges were learned from, 0 where nothing is learned.
    """

    seconds: float
    training_vectors: int
    index_bytes: int | None
    bytes_per_vector: float | None


@dataclass(frozen=True)
class Searcher:
    """Documents of one (dims, quantization, index), ready to be searched.

    ``refined`` is FAISS's own index of both with its rescoring, where it has one. ``exhaustive`` says that every
    vector is compared. ``place`` orders ties (see ``ranking.tie_order``).
    """

    index: VectorIndex
    rescoring: Rescoring | None
    refined: VectorIndex | None
    exhaustive: bool
    documents: int
    place: Rows
    built: Built

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
        if self.refined is not None:
            return self.refined.search(queries, k)
        _, rows = self.index.search(queries, min(k * self.rescoring.factor, self.documents))
        scores = self.rescoring.scores(queries, rows)
        best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1), axis=1)
        return np.take_along_axis(scores, best, axis=1), np.take_along_axis(rows, best, axis=1)

    def rank(self, queries: FloatMatrix, k: int, excluded: Rows | None = None) -> Ranking:
        """The best ``k`` documents per query under the total order of ``ranking.order``.

        Ties across the last place are settled by that order too, so the result depends on neither block size nor
        thread count. ``excluded`` holds per query a row that must not be found, -1 for none.
        """
        if excluded is not None and (excluded >= 0).any():
            return without(self.rank(queries, k + 1), excluded, k)
        depth = k if self.rescoring is None else k * self.rescoring.factor
        ranking = self.candidates(queries, depth)
        if self.rescoring is not None:
            ranking = order(ranking.rows, self.rescoring.scores(queries, ranking.rows), self.place)
        return ranking.first(k)

    def candidates(self, queries: FloatMatrix, k: int) -> Ranking:
        """The index's own best ``k``, searched deeper where a tie reaches across the last place.

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
