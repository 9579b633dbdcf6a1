"""Documents ranked by their chunks: what is stored and searched are chunks, what is found are documents."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evalkit.search.indexes import VectorIndex
from evalkit.search.ranking import Ranking, Rows, Scores, without
from evalkit.search.searcher import Built, Searcher
from evalkit.search.vectors import FloatMatrix

DEEPER = 4
CELLS = 4_000_000


@dataclass(frozen=True)
class DocumentSearcher:
    """A searcher of ``chunks`` that ranks documents. ``document`` is the row of each chunk's document.

    A document's score is the mean of its ``top_chunks`` best chunks (of all, where it has fewer). ``place`` orders
    ties of documents (see ``ranking.tie_order``).
    """

    chunks: Searcher
    document: Rows
    place: Rows
    top_chunks: int

    @property
    def index(self) -> VectorIndex:
        return self.chunks.index

    @property
    def built(self) -> Built:
        return self.chunks.built

    @property
    def on_disk(self) -> bool:
        return self.chunks.on_disk

    @cached_property
    def chunk_counts(self) -> Rows:
        """Per document, how many chunks it has."""
        return np.bincount(self.document, minlength=len(self.place))

    def find(self, queries: FloatMatrix, k: int) -> tuple[Scores, Rows]:
        """What ``rank`` gives, as a server would come to it: equal scores in no particular order."""
        ranking = self.ranked(lambda asked, depth: Ranking(*self.chunks.find(asked, depth)[::-1]), queries, k, False)
        return ranking.scores, ranking.rows

    def rank(self, queries: FloatMatrix, k: int, excluded: Rows | None = None) -> Ranking:
        """The best ``k`` documents per query under the total order of ``ranking.order``."""
        if excluded is not None and (excluded >= 0).any():
            return without(self.rank(queries, k + 1), excluded, k)
        return self.ranked(self.chunks.rank, queries, k, True)

    def ranked(
        self, search: Callable[[FloatMatrix, int], Ranking], queries: FloatMatrix, k: int, ties_count: bool
    ) -> Ranking:
        """The best ``k`` documents by what ``search`` (queries, depth) gives of chunks, best first.

        Where every chunk is compared, chunks are searched deeper until no unseen one could change the first ``k``, nor
        tie with them where ``ties_count``. An approximate index is asked once.
        """
        k = min(k, len(self.place))
        depth = self.depth(k)
        result, unsettled = self.by_document(search(queries, depth), k, ties_count)
        while self.chunks.exhaustive and depth < self.chunks.documents and len(unsettled):
            depth = min(depth * DEEPER, self.chunks.documents)
            at_once = max(1, CELLS // depth)  # a depth of all chunks for all queries would not fit into memory
            still = []
            for first in range(0, len(unsettled), at_once):
                asked = unsettled[first : first + at_once]
                deeper, left = self.by_document(search(queries[asked], depth), k, ties_count)
                result.rows[asked], result.scores[asked] = deeper.rows, deeper.scores
                still.append(asked[left])
            unsettled = np.concatenate(still)
        return result

    def depth(self, k: int) -> int:
        """How many chunks ``k`` documents have on average."""
        return min(math.ceil(k * len(self.document) / len(self.place)), self.chunks.documents)

    def by_document(self, ranking: Ranking, k: int, ties_count: bool) -> tuple[Ranking, Rows]:
        """The best ``k`` documents of each ranking of chunks, and which queries a deeper one could change.

        Of a document's wanted chunks, those that are not in the ranking count as much as the last one that is: the
        most that they could score.
        """
        found = ranking.rows >= 0
        last = np.where(found, ranking.scores, np.inf).min(axis=1, keepdims=True).astype(np.float64)
        last[~found.any(axis=1)] = 0.0
        documents = np.where(found, self.document[ranking.rows], -1)
        neighbours = np.argsort(-documents, axis=1, kind="stable")  # a document's chunks together, its best one first
        documents = np.take_along_axis(documents, neighbours, axis=1)
        scores = np.take_along_axis(ranking.scores, neighbours, axis=1).astype(np.float64)
        is_first = np.diff(documents, axis=1, prepend=-2) != 0
        column = np.arange(documents.shape[1])
        nth = column - np.maximum.accumulate(np.where(is_first, column, 0), axis=1)
        counted = (nth < self.top_chunks) & (documents >= 0)
        group = np.cumsum(is_first.ravel()) - 1
        sums = np.bincount(group, weights=np.where(counted, scores, 0.0).ravel())[group].reshape(documents.shape)
        seen = np.bincount(group, weights=counted.ravel())[group].reshape(documents.shape)
        wanted = np.minimum(self.chunk_counts[documents], self.top_chunks)
        unseen = wanted - seen
        means = (sums + unseen * last) / wanted
        stands = is_first & (documents >= 0)
        of_documents = np.where(stands, means, -np.inf).astype(np.float32)
        places = np.where(stands, self.place[documents], len(self.place))
        best = np.lexsort((places, -of_documents), axis=1)[:, :k]
        best_scores = np.take_along_axis(of_documents, best, axis=1)
        rows = np.where(np.isfinite(best_scores), np.take_along_axis(documents, best, axis=1), -1)
        guessed = (np.take_along_axis(unseen, best, axis=1) > 0).any(axis=1)
        reach = np.less_equal if ties_count else np.less
        unsettled = guessed | reach(best_scores[:, -1], last[:, 0]) | (rows[:, -1] < 0)
        return Ranking(rows, best_scores), np.flatnonzero(unsettled)


def chunk_order(document: Rows, place: Rows) -> Rows:
    """Per chunk, its place among ties: that of its ``document``, and within one document the earlier chunk first."""
    in_order = np.lexsort((np.arange(len(document)), place[document]))
    order = np.empty(len(document), dtype=np.int64)
    order[in_order] = np.arange(len(document))
    return order
