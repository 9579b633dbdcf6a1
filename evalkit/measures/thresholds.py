"""Thresholds as results: the cosine from which two texts count as the same, and what is right and wrong above it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from evalkit.arrays import Bools, Floats, Rows

CONFIDENCE = 0.95
RESAMPLES = 200


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


def lowest_safe(found: Steps, most_wrong: float, confidence: float = CONFIDENCE) -> float:
    """The lowest threshold whose share of wrong ones has an upper bound of at most ``most_wrong``; NaN where none has.

    A bound holds for a threshold that is chosen beforehand. Of many, the lowest that passes is chosen by luck too: what
    it does is to be read from other data.
    """
    is_safe = upper_bound(found.wrong, found.accepted, confidence) <= most_wrong
    return float(found.thresholds[is_safe].min()) if is_safe.any() else float("nan")
