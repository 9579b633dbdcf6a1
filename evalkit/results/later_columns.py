"""Runs from before a column of settings was there, read as what they are: their points search all documents."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from evalkit.results.setting import FULL, KEY

BEFORE: Mapping[str, str] = {"filter": "", "corpus_size": FULL, "distractors": ""}  # what a point without it has
NEW_IN_TABLES = tuple(name for name in BEFORE if name in KEY)
REST_OF_KEY = set(KEY) - set(NEW_IN_TABLES)


def with_later_columns(about: Mapping[str, Any]) -> dict[str, Any]:
    """run.json with the later columns of every point; what is no point is left to ``shape.defect``."""
    points = about.get("points")
    if not isinstance(points, list):
        return dict(about)
    return {**about, "points": [{**BEFORE, **p} if isinstance(p, dict) else p for p in points]}


def absent(about: Mapping[str, Any]) -> Sequence[str]:
    """The columns of a point that tables of the run ``about`` may lack: no point of it has another value."""
    return [name for name in NEW_IN_TABLES if all(point[name] == BEFORE[name] for point in about["points"])]


def with_later_keys(table: pd.DataFrame) -> pd.DataFrame:
    """A table of points' rows with the whole key of each."""
    if not set(table) >= REST_OF_KEY:
        return table
    missing = [name for name in NEW_IN_TABLES if name not in table]
    named = {name: pd.Categorical([BEFORE[name]] * len(table), categories=pd.Index([BEFORE[name]])) for name in missing}
    return table.assign(**named)
