"""Did it get slower, larger or dearer? Ratios against limits; timings only where the hardware is the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.config import GateConfig
from evalkit.errors import UserError, did_you_mean
from evalkit.gate.pairing import Pair
from evalkit.measures.holm import holm
from evalkit.measures.quantiles import Calls, calls_needed, slower_p
from evalkit.results.columns import DIRECTED, Column
from evalkit.results.provenance import hardware
from evalkit.results.reader import StoredRun, rows_by_point
from evalkit.results.setting import key_of


@dataclass(frozen=True)
class ResourceResult:
    """One column of one pair. ``worsening`` is the ratio in the bad direction (2.0: twice as slow, twice as large).

    ``p`` is that of "this percentile of the latencies did not rise", after Holm over all that are tested: a ratio that
    chance explains does not count. ``not_compared`` says why there is no ratio.
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


class Measurements:
    """The points and single latencies of one side: of one run, or of several that were measured in turn."""

    def __init__(self, runs: Sequence[StoredRun]) -> None:
        self.points = [{key_of(point): point for point in run.about["points"]} for run in runs]
        self.latencies = [run.latencies() for run in runs]
        self.rows = [rows_by_point(latencies) for latencies in self.latencies]

    def median(self, point: Mapping[str, Any], column: str) -> float | None:
        """The median over the runs of one figure of the setting of ``point``; null where one of them lacks it."""
        figures = [points.get(key_of(point), {}).get(column) for points in self.points]
        return None if None in figures else float(np.median(np.asarray(figures, dtype=np.float64)))

    def why_null(self, point: Mapping[str, Any], figure: Column) -> str:
        """Why the figure of the setting of ``point`` is null in the first run where it is."""
        points = [stored for points in self.points if (stored := points.get(key_of(point))) is not None]
        lacking = next((stored for stored in points if stored.get(figure.name) is None), None)
        if lacking is None:
            return "the setting was not measured again"
        reasons: Mapping[str, str] = lacking.get("unmeasured", {})
        return reasons.get(figure.name) or figure.why_null or "its run does not have this figure"

    def calls(self, point: Mapping[str, Any], figure: Column) -> list[npt.NDArray[np.float32]]:
        """Per run the sum, call by call, of the latencies that make up ``figure``."""
        columns, key = list(figure.samples), key_of(point)
        timed = (
            latencies.iloc[rows[key]] for latencies, rows in zip(self.latencies, self.rows, strict=True) if key in rows
        )
        return [calls[columns].sum(axis=1).to_numpy(np.float32) for calls in timed]


def compare_resources(
    config: GateConfig, all_pairs: Sequence[Pair], baselines: Sequence[StoredRun], candidates: Sequence[StoredRun]
) -> list[ResourceResult]:
    """One result per pair and limited column.

    Several runs of each side, measured in turn, count by their medians and by all their calls together. Where a
    percentile of latencies is beyond its limit, that it rose at all must be shown too: at alpha, over all percentiles
    that have a limit (Holm).
    """
    limits = config.limits or {}
    for column in limits:
        if column not in DIRECTED:
            raise UserError(f"limits has the unknown column '{column}'.", did_you_mean(column, DIRECTED))
    reasons = {column: not_comparable(DIRECTED[column], (*baselines, *candidates)) for column in limits}
    before, after = Measurements(baselines), Measurements(candidates)
    compared = [
        compare(pair, DIRECTED[column], limit, before, after, reasons[column])
        for pair in all_pairs
        for column, limit in limits.items()
        if limit is not None
    ]
    return judged(compared, config.alpha)


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
) -> ResourceResult:
    """The ratio of one figure, and where it is a percentile of latencies the p of its test, not adjusted yet.

    ``why_not`` says why the figure is not compared at all, if it isn't.
    """
    before = baselines.median(pair.baseline, figure.name)
    after = candidates.median(pair.candidate, figure.name)
    old, new = baselines.calls(pair.baseline, figure), candidates.calls(pair.candidate, figure)
    worsening, p, reason = None, None, ""
    if before is None:
        reason = f"not measured in the baseline: {baselines.why_null(pair.baseline, figure)}"
    elif after is None:
        reason = f"not measured in the candidate: {candidates.why_null(pair.candidate, figure)}"
    elif why_not:
        reason = why_not
    elif figure.of_search and pair.baseline["serve_k"] != pair.candidate["serve_k"]:
        reason = f"not compared: timed for {pair.baseline['serve_k']} and {pair.candidate['serve_k']} results"
    elif min(before, after) <= 0:
        reason = "not compared: a figure is 0"
    elif too_few := too_few_calls(figure, old, new):
        reason = f"not compared: {too_few}"
    else:
        worsening = before / after if figure.higher_is_better else after / before
        p = slower_p(old, new, figure.percentile) if figure.percentile else None
    return ResourceResult(pair.name, figure.name, figure.unit, before, after, worsening, limit, p, False, reason)


def too_few_calls(figure: Column, old: Calls, new: Calls) -> str:
    """Why a percentile can't be told from so many calls; empty where it can."""
    if figure.percentile is None:
        return ""
    calls, needed = min(sum(map(len, side)) for side in (old, new)), calls_needed(figure.percentile)
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
        final.append(replace(result, p=p, exceeds=beyond and (p is None or p <= alpha)))
    return final
