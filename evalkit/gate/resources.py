"""Did it get slower, larger or dearer? Ratios against limits; timings only where the hardware is the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evalkit.config import GateConfig
from evalkit.errors import UserError, did_you_mean
from evalkit.gate.pairing import Pair, rows_of
from evalkit.measures.significance import slower_p
from evalkit.results.objectives import OBJECTIVES, Objective
from evalkit.results.provenance import hardware
from evalkit.results.record import SETTING
from evalkit.results.store import StoredRun


@dataclass(frozen=True)
class ResourceResult:
    """One column of one pair. ``worsening`` is the ratio in the bad direction (2.0: twice as slow, twice as large).

    ``p`` is the Mann–Whitney test's where there are samples of latencies: a ratio that chance explains does not count.
    ``not_compared`` says why there is no ratio.
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


@dataclass(frozen=True)
class Measurements:
    """The points of one or several runs of one side, and the single latencies of all of them together."""

    points: tuple[Mapping[str, Any], ...]
    latencies: pd.DataFrame

    @classmethod
    def of(cls, runs: Sequence[StoredRun]) -> "Measurements":
        points = tuple(point for run in runs for point in run.about["points"])
        return cls(points, pd.concat([run.latencies() for run in runs]))

    def median(self, point: Mapping[str, Any], column: str) -> float | None:
        """The median over the runs of one figure of the setting of ``point``; null where one of them lacks it."""
        found = [p.get(column) for p in self.points if all(p[key] == point[key] for key in SETTING)]
        return None if None in found else float(np.median(np.asarray(found, dtype=np.float64)))

    def samples(self, point: Mapping[str, Any], objective: Objective) -> npt.NDArray[np.float32]:
        """The sum, call by call, of the latencies that make up ``objective``."""
        return rows_of(self.latencies, point)[list(objective.samples)].sum(axis=1).to_numpy(np.float32)


def compare_resources(
    config: GateConfig, all_pairs: Sequence[Pair], baselines: Sequence[StoredRun], candidates: Sequence[StoredRun]
) -> list[ResourceResult]:
    """One result per pair and limited column.

    Several runs of each side, measured in turn, count by their medians and by all their samples together.
    """
    limits = config.limits or {}
    for column in limits:
        if column not in OBJECTIVES:
            raise UserError(f"limits has the unknown column '{column}'.", did_you_mean(column, OBJECTIVES))
    runs = (*baselines, *candidates)
    same_hardware = len({hardware(run.about["environment"]) for run in runs}) == 1
    same_terms = all(terms(run) == terms(runs[0]) for run in runs)
    before, after = Measurements.of(baselines), Measurements.of(candidates)
    return [
        compare(config, pair, OBJECTIVES[column], limit, before, after, same_hardware, same_terms)
        for pair in all_pairs
        for column, limit in limits.items()
        if limit is not None
    ]


def terms(run: StoredRun) -> tuple[Any, Any]:
    """The workload and the prices that a run's costs were worked out with."""
    return run.about["config"].get("workload"), run.about["config"].get("pricing")


def compare(
    config: GateConfig,
    pair: Pair,
    objective: Objective,
    limit: float,
    baselines: Measurements,
    candidates: Measurements,
    same_hardware: bool,
    same_terms: bool,
) -> ResourceResult:
    before = baselines.median(pair.baseline, objective.column)
    after = candidates.median(pair.candidate, objective.column)
    worsening, p, reason = None, None, ""
    if before is None or after is None:
        reason = f"not measured in the {'baseline' if before is None else 'candidate'}"
    elif objective.of_machine and not same_hardware:
        reason = "not compared: different hardware"
    elif objective.unit == "$" and not same_terms:
        reason = "not compared: different workload or prices"
    elif min(before, after) <= 0:
        reason = "not compared: a figure is 0"
    else:
        worsening = before / after if objective.higher_is_better else after / before
        if objective.samples:
            old = baselines.samples(pair.baseline, objective)
            new = candidates.samples(pair.candidate, objective)
            p = slower_p(old, new) if len(old) and len(new) else None
    exceeds = worsening is not None and worsening > limit and (p is None or p <= config.alpha)
    return ResourceResult(
        pair.name, objective.column, objective.unit, before, after, worsening, limit, p, exceeds, reason
    )
