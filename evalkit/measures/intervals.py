"""Confidence intervals of many means at once: the bootstrap over clusters as matrix products.

Efron's BCa (Journal of the American Statistical Association, 1987): percentiles of the resampled means, moved for
bias and for how their spread changes with the mean. ``scipy.stats.bootstrap`` gives the same, one statistic at a time.
"""

import numpy as np

from evalkit.arrays import Floats
from evalkit.measures.resampling import BLOCK_CELLS, Signs, bootstrap_weights


def bca_intervals(sums: Floats, sizes: Floats, confidence: float, resamples: int, seed: int = 0) -> Floats:
    """(low, high) for each row of ``sums`` (rows × clusters): the mean over queries, clusters drawn with replacement.

    ``sizes`` is the number of queries in each cluster; the mean is Σ sums / Σ sizes, a ratio where sizes differ. A row
    whose clusters all have the same mean gives that mean twice. Each interval holds for itself, not for all at once.
    """
    means = sums.sum(axis=1) / sizes.sum()
    bounds = np.repeat(means[:, None], 2, axis=1)
    varied = np.flatnonzero(np.ptp(sums / sizes, axis=1) > 0)
    if len(varied) == 0:
        return bounds
    weights = bootstrap_weights(len(sizes), resamples, seed)
    weights /= (weights @ sizes.astype(np.float32))[:, None]
    step = max(1, BLOCK_CELLS // resamples)
    for first in range(0, len(varied), step):
        rows = varied[first : first + step]
        centred = sums[rows] - means[rows, None] * sizes  # of mean 0, for precision: float32 has seven digits
        resampled = np.sort(centred.astype(np.float32) @ weights.T, axis=1)
        levels = bca_levels(resampled, acceleration(centred, sizes), confidence)
        bounds[rows] = means[rows, None] + quantiles(resampled, levels)
    return bounds


def acceleration(centred: Floats, sizes: Floats) -> Floats:
    """BCa's acceleration by the jackknife: from the means without one cluster each, here in closed form."""
    without = -centred / (sizes.sum() - sizes)
    influence = without.mean(axis=1, keepdims=True) - without
    spread = (influence**2).sum(axis=1)
    return np.asarray((influence**3).sum(axis=1) / (6 * np.maximum(spread, np.finfo(float).tiny) ** 1.5))


def bca_levels(resampled: Signs, accelerations: Floats, confidence: float) -> Floats:
    """The two percentiles (rows × 2, from 0 to 1) of the sorted, centred means that bound each interval."""
    from scipy import special

    slack = 1e-6 * np.abs(resampled).max(axis=1, keepdims=True)  # equal means may differ in their last bit
    below = ((resampled < -slack).mean(axis=1) + (resampled <= slack).mean(axis=1)) / 2
    least = 0.5 / resampled.shape[1]
    bias = special.ndtri(np.clip(below, least, 1 - least))[:, None]
    ends = bias + special.ndtri([(1 - confidence) / 2, (1 + confidence) / 2])
    stretched = ends / np.maximum(1 - accelerations[:, None] * ends, np.finfo(float).eps)
    return np.asarray(special.ndtr(bias + stretched), dtype=np.float64)


def quantiles(ordered: Signs, levels: Floats) -> Floats:
    """The values at ``levels`` (rows × 2) of each sorted row, with linear interpolation."""
    place = np.clip(levels, 0, 1) * (ordered.shape[1] - 1)
    lower = np.floor(place).astype(np.int64)
    upper = np.minimum(lower + 1, ordered.shape[1] - 1)
    low, high = (np.take_along_axis(ordered, at, axis=1).astype(np.float64) for at in (lower, upper))
    return np.asarray(low + (place - lower) * (high - low), dtype=np.float64)
