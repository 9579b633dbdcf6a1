"""Thresholds as results: the cosine from which two texts count as the same, and what is right and wrong above it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evalkit.arrays import Bools, Floats, Rows

CONFIDENCE = 0.95
RESAMPLES = 200
SEQUENCES = ((1, 3), (1,))  # where each begins, in items that would show a share were none wrong; the first that fits


@dataclass(frozen=True)
class Decisions:
    """What a ``threshold`` decides: items whose one of ``scores`` (n) is at least that are accepted.

    ``is_right`` says of which items that would be right. ``low`` and ``high`` bound the threshold, as other items like
    these would have it. Null is not known, of a threshold that there is none that serves.
    """

    threshold: float | None
    low: float | None
    high: float | None
    scores: Floats
    is_right: Bools

    @property
    def figures(self) -> dict[str, float | None]:
        """Columns of a point."""
        return {"threshold": self.threshold, "threshold_low": self.low, "threshold_high": self.high}


def decisions(
    choose: Callable[[Floats, Bools], float], scores: Floats, is_right: Bools, seed: int = 0, groups: Rows | None = None
) -> Decisions:
    """What ``choose`` gives of these items, and between what it lies over samples of them (a percentile bootstrap).

    Items of one of ``groups`` (n, numbers from 0; null: each is its own) are drawn together. Where ``choose`` gives NaN
    there is no threshold: a bound that such samples reach is null.
    """
    generator = np.random.default_rng(seed)
    of_group = np.arange(len(scores)) if groups is None else groups
    order, count = np.argsort(of_group, kind="stable"), int(of_group.max()) + 1
    members = np.split(order, np.cumsum(np.bincount(of_group, minlength=count))[:-1])
    chosen = []
    for _ in range(RESAMPLES):
        drawn = generator.integers(count, size=count)
        rows = drawn if groups is None else np.concatenate([members[group] for group in drawn.tolist()])
        chosen.append(choose(scores[rows], is_right[rows]))
    values = np.where(np.isnan(chosen), np.inf, chosen)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(values, [tail, 100 - tail], method="nearest")
    return Decisions(known(choose(scores, is_right)), known(low), known(high), scores, is_right)


def known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def upper_bound(wrong: Floats, of: Floats, confidence: float = CONFIDENCE) -> Floats:
    """The one-sided upper bound of a share of which ``wrong`` were seen among ``of`` (Clopper and Pearson 1934)."""
    from scipy.stats import beta

    share = beta.ppf(confidence, wrong + 1, of - wrong)
    return np.asarray(np.where(of > wrong, share, 1.0), dtype=np.float64)


def lower_bound(right: Floats, of: Floats, confidence: float = CONFIDENCE) -> Floats:
    """The one-sided lower bound of the same; 0 where none were seen."""
    return np.asarray(1 - upper_bound(of - right, of, confidence), dtype=np.float64)


@dataclass(frozen=True)
class Steps:
    """What each threshold accepts, from the highest down: ``thresholds`` are the cosines that occur, each once.

    ``accepted`` are how many have at least that cosine, ``right`` how many of those are.
    """

    thresholds: Floats
    accepted: Floats
    right: Floats

    @property
    def wrong(self) -> Floats:
        return self.accepted - self.right


def steps(cosines: Floats, is_right: Bools) -> Steps:
    order = np.argsort(-cosines, kind="stable")
    ordered = cosines[order]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else np.zeros(0, dtype=np.int64)
    right = np.cumsum(is_right[order], dtype=np.float64)
    return Steps(ordered[last], (last + 1).astype(np.float64), right[last])


def lowest_safe(found: Steps, most_wrong: float, confidence: float = CONFIDENCE, weight: float = 1.0) -> float:
    """The lowest threshold whose share of wrong ones is shown to be at most ``most_wrong``; NaN where none is.

    From the highest that accepts enough to show it were none wrong, each next lower one is tested as long as all above
    it pass: a fixed sequence, which needs no correction for many tests (Maurer, Hothorn and Lehmacher 1995; for
    thresholds: Angelopoulos et al. 2021, Learn then Test, section 2.3). A second sequence begins where three times as
    many are accepted, so that one wrong item at the top doesn't end it all; each has half of 1 - ``confidence``, the
    first all of it where there are too few for a second. So a threshold that isn't safe is chosen with a probability of
    at most 1 - ``confidence``, where items are independent; the lowest that passes by itself would be far more often.
    What is tested depends on cosines alone, never on what is right.

    ``weight`` (up to 1) is what one item tells beside one that depends on no other.
    """
    accepted, wrong = found.accepted * weight, found.wrong * weight
    most = float(accepted.max(initial=0.0))
    for starts in SEQUENCES:
        level = 1 - (1 - confidence) / len(starts)
        needed = np.log(1 - level) / np.log(1 - most_wrong)  # items, none of them wrong, that show it
        if most >= max(starts) * needed:
            is_safe = upper_bound(wrong, accepted, level) <= most_wrong
            return min((end_of(found.thresholds, is_safe, accepted >= start * needed) for start in starts), key=last)
    return float("nan")


def end_of(thresholds: Floats, is_safe: Bools, is_tested: Bools) -> float:
    """The lowest of the thresholds that pass one after the other; NaN where the first that is tested doesn't."""
    passed = thresholds[is_tested][np.logical_and.accumulate(is_safe[is_tested])]
    return float(passed[-1]) if len(passed) else float("nan")


def last(value: float) -> float:
    """NaN is above all others."""
    return np.inf if np.isnan(value) else value
