"""Documents ranked by their chunks: what is stored and searched are chunks, what is ranked are documents."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from evalkit.arrays import FloatMatrix, Rows
from evalkit.measures.ranking import Ranking, behind, without
from evalkit.search.engine import Built, Filter, Index
from evalkit.search.filters import keep_chunks
from evalkit.search.operating import OperatingPoint
from evalkit.search.searcher import Searcher

DEEPER = 4
CELLS = 4_000_000

Search = Callable[[Searcher, FloatMatrix, int], Ranking]  # Searcher.find or Searcher.rank


@dataclass(frozen=True)
class DocumentSearcher:
    """A searcher of ``chunks`` that ranks documents. ``document`` is the row of each chunk's document.

    A document's score is the mean of its ``top_chunks`` best chunks (of all, where it has fewer). ``place`` orders
    ties of documents (see ``ranking.tie_order``). Candidates that are re-ordered are counted in documents: 40 of them
    are as many chunks as 40 documents have on average.
    """

    chunks: Searcher
    document: Rows
    place: Rows
    top_chunks: int

    def at(self, point: OperatingPoint) -> "DocumentSearcher":
        """The same chunks at another operating point."""
        return replace(self, chunks=self.chunks.at(point))

    def filtered(self, keep: Filter | None) -> "DocumentSearcher":
        """The same chunks, searched among those of the documents of ``keep`` alone."""
        of_chunks = None if keep is None else keep_chunks(keep, self.document)
        return replace(self, chunks=self.chunks.filtered(of_chunks))

    @property
    def index(self) -> Index:
        return self.chunks.index

    @property
    def candidates(self) -> int | None:
        return self.chunks.candidates

    @property
    def built(self) -> Built:
        return self.chunks.built

    @property
    def on_disk(self) -> bool:
        return self.chunks.on_disk

    @property
    def is_in_process(self) -> bool:
        return self.chunks.is_in_process

    def close(self) -> None:
        self.chunks.close()

    @cached_property
    def chunk_counts(self) -> Rows:
        """Per document, how many chunks it has."""
        return np.bincount(self.document, minlength=len(self.place))

    def find(self, queries: FloatMatrix, k: int) -> Ranking:
        """The first ``k`` of what ``rank`` gives, as a server would come to it: equal scores in no particular order."""
        return self.ranked(Searcher.find, queries, k).first(k)

    def rank(self, queries: FloatMatrix, k: int, excluded: Rows | None = None, served: int | None = None) -> Ranking:
        """The best ``k`` documents per query under the total order of ``ranking.order``: those that a server gives who
        asks for ``served`` (null: all k), and behind them the rest of a deeper search (see ``ranking.behind``).
        """
        served = k if served is None else served
        if excluded is not None and (excluded >= 0).any():
            return without(self.rank(queries, k + 1, served=served + 1), excluded, k)
        if self.chunks.rescoring is None and (self.chunks.exhaustive or served >= k):
            return self.ranked(Searcher.rank, queries, k)
        codes = replace(self, chunks=replace(self.chunks, rescoring=None, candidates=None))
        first = self.ranked(Searcher.rank, queries, min(k, served))
        deeper = codes.ranked(Searcher.rank, queries, max(k, first.rows.shape[1]))
        return behind(first, deeper, ends=self.chunks.keep is not None).first(k)

    def ranked(self, search: Search, queries: FloatMatrix, k: int) -> Ranking:
        """The best ``k`` documents by what ``search`` gives of chunks; all that candidates are of where they are more.

        Where every chunk is compared, chunks are searched deeper until no unseen one could change the first ``k``, nor
        tie with them where ties are settled; where candidates are re-ordered, until they are of ``k`` documents. An
        approximate index is asked once.
        """
        k = min(k, len(self.place))
        depth = chunks_for(max(k, self.chunks.candidates or 0), len(self.document), len(self.place))
        most = min(depth, len(self.place))

        def once(asked: FloatMatrix, depth: int) -> tuple[Ranking, Rows]:
            if self.chunks.rescoring is None:
                found = search(self.chunks, asked, depth)
                by_document, open_ = self.by_document(found, k, ties_count=search is Searcher.rank)
            else:
                found = search(replace(self.chunks, candidates=depth), asked, depth)
                by_document, _ = self.by_document(found, most, ties_count=False)
                open_ = np.flatnonzero(by_document.rows[:, k - 1] < 0)
            return by_document, open_[found.rows[open_, -1] >= 0]  # a list that ends has all that pass

        result, unsettled = once(queries, depth)
        while self.chunks.exhaustive and depth < self.chunks.documents and len(unsettled):
            depth = min(depth * DEEPER, self.chunks.documents)
            at_once = max(1, CELLS // depth)  # a depth of all chunks for all queries would not fit into memory
            still = []
            for first in range(0, len(unsettled), at_once):
                asked = unsettled[first : first + at_once]
                deeper, left = once(queries[asked], depth)
                result.rows[asked], result.scores[asked] = deeper.rows, deeper.scores
                still.append(asked[left])
            unsettled = np.concatenate(still)
        return result

    def by_document(self, ranking: Ranking, k: int, ties_count: bool) -> tuple[Ranking, Rows]:
        """The best ``k`` documents of each ranking of chunks, and which queries a deeper one could change.

        Of the chunks that count for a document, those that are not in the ranking count as much as the last one that
        is: the most that they could score.
        """
        is_chunk = ranking.rows >= 0
        last = np.where(is_chunk, ranking.scores, np.inf).min(axis=1, keepdims=True).astype(np.float64)
        last[~is_chunk.any(axis=1)] = 0.0
        documents = np.where(is_chunk, self.document[ranking.rows], -1)
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
        counting = np.minimum(self.chunk_counts[documents], self.top_chunks)
        unseen = counting - seen
        means = (sums + unseen * last) / counting
        is_document = is_first & (documents >= 0)
        of_documents = np.where(is_document, means, -np.inf).astype(np.float32)
        places = np.where(is_document, self.place[documents], len(self.place))
        best = np.lexsort((places, -of_documents), axis=1)[:, :k]
        best_scores = np.take_along_axis(of_documents, best, axis=1)
        rows = np.where(np.isfinite(best_scores), np.take_along_axis(documents, best, axis=1), -1)
        guessed = (np.take_along_axis(unseen, best, axis=1) > 0).any(axis=1)
        reach = np.less_equal if ties_count else np.less
        unsettled = guessed | reach(best_scores[:, -1], last[:, 0]) | (rows[:, -1] < 0)
        return Ranking(rows, best_scores), np.flatnonzero(unsettled)


def chunks_for(wanted: int, chunks: int, documents: int) -> int:
    """How many of all ``chunks`` the ``wanted`` ones of so many ``documents`` have on average."""
    return min(math.ceil(wanted * chunks / documents), chunks)


def chunk_order(document: Rows, place: Rows) -> Rows:
    """Per chunk, its place among ties: that of its ``document``, and within one document the earlier chunk first."""
    in_order = np.lexsort((np.arange(len(document)), place[document]))
    order = np.empty(len(document), dtype=np.int64)
    order[in_order] = np.arange(len(document))
    return order
