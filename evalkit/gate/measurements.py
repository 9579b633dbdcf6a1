"""The figures and single latencies of one side of a gate, and whether they were measured by its runs at all."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.formats.json_shapes import is_moment
from evalkit.results.busy import is_timing, loads
from evalkit.results.column import Column
from evalkit.results.columns import FIGURES
from evalkit.results.reader import StoredRun, rows_by_point
from evalkit.results.setting import RETRIEVAL, key_of
from evalkit.system.busy import busy_words

OF_ENCODING = ("documents_per_second", "tokens_per_second", "peak_rss_bytes", "peak_gpu_bytes")
SIDE_OF = {
    **dict.fromkeys(OF_ENCODING, "document"),
    **{name: "query" for name in FIGURES if name.startswith("encode_query_ms")},
}


class Measurements:
    """The points and single latencies of one side: of one run, or of several that were measured in turn."""

    def __init__(self, runs: Sequence[StoredRun]) -> None:
        self.runs = runs
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
        if figure.name not in lacking and lacking["task"] != RETRIEVAL:
            return f"task={lacking['task']} has no such figure"
        reasons: Mapping[str, str] = lacking.get("unmeasured", {})
        return reasons.get(figure.name) or figure.why_null or "its run does not have this figure"

    def calls(self, point: Mapping[str, Any], figure: Column) -> list[npt.NDArray[np.float32]]:
        """Per run the sum, call by call, of the latencies that make up ``figure``."""
        columns, key = list(figure.samples), key_of(point)
        timed = (
            latencies.iloc[rows[key]] for latencies, rows in zip(self.latencies, self.rows, strict=True) if key in rows
        )
        return [calls[columns].sum(axis=1).to_numpy(np.float32) for calls in timed]

    def taken_over(self, point: Mapping[str, Any], figure: Column) -> str:
        """The day (UTC) on which a figure of encoding was measured, where a run has it from before it began.

        Empty where the runs of this side measured it themselves, and for all other figures.
        """
        return min((day for run in self.runs if (day := day_before(run, point, SIDE_OF.get(figure.name)))), default="")

    def busy(self, point: Mapping[str, Any], figure: Column) -> str:
        """What says that the machine was busy while ``figure`` was timed; empty where nothing does, and for sizes.

        Several runs measured in turn had the same machine: their medians and tests know.
        """
        if len(self.runs) > 1 or not is_timing(figure):
            return ""
        return next(
            (words for load in loads(self.runs[0].about, point, figure.name) if (words := busy_words(load))), ""
        )


def day_before(run: StoredRun, point: Mapping[str, Any], side: str | None) -> str:
    """The day on which encoding of a ``side`` was timed, where that was before ``run`` began; else empty."""
    of_side = (each for each in run.about["embeddings"] if (each["corpus"], each["side"]) == (point["corpus"], side))
    moments = [moment for each in of_side if is_moment(moment := each.get("timed_at"))]
    began = run.about.get("created_at")
    if not is_moment(began):
        return ""
    before = [moment for moment in moments if datetime.fromisoformat(moment) < datetime.fromisoformat(str(began))]
    return min((moment[:10] for moment in before), default="")
