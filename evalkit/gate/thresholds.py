"""Thresholds of both runs: they don't survive a change of model, dims or quantization, and this says what to expect.

A threshold of the baseline is applied to what the candidate scored, item by item.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.arrays import Bools, Floats
from evalkit.gate.pairing import Pair
from evalkit.results.percent import percent
from evalkit.results.reader import StoredRun, rows_by_point
from evalkit.results.setting import KEY, key_of
from evalkit.results.task_measures import DECISIONS, ITEMS

STRINGS = tuple(name for name in KEY if name != "dims")


@dataclass(frozen=True)
class Accepted:
    """What a threshold accepts: a ``share`` of all items, and the share of these that is ``wrong``; null of none."""

    share: float
    wrong: float | None


@dataclass(frozen=True)
class ThresholdResult:
    """The threshold of one pair. ``before`` is what the baseline's accepted there, ``now`` what it accepts here.

    ``candidate`` is the candidate's own threshold, with its 95 % interval; null where none serves.
    """

    pair: str
    task: str
    baseline: float
    candidate: float | None
    low: float | None
    high: float | None
    before: Accepted
    now: Accepted

    @property
    def must_move(self) -> bool:
        """Whether the baseline's threshold lies outside the interval of the candidate's own."""
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        return self.candidate is None or not low <= self.baseline <= high


def compare_thresholds(pairs: Sequence[Pair], baseline: StoredRun, candidate: StoredRun) -> Iterator[ThresholdResult]:
    """One for each of ``pairs`` whose baseline has a threshold, and whose items both runs kept the scores of."""
    with_threshold = [pair for pair in pairs if pair.baseline.get("threshold") is not None]
    if not with_threshold:
        return
    before, after = decided(baseline), decided(candidate)
    for pair in with_threshold:
        old, new = before.get(key_of(pair.baseline)), after.get(key_of(pair.candidate))
        if old is None or new is None:
            continue
        threshold = float(pair.baseline["threshold"])
        yield ThresholdResult(
            pair=pair.name,
            task=str(pair.baseline["task"]),
            baseline=threshold,
            candidate=pair.candidate.get("threshold"),
            low=pair.candidate.get("threshold_low"),
            high=pair.candidate.get("threshold_high"),
            before=accepted(*old, threshold),
            now=accepted(*new, threshold),
        )


def decided(run: StoredRun) -> Mapping[tuple[Any, ...], tuple[Floats, Bools]]:
    """The scores of each point's items, and which of them are right; none where the run kept none."""
    if not set(DECISIONS) <= set(run.columns("queries")):
        return {}
    table = run.table("queries", STRINGS, [*KEY, "query_id", *DECISIONS])
    scores, is_right = (table[name].to_numpy(dtype=np.float64) for name in DECISIONS)
    return {key: (scores[rows], is_right[rows] > 0) for key, rows in rows_by_point(table).items()}


def accepted(scores: Floats, is_right: Bools, threshold: float) -> Accepted:
    is_accepted = scores >= threshold
    wrong = float((~is_right[is_accepted]).mean()) if is_accepted.any() else None
    return Accepted(float(is_accepted.mean()), wrong)


def threshold_sentence(result: ThresholdResult) -> str:
    """``c 256 int8 cache: the threshold moves from 0.8312 to 0.7904 (0.781 to 0.802); the old one …``."""
    own = "none serves any more"
    if result.candidate is not None:
        bounds = (("–" if bound is None else f"{bound:.3f}") for bound in (result.low, result.high))
        verb = "moves" if result.must_move else "may stay: the candidate's own moves"
        own = f"{verb} from {result.baseline:.4f} to {result.candidate:.4f} ({' to '.join(bounds)})"
    before, now = (what_is_accepted(each) for each in (result.before, result.now))
    items = ITEMS[result.task]
    return f"{result.pair}: the threshold {own}; the old one accepted {before} of {items} and accepts {now} now"


def what_is_accepted(of: Accepted) -> str:
    return percent(of.share) + ("" if of.wrong is None else f" ({percent(of.wrong)} of these wrongly)")
