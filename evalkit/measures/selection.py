"""Choosing among many settings on the same queries: who is shown to be worse, by how much at most, and how much
better than it is the winner looks.

Tests against "the best" that forget that it was chosen, and from how many, are wrong in 43 % of cases among 65 equal
settings. Here every pair of settings is tested at once, against the largest difference that chance makes among all
pairs: whichever setting is picked as the best and whichever is held against it, they are one of these pairs.

A setting is a row of ``sums``: per cluster of dependent queries the sum of its scores, each weighted so that the row
adds up to the setting's mean. Clusters are flipped as one, corpora stand side by side. The statistic of a pair is
|Σ d| / √Σ d² over the clusters' differences d: under sign flips its denominator stays, and it can't exceed the root of
the number of clusters in which the two differ, so few moved queries never look like much.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Floats
from evalkit.measures.resampling import Codes, SignFlips, Signs, cluster_sums, sign_flips

MOST_RESAMPLES = 2_000
RESAMPLES_BEYOND_ALPHA = 20  # that many times 1/alpha at least, so that p-values near alpha are not too coarse
PAIR_RESAMPLES, MOST_PAIR_RESAMPLES = 60_000_000, 200_000_000  # aimed at, and what is too slow: about 1 s
GAUSSIAN_TAILS = 3.178  # Bentkus and Dzindzalieta (Bernoulli 2015): no Rademacher sum has more
LEAST_MOVE = 1e-5  # score of one query: less is rounding
SLACK = 1e-5  # equal statistics may differ in float32


@dataclass(frozen=True)
class Sums:
    """``values``: settings × clusters, the corpora side by side, ``clusters`` in each; rows add up to means.

    ``weights`` is what a score of 1 on one query adds to the mean, per corpus; ``heaviest_cluster`` what it adds on all
    queries of the largest cluster.
    """

    values: Floats
    clusters: tuple[int, ...]
    weights: tuple[float, ...]
    heaviest_cluster: float

    def of(self, rows: "Sequence[int] | npt.NDArray[Any]") -> "Sums":
        return Sums(self.values[np.asarray(rows, dtype=np.int64)], self.clusters, self.weights, self.heaviest_cluster)

    @property
    def means(self) -> Floats:
        return np.asarray(self.values.sum(axis=1))

    @property
    def heaviest(self) -> float:
        """The largest weight that a query has."""
        return max(self.weights, default=1.0)


def weighted_sums(samples: Sequence[Floats], clusters: Sequence[Codes]) -> Sums:
    """Sums of scores (settings × queries, a matrix per corpus) whose rows add up to the mean over corpora of means.

    ``clusters`` numbers the cluster of every query of each corpus.
    """
    weights = tuple(1 / (len(samples) * max(values.shape[1], 1)) for values in samples)
    parts = [
        cluster_sums(values * weight, codes) for values, weight, codes in zip(samples, weights, clusters, strict=True)
    ]
    largest = (weight * np.bincount(codes, minlength=1).max() for weight, codes in zip(weights, clusters, strict=True))
    counts = tuple(part.shape[1] for part in parts)
    return Sums(np.concatenate(parts, axis=1), counts, weights, float(max(largest, default=1.0)))


def statistics(sums: Sums, first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
    """|Σ d| / √Σ d² of each pair of rows; 0 where the two never differ."""
    differences = sums.values[np.asarray(first)] - sums.values[np.asarray(second)]
    least = (LEAST_MOVE * sums.heaviest) ** 2
    squares = np.maximum((differences**2).sum(axis=-1), least)
    return np.asarray(np.abs(differences.sum(axis=-1)) / np.sqrt(squares))


@dataclass(frozen=True)
class LargestDifference:
    """The largest statistic over all pairs of ``settings``, were they all equal.

    ``maxima`` holds resampled ones, sorted. Null where resampling would take too long: p-values are then bounds,
    P(T ≥ t) ≤ 3.178 P(Z ≥ t) for any Rademacher sum T and a normal Z (Bentkus and Dzindzalieta 2015), added up over
    both directions of all pairs. These hold under sign flips, but they are larger than resampled ones.
    """

    settings: int
    flips: SignFlips | None
    maxima: Floats | None

    def p(self, statistic: npt.ArrayLike) -> Floats:
        """The adjusted p-value of a pair: how often chance alone makes as large a statistic in any pair. Never 0."""
        from scipy import special

        asked = np.asarray(statistic, dtype=np.float64)
        if self.maxima is None or self.flips is None:
            return np.asarray(np.clip(self.tails * special.ndtr(-asked), np.finfo(float).tiny, 1))
        below = np.searchsorted(self.maxima, asked * (1 - SLACK), side="left")
        return self.flips.p(len(self.maxima) - below)

    def critical(self, alpha: float) -> float:
        """The statistic from which on p is at most ``alpha``; infinite where none is large enough."""
        from scipy import special

        if self.maxima is None or self.flips is None:
            return float(-special.ndtri(alpha / self.tails))
        p = self.p(self.maxima)
        if self.flips.smallest_p > alpha or (self.flips.exact and not (p <= alpha).any()):
            return float("inf")
        return float(self.maxima[p > alpha].max(initial=0)) * (1 + 2 * SLACK)

    @property
    def tails(self) -> float:
        settings = max(self.settings, 2)
        return settings * (settings - 1) * GAUSSIAN_TAILS


def largest_difference(sums: Sums, alpha: float, seed: int = 0) -> LargestDifference:
    """The null distribution of the largest statistic over all pairs of rows of ``sums``, for tests at ``alpha``.

    Settings that never differ count once. Flipping the clusters' signs, the same for all settings, keeps how alike
    they are.
    """
    distinct = distinct_rows(sums)
    settings = len(distinct.values)
    pairs = settings * (settings - 1) // 2
    fewest = int(np.ceil(RESAMPLES_BEYOND_ALPHA / alpha)) - 1
    if pairs == 0 or fewest * pairs > MOST_PAIR_RESAMPLES:
        return LargestDifference(settings, None, None)
    resamples = max(fewest, min(MOST_RESAMPLES - 1, PAIR_RESAMPLES // pairs))
    flips = sign_flips(distinct.clusters, resamples, seed)
    return LargestDifference(settings, flips, np.sort(pair_maxima(distinct, flips)))


def distinct_rows(sums: Sums) -> Sums:
    rounded = np.round(sums.values / (LEAST_MOVE * sums.heaviest))
    _, first = np.unique(rounded, axis=0, return_index=True)
    return sums.of(np.sort(first))


def pair_maxima(sums: Sums, flips: SignFlips) -> Floats:
    """The largest statistic over all pairs of rows, of each resample (float32 inside)."""
    scaled = (sums.values - sums.values.mean(axis=0)) / sums.heaviest
    gram = scaled @ scaled.T
    squares = gram.diagonal()[:, None] + gram.diagonal() - 2 * gram
    scale = (1 / np.sqrt(np.maximum(squares, LEAST_MOVE**2))).astype(np.float32)
    parts = np.split(scaled, np.cumsum(sums.clusters)[:-1], axis=1)
    maxima = []
    for flipped in flipped_sums(flips, parts):
        totals = np.ascontiguousarray(flipped.T)
        largest = np.zeros(totals.shape[1], dtype=np.float32)
        for row in range(len(totals) - 1):
            differences = totals[row + 1 :] - totals[row]
            np.abs(differences, out=differences)
            differences *= scale[row + 1 :, row, None]
            np.maximum(largest, differences.max(axis=0), out=largest)
        maxima.append(largest)
    return np.concatenate(maxima).astype(np.float64)


def flipped_sums(flips: SignFlips, parts: Sequence[Floats]) -> Iterator[Signs]:
    """The sum of each setting over the clusters of all corpora under every flip (resamples × settings), in blocks."""
    for flipped in flips.products(parts):
        yield flipped.reshape(len(flipped), len(parts), -1).sum(axis=1)


def loss_bounds(sums: Sums, best: int, critical: float) -> Floats:
    """The largest share of the mean of row ``best`` that each row may lose, if pairs must reach ``critical``.

    The smallest r with Σ d ≥ critical √Σ d² for d = x - (1 - r) x_best (Fieller 1954); 1 where nothing is known, 0 for
    the best itself. Rare losses that the sample happens not to hold are allowed for: the best is given that many more
    clusters with scores of 1, and the others 0 on them, that the bound of a setting which never differs is Poisson's.
    """
    rows, reference = sums.values, sums.values[best]
    if not np.isfinite(critical):
        return np.where(np.arange(len(rows)) == best, 0.0, 1.0)
    unseen, square = unseen_losses(critical), critical**2
    mean, best_mean = sums.means, reference.sum() + unseen * sums.heaviest_cluster
    a = best_mean**2 - square * (reference @ reference + unseen * sums.heaviest_cluster**2)
    if a <= 0:
        bounds = np.ones(len(rows))
    else:
        b = mean * best_mean - square * (rows @ reference)
        c = mean**2 - square * (rows**2).sum(axis=1)
        kept = (b - np.sqrt(np.maximum(b**2 - a * c, 0))) / a
        bounds = np.clip(1 - kept, 0, 1)
    bounds[best] = 0
    return bounds


def unseen_losses(critical: float) -> float:
    """u with u + critical √u = -log P(Z ≥ critical): so many losses of n queries may well be missed by a sample."""
    from scipy import special

    missed = -float(special.log_ndtr(-critical))
    return float((np.sqrt(critical**2 + 4 * missed) - critical) / 2) ** 2


def optimism(sums: Sums, resamples: int = 400, seed: int = 0) -> float:
    """By how much at most, on average, the best of these settings looks better than it is for having been chosen.

    The expected maximum of the means' errors: the chosen one's error is never above it, and where all are equally good
    it is the chosen one's. Errors are sign flips of the clusters' deviations from the settings' average. Without
    clusters there are none.
    """
    if not all(sums.clusters):
        return 0.0
    from_average = sums.values - sums.values.mean(axis=0)
    parts = np.split(from_average, np.cumsum(sums.clusters)[:-1], axis=1)
    errors = [
        (part - part.mean(axis=1, keepdims=True)) * np.sqrt(size / max(size - 1, 1))
        for part, size in zip(parts, sums.clusters, strict=True)
    ]
    flips = sign_flips(sums.clusters, resamples, seed)
    ranges = [flipped.max(axis=1) - flipped.min(axis=1) for flipped in flipped_sums(flips, errors)]
    return float(np.concatenate(ranges).mean()) / 2
