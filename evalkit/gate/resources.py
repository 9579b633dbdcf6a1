"""Did it get slower, larger or dearer? Ratios against limits; timings only where the hardware is the same."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evalkit.config import GateConfig
from evalkit.errors import UserError, did_you_mean
from evalkit.gate.measurements import Measurements
from evalkit.gate.pairing import Pair
from evalkit.measures.holm import holm
from evalkit.measures.quantiles import Calls, calls_needed, come_in_stretches, halves_differ, slower_p
from evalkit.results.column import Column
from evalkit.results.columns import DIRECTED
from evalkit.results.in_words import change
from evalkit.results.provenance import hardware
from evalkit.results.reader import StoredRun

MEDIAN = 50
MS_PER_UNIT = {"ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class ResourceResult:
    """One column of one pair. ``worsening`` is the ratio in the bad direction (2.0: twice as slow, twice as large).

    ``p`` is that of "this percentile of the latencies did not rise", after Holm over all that are tested: a ratio that
    chance explains does not count. ``is_below_least`` says that a rise is too short to count whatever its ratio,
    ``not_compared`` why there is no ratio.
    """

    pair: str
    column: str
    unit: str
    baseline: float | None
    candidate: float | None
    worsening: float | None
    limit: float
    p: float | None
    exceeds: bool
    not_compared: str
    is_below_least: bool = False
    is_by_median: bool = False


def compare_resources(
    config: GateConfig, all_pairs: Sequence[Pair], baselines: Sequence[StoredRun], candidates: Sequence[StoredRun]
) -> list[ResourceResult]:
    """One result per pair and limited column.

    Several runs of each side, measured in turn, count by their medians and by all their calls together. Where a
    percentile of latencies is beyond its limit, that it rose at all must be shown too: at alpha, over all percentiles
    that have a limit (Holm). A rise of less than ``least_ms`` never counts.
    """
    limits = config.limits or {}
    reasons = {column: not_comparable(DIRECTED[column], (*baselines, *candidates)) for column in limits}
    before, after = Measurements(baselines), Measurements(candidates)
    compared = [
        compare(pair, DIRECTED[column], limit, before, after, reasons[column], config.least_ms)
        for pair in all_pairs
        for column, limit in limits.items()
        if limit is not None
    ]
    return judged(compared, config.alpha)


def check_limits(limits: Iterable[str]) -> None:
    """Raises UserError for a column that is no figure with a better and a worse."""
    for column in limits:
        if column not in DIRECTED:
            raise UserError(f"limits has the unknown column '{column}'.", did_you_mean(column, DIRECTED))


def not_comparable(figure: Column, runs: Sequence[StoredRun]) -> str:
    """Why a figure of these ``runs`` says nothing of the settings, whatever it is; empty where it does."""
    if figure.of_machine and differ(runs, lambda run: hardware(run.about["environment"])):
        return "not compared: different hardware"
    if figure.of_workload and differ(runs, terms):
        return "not compared: different workload or prices"
    if figure.name == "search_peak_rss_bytes" and differ(runs, encoded_anew):
        return "not compared: some of the runs held the model in memory, others took all vectors from the store"
    return ""


def differ(runs: Sequence[StoredRun], what: Callable[[StoredRun], Any]) -> bool:
    return any(what(run) != what(runs[0]) for run in runs)


def encoded_anew(run: StoredRun) -> bool:
    """Whether any text was encoded, and so the model was in memory afterwards."""
    return any(not side.get("cached", False) for side in run.about["embeddings"])


def terms(run: StoredRun) -> tuple[Any, Any]:
    """The workload and the prices that a run's costs were worked out with."""
    return run.about["config"].get("workload"), run.about["config"].get("pricing")


def compare(
    pair: Pair,
    figure: Column,
    limit: float,
    baselines: Measurements,
    candidates: Measurements,
    why_not: str,
    least_ms: float,
) -> ResourceResult:
    """The ratio of one figure, and where it is a percentile of latencies the p of its test, not adjusted yet.

    ``why_not`` says why the figure is not compared at all, if it isn't.
    """
    before = baselines.median(pair.baseline, figure.name)
    after = candidates.median(pair.candidate, figure.name)
    result = ResourceResult(pair.name, figure.name, figure.unit, before, after, None, limit, None, False, "")
    if before is None:
        why = baselines.why_null(pair.baseline, figure)
        return replace(result, not_compared=f"not measured in the baseline: {why}")
    if after is None:
        why = candidates.why_null(pair.candidate, figure)
        return replace(result, not_compared=f"not measured in the candidate: {why}")
    reason = why_not or why_not_by_setting(pair, figure, baselines, candidates)
    if not reason and min(before, after) <= 0:
        reason = "not compared: a figure is 0"
    if reason:
        return replace(result, not_compared=reason)
    old, new = baselines.calls(pair.baseline, figure), candidates.calls(pair.candidate, figure)
    if figure.percentile and (too_few := too_few_calls(figure, old, new)):
        return replace(result, not_compared=f"not compared: {too_few}")
    result = replace(
        result,
        worsening=before / after if figure.higher_is_better else after / before,
        p=slower_p(old, new, figure.percentile) if figure.percentile else None,
        is_below_least=is_below(least_ms, figure, before, after),
    )
    can_count = not is_below(least_ms, figure, 0.0, max(before, after))
    if figure.percentile and can_count and (noise := too_noisy(figure, old, new, limit)):
        return by_median(result, old, new, least_ms) or replace(result, worsening=None, p=None, not_compared=noise)
    return result


def is_below(least_ms: float, figure: Column, before: float, after: float) -> bool:
    """Whether a figure of time rose, and by less than ``least_ms``."""
    return figure.unit in MS_PER_UNIT and 0 < (after - before) * MS_PER_UNIT[figure.unit] < least_ms


def by_median(result: ResourceResult, old: Calls, new: Calls, least_ms: float) -> ResourceResult | None:
    """``result`` by the medians of the calls, where these are beyond the limit and steady; null where they are not.

    What disturbs some calls moves no median; what makes every call slower does.
    """
    if any(halves_differ(runs[0], MEDIAN) >= result.limit for runs in (old, new)):
        return None
    before, after = (float(np.median(runs[0])) for runs in (old, new))
    if before <= 0 or after / before <= result.limit or after - before < least_ms:
        return None
    return replace(
        result, worsening=after / before, p=slower_p(old, new, MEDIAN), is_below_least=False, is_by_median=True
    )


def why_not_by_setting(pair: Pair, figure: Column, baselines: Measurements, candidates: Measurements) -> str:
    """Why a figure that both sides have says nothing of what changed between them; empty where it does."""
    if day := candidates.taken_over(pair.candidate, figure):
        return f"not measured: nothing was encoded, so the candidate's figure is one of {day}"
    if figure.of_search and pair.baseline["serve_k"] != pair.candidate["serve_k"]:
        return f"not compared: timed for {pair.baseline['serve_k']} and {pair.candidate['serve_k']} results"
    for side, words in (
        ("baseline", baselines.busy(pair.baseline, figure)),
        ("candidate", candidates.busy(pair.candidate, figure)),
    ):
        if words:
            return f"not compared: the machine was busy while the {side} was timed ({words})"
    return ""


def too_noisy(figure: Column, old: Calls, new: Calls, limit: float) -> str:
    """Why a percentile of single runs says little of what changed; empty where it does.

    The first calls of a run are compared with its last ones, which is the same setting twice, and its slow calls must
    not lie together. Several runs of a side are compared by the test, which sees what whole runs differ by.
    """
    percent, remedy = figure.percentile or 0, "measure in turn, with repeat=5"
    for side, runs in (("baseline", old), ("candidate", new)):
        noise = halves_differ(runs[0], percent) if len(runs) == 1 else 1.0
        if noise >= limit:
            words = change(figure.name, noise)
            return f"not compared: too noisy: of the {side}'s own calls one half is {words} than the other; {remedy}"
        if len(runs) == 1 and come_in_stretches(runs[0], percent):
            return f"not compared: too noisy: the {side}'s slow calls come in stretches, as of other work; {remedy}"
    return ""


def too_few_calls(figure: Column, old: Calls, new: Calls) -> str:
    """Why a percentile can't be told from so many calls; empty where it can."""
    calls, needed = min(sum(map(len, side)) for side in (old, new)), calls_needed(figure.percentile or 0)
    if calls >= needed:
        return ""
    return f"p{figure.percentile} needs {needed:,} calls, these runs have {calls:,}: runtime.latency_calls={needed}"


def judged(results: Sequence[ResourceResult], alpha: float) -> list[ResourceResult]:
    """``results`` with p-values adjusted for their number, and whether each figure exceeds its limit."""
    adjusted = iter(holm([result.p for result in results if result.p is not None]).tolist())
    final = []
    for result in results:
        p = None if result.p is None else next(adjusted)
        beyond = result.worsening is not None and result.worsening > result.limit
        is_shown = not result.is_below_least and (p is None or p <= alpha)
        final.append(replace(result, p=p, exceeds=beyond and is_shown))
    return final
