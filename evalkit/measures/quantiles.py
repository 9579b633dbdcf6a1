"""Is a quantile of latencies higher than it was? Tested on that quantile: tests of means or ranks don't see tails.

The test is the bootstrap of the two sides' quantiles with infinitely many resamples: the sample's k-th smallest value
is a resample's quantile with a probability that a Beta distribution gives (Maritz and Jarrett, JASA 1978), so no p is
bounded by a number of resamples. Calls in a row are alike: where slow ones come in stretches, n calls tell as much as
fewer independent ones, by the variance of the number of slow calls in blocks of calls (Künsch, Annals of Statistics
1989). As that variance is estimated, the bootstrap's normal quantile is read off a t distribution.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Calls = Sequence[Floats]
CALLS_BEYOND = 10
BLOCK_FACTORS = (1, 2, 4)
MOST_PER_EVENT = 2.5  # of calls that are independent, 99 % of runs of 200 show at most 2.3


def calls_needed(percent: float) -> int:
    """How many calls a percentile needs at least, so that ten lie beyond it: 200 for p95, 1,000 for p99."""
    return round(CALLS_BEYOND / (1 - percent / 100))


def slower_p(baseline: Calls, candidate: Calls, percent: float) -> float:
    """One-sided p of the hypothesis that the candidate's percentile is not above the baseline's; never 0.

    Each side is one or several runs of single latencies in the order of the calls (any unit). Nothing is assumed of
    the distributions' shapes; what two whole runs differ by is only seen where a side has several.
    """
    from scipy import special

    share = percent / 100
    before, after = np.concatenate(baseline), np.concatenate(candidate)
    levels = np.quantile(np.concatenate([before, after]), share), np.quantile(before, share), np.quantile(after, share)
    dependence = calls_per_event(baseline, candidate, np.array(levels))
    p = chance_of_no_rise(before, after, share, dependence)
    stretches = sum(stretches_above(run, levels[0]) for run in (*baseline, *candidate))
    normal = special.ndtri(np.clip(p, np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).eps))
    return float(special.stdtr(max(stretches - 1, 1), normal))


def halves_differ(run: Floats, percent: float) -> float:
    """How many times as high the percentile of one half of the calls is as that of the other, first against last.

    Both are of one setting, so it is the noise of the moment; infinite where the lower one is 0.
    """
    middle = len(run) // 2
    low, high = sorted(float(np.percentile(half, percent)) for half in (run[:middle], run[middle:]))
    return high / low if low > 0 else float("inf")


def come_in_stretches(run: Floats, percent: float) -> bool:
    """Whether the slow calls of one run lie together: what a setting alone makes slow is strewn over the queries."""
    return calls_per_event([run], [run], np.array([np.percentile(run, percent)])) > MOST_PER_EVENT


def chance_of_no_rise(before: Floats, after: Floats, share: float, dependence: float) -> float:
    """P(bootstrapped quantile of ``after`` ≤ that of ``before``), both of as many calls as theirs / ``dependence``."""
    weights_before = quantile_weights(len(before), share, dependence)
    weights_after = quantile_weights(len(after), share, dependence)
    at_least = np.append(np.cumsum(weights_before[::-1])[::-1], 0)
    return float(weights_after @ at_least[np.searchsorted(np.sort(before), np.sort(after), side="left")])


def quantile_weights(calls: int, share: float, dependence: float) -> Floats:
    """The probability of each order statistic to be the quantile of a bootstrap sample (Maritz and Jarrett 1978)."""
    from scipy import special

    independent = calls / dependence
    up_to = special.betainc((independent + 1) * share, (independent + 1) * (1 - share), np.arange(calls + 1) / calls)
    return np.diff(up_to)


def calls_per_event(baseline: Calls, candidate: Calls, levels: Floats) -> float:
    """How many calls tell as much as one independent call, at least 1: the largest over levels and block lengths.

    The variance of the share of calls above a level, taken from sums over blocks, to that of independent calls; the
    two sides count together. Block lengths are n^(1/3) and its multiples, and a whole run where a side has several.
    """
    sides = (baseline, candidate)
    calls = min(sum(map(len, side)) for side in sides)
    lengths = [round(factor * calls ** (1 / 3)) for factor in BLOCK_FACTORS]
    if min(map(len, sides)) > 1:
        lengths.append(calls)
    in_blocks = np.zeros((len(lengths), len(levels)))
    alone = np.zeros(len(levels))
    for side in sides:
        above = [run > levels[:, None] for run in side]
        mean = np.concatenate(above, axis=1).mean(axis=1, keepdims=True)
        alone += (mean * (1 - mean))[:, 0]
        in_blocks += [block_variance([run - mean for run in above], length) for length in lengths]
    return float(np.max(in_blocks[:, alone > 0] / alone[alone > 0], initial=1))


def block_variance(deviations: Sequence[Floats], length: int) -> Floats:
    """n × the variance of the mean of levels × calls, from the sums of all blocks of so many calls.

    Blocks go around within a run; one that is shorter is a single block.
    """
    calls = sum(run.shape[1] for run in deviations)
    squares = np.zeros(len(deviations[0]))
    for run in deviations:
        block = min(length, run.shape[1])
        around = np.cumsum(np.concatenate([np.zeros((len(run), 1)), run, run[:, : block - 1]], axis=1), axis=1)
        sums = around[:, block:] - around[:, :-block]
        squares += (sums**2).sum(axis=1) / block / (1 - block / calls)
    return np.asarray(squares / calls, dtype=np.float64)


def stretches_above(run: Floats, level: float) -> int:
    """How many separate stretches of calls lie above ``level``; a single faster call does not end one."""
    above = np.flatnonzero(run > level)
    return len(above) and 1 + int((np.diff(above) > 2).sum())
