"""Runs from before there were filters, read as what they are: runs whose points search all documents."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evalkit.results.setting import KEY

NEW_IN_TABLES = ("filter",)
REST_OF_KEY = set(KEY) - set(NEW_IN_TABLES)


def with_filters(about: Mapping[str, Any]) -> dict[str, Any]:
    """run.json with a filter of every point; what is no point is left to ``shape.defect``."""
    points = about.get("points")
    if not isinstance(points, list):
        return dict(about)
    return {**about, "points": [{"filter": "", **p} if isinstance(p, dict) else p for p in points]}


def absent(about: Mapping[str, Any]) -> Sequence[str]:
    """The columns of a point that tables of the run ``about`` may lack: it has no filtered one."""
    return () if any(point["filter"] for point in about["points"]) else NEW_IN_TABLES


def with_filter_column(table: pd.DataFrame) -> pd.DataFrame:
    """A table of points' rows with the filter of each, which is none where it has no such column."""
    if "filter" in table or not set(table) >= REST_OF_KEY:
        return table
    return table.assign(filter=pd.Categorical([""] * len(table), categories=pd.Index([""])))
