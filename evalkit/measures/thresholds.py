"""Thresholds as results: the cosine from which two texts count as the same, and what is right and wrong above it."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from evalkit.arrays import Bools, Floats

CONFIDENCE = 0.95


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
