"""How sure a difference between two settings is: intervals, tests and what so many queries could have shown.

Differences are candidate minus baseline, per query. The statistics are scipy's, but for Holm's step-down, whose only
library would take longer to import than the rest takes to run.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
POWER = 0.8


@dataclass(frozen=True)
class Evidence:
    """What the differences of one comparison say.

    ``low`` and ``high`` bound the mean difference (BCa bootstrap). ``p_drop`` is the p-value of "no drop beyond the
    tolerance" (small: a drop is shown), ``p_safe`` that of "a drop beyond the tolerance" (small: it is ruled out);
    neither is ever 0. ``detectable_drop`` is the smallest true drop that would be shown with 80 % power; null where
    all differences are equal, which tells nothing about other queries, and where there are too few to show any.
    """

    mean: float
    low: float
    high: float
    p_drop: float
    p_safe: float
    detectable_drop: float | None


def weigh(differences: Sequence[Floats], tolerances: Sequence[float], alpha: float, resamples: int) -> list[Evidence]:
    """The evidence in each of ``differences`` (one value per query) against a drop beyond its tolerance (≥ 0).

    Intervals have confidence 1 - 2 alpha, so that each end is a one-sided bound at ``alpha``. The detectable drop is
    that of the strictest step of Holm's correction over all of ``differences``. Comparisons of as many queries are
    resampled together, which is quicker.
    """
    found: dict[int, Evidence] = {}
    for queries in {len(d) for d in differences}:
        rows = [i for i, d in enumerate(differences) if len(d) == queries]
        together = np.stack([differences[i] for i in rows])
        shifted = together + np.array([[tolerances[i]] for i in rows])
        bounds = intervals(together, 1 - 2 * alpha, resamples)
        p_values = sign_flip_p(shifted, resamples)
        for i, (low, high), (p_drop, p_safe) in zip(rows, bounds.tolist(), p_values.tolist(), strict=True):
            drop = detectable_drop(differences[i], tolerances[i], alpha / len(differences))
            found[i] = Evidence(float(differences[i].mean()), low, high, p_drop, p_safe, drop)
    return [found[i] for i in range(len(differences))]


def intervals(differences: Floats, confidence: float, resamples: int, seed: int = 0) -> Floats:
    """BCa bootstrap intervals (low, high) of the mean of each row (Efron 1987; ``scipy.stats.bootstrap``)."""
    from scipy import stats

    bounds = np.repeat(differences[:, :1], 2, axis=1)  # what a row of equal values gives, where BCa is not defined
    varied = np.ptp(differences, axis=1) > 0
    if varied.any():
        found = stats.bootstrap(
            (differences[varied],),
            np.mean,
            axis=-1,
            confidence_level=confidence,
            n_resamples=resamples - 1,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        bounds[varied] = np.stack([found.low, found.high], axis=1)
    return bounds


def sign_flip_p(differences: Floats, resamples: int, seed: int = 0) -> Floats:
    """Per row, the two one-sided p-values of a paired randomisation test of the mean against 0: (drop, rise).

    ``scipy.stats.permutation_test`` over sign flips (Smucker, Allan and Carterette, CIKM 2007, section 3.2), both
    sides from one null distribution: (count + 1) / (resamples + 1), never 0; exact where there are few queries.
    """
    from scipy import stats

    test = stats.permutation_test(
        (differences,),
        np.mean,
        axis=-1,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples - 1,
        alternative="less",
        rng=np.random.default_rng(seed),
    )
    null, observed = test.null_distribution, test.statistic
    exact = differences.shape[1] <= np.log2(resamples - 1)
    slack = 1e-12 * np.abs(null).max(initial=0)  # equal means may differ in their last bit
    risen = (null >= observed - slack).sum(axis=0)
    p_rise = risen / len(null) if exact else (risen + 1) / (len(null) + 1)
    return np.stack([test.pvalue, p_rise], axis=1)


def detectable_drop(differences: Floats, tolerance: float, alpha: float) -> float | None:
    """The true drop that ``sign_flip_p`` shows at ``alpha`` in 80 % of samples of as many queries; null if none.

    tolerance + d, where d = (t of 1 - alpha × the null's standard error + t of the power × the standard error). Sign
    flips take the drop for spread, so the null's variance is that of the differences plus d².
    """
    from scipy import stats

    spread, root = float(differences.std(ddof=1)), np.sqrt(len(differences))
    t_alpha, t_power = stats.t.ppf((1 - alpha, POWER), len(differences) - 1)
    if spread == 0 or t_alpha >= root:
        return None
    drop = 0.0
    for _ in range(100):
        drop = float(t_alpha * np.hypot(spread, drop) + t_power * spread) / root
    return tolerance + drop


def holm(p_values: npt.ArrayLike) -> Floats:
    """p-values adjusted for their number by Holm's step-down (1979), in the order given."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    adjusted = np.empty_like(p)
    adjusted[order] = stepped
    return adjusted


def slower_p(baseline_ms: npt.ArrayLike, candidate_ms: npt.ArrayLike) -> float:
    """p of the one-sided Mann–Whitney test that the candidate's latencies are not larger than the baseline's."""
    from scipy import stats

    return float(stats.mannwhitneyu(candidate_ms, baseline_ms, alternative="greater").pvalue)
