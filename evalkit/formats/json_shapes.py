"""What a JSON file must hold to be read: keys and types of values, as data, and the first that is amiss in words.

A shape is a type, a Rule, OrNull, a list of one shape for all of its items, or a dict: an object that has its keys, but
for those with a question mark, and maybe others. ``*`` is any key.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evalkit.errors import printable

LARGEST_FIGURE = 1e30  # nothing that is measured is larger
LARGEST = 2**63  # of whole numbers, which tables hold as 64 bits
DEEPEST = 50  # how deep objects and lists may lie in each other


@dataclass(frozen=True)
class Rule:
    """A value that ``is_right`` says yes to."""

    is_right: Callable[[Any], bool]


@dataclass(frozen=True)
class OrNull:
    """``shape``, or null."""

    shape: Any


def is_number(value: Any) -> bool:
    """Whether it is a number that can be a figure, and no truth value: finite, and its products too."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_FIGURE


def is_moment(value: Any) -> bool:
    """Whether it is a moment of ISO 8601 with its offset."""
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


NUMBER = Rule(is_number)
AMOUNT = Rule(lambda value: is_number(value) and value >= 0)
COUNT = Rule(lambda value: is_number(value) and isinstance(value, int) and value >= 0)
ORDINAL = Rule(lambda value: is_number(value) and isinstance(value, int) and value >= 1)
MOMENT = Rule(is_moment)
PLAIN = Rule(lambda value: value is None or isinstance(value, str | bool | int | float))


def defect_at(path: str, value: Any, shape: Any) -> str:
    """The first thing of ``value``, at ``path``, that is not as ``shape``, in words; empty where none is."""
    if isinstance(shape, OrNull):
        return "" if value is None else defect_at(path, value, shape.shape)
    if isinstance(shape, Mapping):
        if not isinstance(value, dict):
            return f"{path or 'it'} is no object"
        of_keys = {key.removesuffix("?"): below for key, below in shape.items()}
        if missing := [key for key in shape if key not in value and key != "*" and not key.endswith("?")]:
            return f"{path}.{missing[0]}".lstrip(".") + " is missing"
        of_any = dict.fromkeys(value, shape["*"]) if "*" in shape else {}
        kept = (of_any | of_keys).items()
        parts = ((f"{path}.{key}".lstrip("."), value[key], below) for key, below in kept if key in value and key != "*")
    elif isinstance(shape, list):
        if not isinstance(value, list):
            return f"{path} is no list"
        parts = ((f"{path}[{i}]", item, shape[0]) for i, item in enumerate(value))
    else:
        is_of_shape = shape.is_right(value) if isinstance(shape, Rule) else is_of_type(value, shape)
        return "" if is_of_shape else f"{path} is {printable(repr(value), 80)}"
    return next(filter(None, (defect_at(*part) for part in parts)), "")


def is_of_type(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)


def parsed(text: str) -> Any:
    """The JSON in ``text``. Raises ValueError for numbers that tables can't hold, deep nesting, and broken texts."""

    def whole(digits: str) -> int:
        if abs(number := int(digits)) >= LARGEST:
            raise ValueError(f"a number has {len(digits)} digits")
        return number

    def broken(digits: str) -> float:
        if not math.isfinite(number := float(digits)):
            raise ValueError(f"{printable(digits, 40)} is no finite number")
        return number

    value = json.loads(text, parse_int=whole, parse_float=broken, parse_constant=broken)
    check_depth(value)
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def check_depth(value: Any, depth: int = 0) -> None:
    """Raises ValueError where objects and lists lie deeper in each other than any run's."""
    if depth > DEEPEST:
        raise ValueError(f"it is nested deeper than {DEEPEST} levels")
    for below in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(below, dict | list):
            check_depth(below, depth + 1)
