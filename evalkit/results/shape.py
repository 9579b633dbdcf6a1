"""What a run.json of today's schema must hold to be read: which keys, of which types."""

import math
from collections.abc import Mapping, Set
from typing import Any, get_type_hints

from evalkit.results.columns import DIRECTED
from evalkit.results.record import BESIDE_FIGURES
from evalkit.results.setting import Setting

# A dict has these keys, but for those with a question mark, and maybe others; a list has any number of its one item.
SHAPE: Mapping[str, Any] = {
    "created_at?": str,
    "finished": bool,
    "config": {"measures": [str]},
    "environment": {"packages": dict, "cpu": dict, "ram_bytes": int, "gpu": [dict], "threads": dict},
    "models": [{"name": str}],
    "corpora": [{"name": str, "fingerprint": str, "documents": int, "queries?": int}],
    "embeddings": [dict],
    "points": [get_type_hints(Setting)],
}


def defect(about: Any) -> str:
    """The first thing of a run.json that is missing or of another type, in words; empty where there is none."""
    if problem := defect_at("", about, SHAPE):
        return problem
    figures = {*DIRECTED, *about["config"]["measures"]}
    return next(filter(None, (wrong_figure(point, figures) for point in about["points"])), "")


def defect_at(path: str, value: Any, shape: Any) -> str:
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return f"{path or 'it'} is no object"
        of_keys = {key.removesuffix("?"): below for key, below in shape.items()}
        if missing := [key for key in shape if not key.endswith("?") and key not in value]:
            return f"{path}.{missing[0]}".lstrip(".") + " is missing"
        parts = ((f"{path}.{key}".lstrip("."), value[key], below) for key, below in of_keys.items() if key in value)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            return f"{path} is no list"
        parts = ((f"{path}[{i}]", item, shape[0]) for i, item in enumerate(value))
    else:
        is_of_type = isinstance(value, shape) and not (isinstance(value, bool) and shape is not bool)
        return "" if is_of_type else f"{path} is {value!r}"
    return next(filter(None, (defect_at(*part) for part in parts)), "")


def wrong_figure(point: Mapping[str, Any], figures: Set[str]) -> str:
    """The first figure of a point that is neither a finite number nor null, or thing beside them that is no object."""
    for name, value in point.items():
        if name in BESIDE_FIGURES and not isinstance(value, dict):
            return f"{name} of a point is {value!r}"
        if name in figures and value is not None and not is_number(value):
            return f"{name} of a point is {value!r}"
    return ""


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
