"""One searchable setting: documents in an index, optionally with a second, finer copy that re-orders candidates."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np

from evalkit.arrays import FloatMatrix, Rows
from evalkit.measures.ranking import Ranking, behind, order, without
from evalkit.search.engine import Built, Filter, Index, Rescoring
from evalkit.search.operating import OperatingPoint

TIE_MARGIN = 32


def nothing() -> None:
    """There is nothing to close."""


@dataclass(frozen=True)
class Searcher:
    """Documents of one (dims, quantization, index), ready to be searched at one operating point.

    ``candidates`` is how many of the codes' best results are re-ordered, null without a rescoring store.
    ``exhaustive`` says that every vector is compared. ``place`` orders ties (see ``ranking.tie_order``). ``keep`` are
    the documents that are searched, null for all: the index is asked for as many results as without it.
    ``is_in_process`` says that this process searches, whose cores are seen. ``close`` frees what the engine took; a
    searcher is also a context manager that calls it.
    """

    index: Index
    rescoring: Rescoring | None
    candidates: int | None
    exhaustive: bool
    documents: int
    place: Rows
    built: Built
    keep: Filter | None = None
    is_in_process: bool = True
    close: Callable[[], None] = nothing

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def on_disk(self) -> bool:
        """Whether vectors are read from the store at every search, which is no speed that a server would have."""
        return self.built.on_disk

    def at(self, point: OperatingPoint) -> "Searcher":
        """The same index at another operating point; its own parameters are set for all who search it."""
        self.index.set(point.parameters)
        return replace(self, candidates=point.candidates)

    def filtered(self, keep: Filter | None) -> "Searcher":
        """The same index, searched among the documents of ``keep`` alone."""
        return replace(self, keep=keep)

    def find(self, queries: FloatMatrix, k: int) -> Ranking:
        """The best min(k, documents) as a server would find them, from at least ``candidates`` where they are rescored.

        Equal scores come in no particular order. This is what latencies are measured on.
        """
        k = min(k, self.documents)
        if self.rescoring is None:
            return self.index.search(queries, k, self.keep)
        candidates = self.asked(k)
        refined = self.rescoring.search(queries, k, candidates, self.keep)
        if refined is not None:
            return refined
        rows = self.index.search(queries, candidates, self.keep).rows
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
        return behind(first, deeper, ends=self.keep is not None).first(k)

    def asked(self, k: int) -> int:
        """How many results the index is asked for where ``k`` are wanted."""
        return min(max(k, self.candidates or 0), self.documents)

    def coarse(self, queries: FloatMatrix, k: int) -> Ranking:
        """The index's own best ``k``, not re-ordered; searched deeper where a tie reaches across the last place.

        An approximate index is asked for just ``k``: asked for more, it would look at more vectors.
        """
        k = min(k, self.documents)
        if not self.exhaustive:
            return self.in_order(self.index.search(queries, k, self.keep))
        depth = min(k + TIE_MARGIN, self.documents)
        best = self.in_order(self.index.search(queries, depth, self.keep))
        result = best.first(k)
        open_ties = np.flatnonzero((best.scores[:, k - 1] == best.scores[:, -1]) & (best.rows[:, -1] >= 0))
        while depth < self.documents and len(open_ties):
            depth = min(depth * 4, self.documents)
            deeper = self.in_order(self.index.search(queries[open_ties], depth, self.keep))
            result.rows[open_ties], result.scores[open_ties] = deeper.rows[:, :k], deeper.scores[:, :k]
            open_ties = open_ties[deeper.scores[:, k - 1] == deeper.scores[:, -1]]
        return result

    def in_order(self, ranking: Ranking) -> Ranking:
        """``ranking`` under the total order of ``ranking.order``."""
        return order(ranking.rows, ranking.scores, self.place)
