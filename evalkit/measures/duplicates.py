"""Duplicates among all pairs of documents, counted exactly: by their cosines to five decimals, in two passes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evalkit.arrays import Bools, FloatMatrix, Floats, Rows
from evalkit.measures.all_pairs import NONE, SCALE, blocks, cosines_of
from evalkit.measures.thresholds import Steps, lowest_safe, steps

LEVELS = 2 * SCALE + 2  # the first is of what is no pair
Table = Floats  # 2 × LEVELS: a value of each pair by whether its documents are the same, and its level


@dataclass(frozen=True)
class Nearest:
    """Of each document (n) the nearest other one's cosine, and whether that is the same: of equal ones the first."""

    cosines: Floats
    is_same: Bools


@dataclass(frozen=True)
class PairCounts:
    """How many pairs there are at each level of cosine (LEVELS, int64), and how many of these are the same."""

    pairs: Rows
    same: Rows

    @cached_property
    def steps(self) -> Steps:
        """What each threshold accepts, from the highest down."""
        levels = np.flatnonzero(self.pairs)[::-1]
        accepted, right = np.cumsum(self.pairs[levels]), np.cumsum(self.same[levels])
        return Steps(cosines_of(levels + NONE), accepted.astype(np.float64), right.astype(np.float64))

    @property
    def all_same(self) -> int:
        return int(self.same.sum())

    def at(self, threshold: float | None) -> "Agreement":
        """What pairs of at least that cosine say; null accepts none."""
        reached = slice(LEVELS if threshold is None else level_of(threshold) - NONE, None)
        return Agreement(int(self.pairs[reached].sum()), int(self.same[reached].sum()), self.all_same)

    @property
    def average_precision(self) -> float:
        """Pairs of equal cosines are found together, as by scikit-learn."""
        found = self.steps
        return float((np.diff(found.right, prepend=0) * found.right / found.accepted).sum() / self.all_same)

    @property
    def threshold_of_best_f1(self) -> float:
        """Of equal ones the highest."""
        found = self.steps
        return float(found.thresholds[np.argmax(2 * found.right / (found.accepted + self.all_same))])

    def recall_at(self, precision: float) -> float:
        """The most that a threshold of that precision finds, 0 where none has it."""
        found = self.steps
        return float(found.right[found.right >= precision * found.accepted].max(initial=0.0) / self.all_same)


@dataclass(frozen=True)
class Agreement:
    """Of the pairs that are the ``same`` so many are ``right`` among those ``found``."""

    found: int
    right: int
    same: int

    @property
    def precision(self) -> float | None:
        return self.right / self.found if self.found else None

    @property
    def recall(self) -> float:
        return self.right / self.same

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.found + self.same)


def level_of(cosine: float) -> int:
    return round(cosine * SCALE)


def count_pairs(vectors: FloatMatrix, groups: Rows) -> tuple[PairCounts, Nearest]:
    """Of all ``vectors`` (n × dims, n >= 2), whose ``groups`` (n, numbers) say which are the same."""
    pairs, same = np.zeros(LEVELS, dtype=np.int64), np.zeros(LEVELS, dtype=np.int64)
    best, nearest = np.full(len(vectors), NONE, dtype=np.int64), np.zeros(len(vectors), dtype=np.int64)
    for rows, levels in blocks(vectors):
        is_same = groups[rows][:, None] == groups[: rows.stop]
        pairs += np.bincount(levels.ravel() - NONE, minlength=LEVELS)
        same += np.bincount(levels[is_same] - NONE, minlength=LEVELS)
        numbers, columns = np.arange(rows.start, rows.stop), np.arange(rows.stop)
        for found, of, values in (
            (levels.argmax(axis=1), numbers, levels.max(axis=1)),
            (levels.argmax(axis=0) + rows.start, columns, levels.max(axis=0)),
        ):
            is_nearer = values > best[of]
            best[of[is_nearer]], nearest[of[is_nearer]] = values[is_nearer], found[is_nearer]
    pairs[0] = same[0] = 0
    return PairCounts(pairs, same), Nearest(cosines_of(best), groups[nearest] == groups)


def per_document(vectors: FloatMatrix, groups: Rows, tables: Sequence[Table]) -> list[Floats]:
    """For each table what every document moves the figure by (n, float64, of mean 0): see measures.influence.

    Items are sampled by groups: a pair of one group weighs what its group does, so each document has half of it, and a
    pair of two groups weighs the product of both.
    """
    sums = [np.zeros(len(vectors)) for _ in tables]
    for rows, levels in blocks(vectors):
        is_same = (groups[rows][:, None] == groups[: rows.stop]).astype(np.int64)
        for total, table in zip(sums, tables, strict=True):
            values = (table * [[1.0], [0.5]])[is_same, levels - NONE]
            total[rows] += values.sum(axis=1)
            total[: rows.stop] += values.sum(axis=0)
    return [total - total.mean() for total in sums]


def average_precision_table(counts: PairCounts) -> Table:
    """What a pair moves the average precision by that weighs a little more: see measures.influence."""
    found, total = counts.steps, counts.all_same
    same, precision = np.diff(found.right, prepend=0), found.right / found.accepted
    below = np.cumsum((same / found.accepted)[::-1])[::-1]
    below_right = np.cumsum((same * precision / found.accepted)[::-1])[::-1]
    levels = np.rint(found.thresholds * SCALE).astype(np.int64) - NONE
    table = np.zeros((2, LEVELS))
    table[0, levels] = -below_right / total
    table[1, levels] = (precision - counts.average_precision + below - below_right) / total
    return table


def f1_table(counts: PairCounts, threshold: float) -> Table:
    """The same of the F1 at a threshold."""
    agreement = counts.at(threshold)
    size, right = agreement.found + agreement.same, agreement.right
    is_found = np.arange(LEVELS) >= level_of(threshold) - NONE
    table = np.stack([-2 * right * is_found / size**2, 2 * is_found / size - 2 * right * (1 + is_found) / size**2])
    table[:, 0] = 0.0
    return table


def groups_found(vectors: FloatMatrix, threshold: float) -> Rows:
    """The number of each document's group (n): what is linked by pairs of at least that cosine."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends: list[tuple[Rows, Rows]] = []
    for rows, levels in blocks(vectors):
        later, earlier = np.nonzero(levels >= max(level_of(threshold), -SCALE))
        ends.append((later + rows.start, earlier))
    some, others = (np.concatenate(side) for side in zip(*ends, strict=True))
    links = coo_array((np.ones(len(some), dtype=bool), (some, others)), shape=(len(vectors), len(vectors)))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def safe_threshold(groups: Rows, precision: float) -> Callable[[Floats, Bools], float]:
    """Chooses the lowest cosine of nearest documents whose precision is shown to be at least that.

    Both of a pair say the same, and so may all of a group: a document tells as much as half an independent one, or as
    one of a group's mean size (weighted by size: Kish 1965).
    """
    sizes = np.bincount(groups)
    sizes = sizes[sizes > 1].astype(np.float64)
    weight = min(0.5, float(sizes.sum() / (sizes**2).sum())) if len(sizes) else 0.5
    return lambda cosines, is_right: lowest_safe(steps(cosines, is_right), 1 - precision, weight=weight)
