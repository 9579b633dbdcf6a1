"""How sure the differences between settings are: tests of many comparisons at once, by sign flips of whole clusters.

A test asks whether chance alone could have made a candidate look that bad. Where it could, every query (or cluster of
queries that depend on each other) is as likely to have lost as to have won so much; so signs are flipped at random and
the sums seen again. The statistic of a comparison is Σ c / √(Σ c²) over the sums c of its clusters: flips leave the
denominator alone, and where m clusters moved it is at most √m, which only one of 2ᵐ flips reaches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Floats
from evalkit.measures.detectable import detectable_drops
from evalkit.measures.intervals import bca_intervals
from evalkit.measures.resampling import Codes, SignFlips, Signs, cluster_sums, sign_flips

LEAST_CHANGE = 1e-9  # of a score: less is rounding, and no query has moved
SLACK = 1e-5  # of a statistic in float32: what differs by less is a tie
ROWS = 1_000  # comparisons whose intervals are worked out together, to bound the memory
MOST_DRAWN = 10_000  # resamples of an interval, whose ends are not as far out in the tail as a p-value may be


@dataclass(frozen=True)
class Comparisons:
    """Every comparison on the queries of one corpus: ``baseline`` and ``candidate`` scores (comparisons × queries).

    ``tolerances`` (≥ 0) are the accepted drops of each mean; ``clusters`` numbers the cluster of each query, from 0
    without gaps.
    """

    baseline: Floats
    candidate: Floats
    tolerances: Floats
    clusters: Codes

    @property
    def changes(self) -> Floats:
        """Candidate minus baseline (comparisons × queries)."""
        return score_changes(self.baseline, self.candidate)


@dataclass(frozen=True)
class Evidence:
    """What the scores of one comparison say. No p-value is ever 0.

    ``low`` and ``high`` bound the mean difference, candidate minus baseline (BCa bootstrap). ``p_drop`` is the p-value
    of "no drop beyond the tolerance" for this comparison alone, ``p_drop_adjusted`` the one adjusted for all that are
    made (small: a drop is shown); ``p_safe`` that of "a drop beyond the tolerance" (small: it is ruled out).
    ``p_total_loss`` is what ``p_drop_adjusted`` would be had the candidate scored 0 on every query; null where even
    that is within the tolerance. ``detectable_drop`` is the smallest true drop of the mean that would be shown with
    80 % power although it lies in few queries (``detectable_drops``); null where none would.
    """

    mean: float
    low: float
    high: float
    p_drop: float
    p_drop_adjusted: float
    p_safe: float
    p_total_loss: float | None
    detectable_drop: float | None


@dataclass(frozen=True)
class FlipTests:
    """p-values of all comparisons, and ``critical``: the statistic from which on a drop is shown among all of them."""

    p_drop: Floats
    p_drop_adjusted: Floats
    p_safe: Floats
    p_total_loss: Floats
    critical: float


def score_changes(baseline: Floats, candidate: Floats) -> Floats:
    """Candidate minus baseline, 0 where only the last digits differ.

    The statistic knows no scale: were rounding a change, a drop of 10⁻¹⁶ in every query would be shown for certain.
    """
    differences = candidate - baseline
    return np.where(np.abs(differences) < LEAST_CHANGE, 0.0, differences)


def weigh(corpora: Sequence[Comparisons], alpha: float, resamples: int) -> list[list[Evidence]]:
    """The evidence of every comparison, by corpus.

    Clusters of one corpus are flipped alike for all of its comparisons, those of different corpora independently.
    Intervals have confidence 1 - 2 alpha, so that each end is a one-sided bound at ``alpha``.
    """
    sizes = [np.bincount(c.clusters).astype(np.float64) for c in corpora]
    changes, losses = [], []
    for c, size in zip(corpora, sizes, strict=True):
        allowed = c.tolerances[:, None] * size
        changes.append((cluster_sums(c.changes, c.clusters) + allowed).astype(np.float32))
        losses.append((allowed - cluster_sums(c.baseline, c.clusters)).astype(np.float32))
    tests = flip_tests(changes, losses, sign_flips([len(size) for size in sizes], resamples), alpha)
    del changes, losses
    evidence: list[list[Evidence]] = []
    first = 0  # of this corpus's comparisons among all
    for c, size in zip(corpora, sizes, strict=True):
        evidence.append([])
        for start in range(0, len(c.tolerances), ROWS):
            rows = slice(start, min(start + ROWS, len(c.tolerances)))
            part = Comparisons(c.baseline[rows], c.candidate[rows], c.tolerances[rows], c.clusters)
            of_all = slice(first + rows.start, first + rows.stop)
            evidence[-1] += evidence_of(part, size, of_all, tests, alpha, resamples)
        first += len(c.tolerances)
    return evidence


def evidence_of(
    c: Comparisons, sizes: Floats, rows: slice, tests: FlipTests, alpha: float, resamples: int
) -> list[Evidence]:
    """The evidence of the comparisons of one corpus, whose tests are the ``rows`` of all."""
    differences = cluster_sums(c.changes, c.clusters)
    scores = cluster_sums(c.baseline, c.clusters)
    bounds = bca_intervals(differences, sizes, 1 - 2 * alpha, min(resamples, MOST_DRAWN))
    drops = detectable_drops(scores, differences, sizes, c.tolerances, alpha, tests.critical)
    total_loss = tests.p_total_loss[rows]
    drops[~(total_loss <= alpha)] = np.nan
    columns = (
        differences.sum(axis=1) / sizes.sum(),
        *bounds.T,
        tests.p_drop[rows],
        tests.p_drop_adjusted[rows],
        tests.p_safe[rows],
        total_loss,
        drops,
    )
    table = np.stack(columns, axis=1).tolist()
    return [Evidence(*row[:6], *(None if np.isnan(value) else value for value in row[6:])) for row in table]


def flip_tests(
    changes: Sequence[Floats | Signs], losses: Sequence[Floats | Signs], flips: SignFlips, alpha: float
) -> FlipTests:
    """Test the sums of ``changes`` (comparisons × clusters, one matrix per corpus) for being below 0.

    ``p_drop_adjusted`` is Westfall and Young's step-down maximum (1993; as in Ge, Dudoit and Speed, TEST 2003, section
    3): the statistic of the most significant comparison is held against the largest of all under each flip, that of
    the next against the largest of the rest, and so on. What depends on each other is flipped together, so equal
    comparisons cost nothing. ``losses`` are the sums had the candidate scored 0: each is held against the largest of
    all statistics and its own.
    """
    falls, total_falls = [unit(-rows) for rows in changes], [unit(-rows) for rows in losses]
    fall = np.concatenate([rows.sum(axis=1, dtype=np.float64) for rows in falls])
    total_fall = np.concatenate([rows.sum(axis=1, dtype=np.float64) for rows in total_falls])
    order = np.argsort(fall, kind="stable")  # from the least to the most significant
    ordered_fall = fall[order] - slack(fall[order])
    as_low, as_high, as_extreme, as_total = (np.zeros(len(fall), dtype=np.int64) for _ in range(4))
    largest = []
    for flipped, flipped_total in zip(flips.products(falls), flips.products(total_falls), strict=True):
        as_low += (flipped >= fall - slack(fall)).sum(axis=0)
        as_high += (flipped <= fall + slack(fall)).sum(axis=0)
        stepped = np.maximum.accumulate(flipped[:, order], axis=1)
        as_extreme[order] += (stepped >= ordered_fall).sum(axis=0)
        largest.append(stepped[:, -1].copy())  # a view would keep the block
        most = np.maximum(flipped_total, largest[-1][:, None])
        as_total += (most >= total_fall - slack(total_fall)).sum(axis=0)
    adjusted = flips.p(as_extreme)
    adjusted[order[::-1]] = np.maximum.accumulate(adjusted[order[::-1]])
    can_lose = np.concatenate([rows.sum(axis=1) < 0 for rows in losses])
    return FlipTests(
        p_drop=flips.p(as_low),
        p_drop_adjusted=adjusted,
        p_safe=flips.p(as_high),
        p_total_loss=np.where(can_lose, flips.p(as_total), np.nan),
        critical=critical_value(np.concatenate(largest), flips, alpha),
    )


def unit(rows: Floats | Signs) -> Signs:
    """Each row divided by its length, as float32; rows of nothing but zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, np.where(lengths > 0, lengths, 1), dtype=np.float64).astype(np.float32)


def slack(statistics: Floats) -> Floats:
    return SLACK * (1 + np.abs(statistics))


def critical_value(largest: npt.NDArray[np.float32], flips: SignFlips, alpha: float) -> float:
    """What a statistic must exceed so that few enough of the ``largest`` reach it (p ≤ alpha); infinite if none can."""
    allowed = np.count_nonzero(flips.p(np.arange(len(largest))) <= alpha)
    return float(np.sort(largest)[::-1][allowed - 1]) if allowed else float("inf")
