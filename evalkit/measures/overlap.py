"""How much of an exact search another one finds, where documents of equal score can stand for each other."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evalkit.arrays import Bools, Floats, Rows
from evalkit.measures.ranking import blocks

PairScores = Callable[[Rows, Rows], Floats]


@dataclass(frozen=True)
class ExactSearch:
    """``rows`` (queries × depth) that exact search ranks first, best first, -1 where a list is shorter.

    ``scores`` gives the exact scores (float64) of pairs: as many numbers of queries and of rows. Scores that differ by
    no more than ``tolerance`` are the same (see ``rounding``).
    """

    rows: Rows
    scores: PairScores
    tolerance: float

    def overlap_at(self, k: int, found: Rows) -> Floats:
        """``overlap_of_block`` of all queries, of which few are looked at together."""
        parts = (self.of(block).overlap_of_block(k, found[block]) for block in blocks(len(self.rows)))
        return np.concatenate([np.empty(0), *parts])

    def of(self, block: slice) -> "ExactSearch":
        """This search for a ``block`` of its queries."""
        return ExactSearch(
            self.rows[block], lambda queries, rows: self.scores(queries + block.start, rows), self.tolerance
        )

    def overlap_of_block(self, k: int, found: Rows) -> Floats:
        """Per query, the share of this search's first ``k`` that are among the first ``k`` of ``found``.

        Which documents of equal score are the last of the first ``k`` is chance: one that was found counts for one
        that was not where both score as the ``k``-th does. So it is the largest share under any order of ties.
        """
        exact, found = self.rows[:, :k], without_repeats(found[:, :k])
        is_missed = (exact >= 0) & ~is_among(exact, found)
        counts = np.count_nonzero(exact >= 0, axis=1)
        last = np.take_along_axis(exact, np.maximum(counts - 1, 0)[:, None], axis=1)[:, 0]
        is_other = (found >= 0) & ~is_among(found, exact) & is_missed.any(axis=1, keepdims=True)
        missed_ties = self.ties(exact, is_missed, last).sum(axis=1)
        other_ties = self.ties(found, is_other, last).sum(axis=1)
        hits = counts - np.count_nonzero(is_missed, axis=1) + np.minimum(missed_ties, other_ties)
        share: Floats = hits / np.maximum(counts, 1)
        return share

    def ties(self, rows: Rows, asked: Bools, last: Rows) -> Bools:
        """Which of the ``asked`` cells of ``rows`` score as the row ``last`` of their query does."""
        ties = np.zeros_like(asked)
        queries, columns = np.nonzero(asked)
        if len(queries):
            bounds = np.full(len(rows), np.nan)
            some = np.unique(queries)
            bounds[some] = self.scores(some, last[some])
            differences = self.scores(queries, rows[queries, columns]) - bounds[queries]
            ties[queries, columns] = np.abs(differences) <= self.tolerance
        return ties


def rounding(dims: int) -> float:
    """How far scores of unit vectors in float32 can lie apart that are equal in truth: √dims · 2⁻²³.

    Engines and blocks add up products in different orders, each within √dims · 2⁻²⁴ of the sum where errors are
    independent (Higham and Mary, SIAM J. Sci. Comput. 41, 2019). The worst case, dims · 2⁻²⁴, never happens and would
    take documents for ties that every search tells apart.
    """
    return float(np.sqrt(dims) * np.finfo(np.float32).eps)


def without_repeats(rows: Rows) -> Rows:
    """Every row once in each list, in no particular order; -1 in place of the others."""
    ordered = np.sort(rows, axis=1)
    ordered[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = -1
    return ordered


def is_among(rows: Rows, others: Rows) -> Bools:
    """Which cells of ``rows`` are in the same list of ``others`` (both queries × any number)."""
    most = max(rows.max(initial=-1), others.max(initial=-1)) + 2
    of_query = np.arange(len(rows))[:, None] * most
    return np.isin(rows + of_query + 1, others + of_query + 1)
