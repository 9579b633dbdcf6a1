"""The points of a stored run as they were when they were measured: what tables and words are made of."""

from collections.abc import Mapping
from typing import Any

from evalkit.results.reader import StoredRun
from evalkit.results.record import BESIDE_FIGURES, POINT_FACTS, Point
from evalkit.results.setting import COLUMNS, Setting


def points_of(run: StoredRun) -> list[Point]:
    """The points of ``run``, in the order of run.json."""
    return [point_of(entry) for entry in run.about["points"]]


def point_of(entry: Mapping[str, Any]) -> Point:
    """The point that ``Point.entry`` made ``entry`` of; what older runs lack of it is null or empty."""
    known = (*COLUMNS, *POINT_FACTS, *BESIDE_FIGURES)
    return Point(
        setting=Setting(**{name: entry[name] for name in COLUMNS}),
        dims_trained=entry.get("dims_trained", True),
        metric=entry.get("metric", ""),
        candidates=entry.get("candidates"),
        queries=entry.get("queries", 0),
        engine_version=entry.get("engine_version", ""),
        priced_as=entry.get("priced_as", ""),
        figures={name: value for name, value in entry.items() if name not in known},
        **{name: entry.get(name) or {} for name in BESIDE_FIGURES},
    )
