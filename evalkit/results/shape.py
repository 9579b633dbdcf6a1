"""What a run.json must hold to be read: which keys, of which types, and which of them belong together."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_type_hints

from evalkit.errors import printable
from evalkit.results.columns import FIGURES
from evalkit.results.config_shape import config_defect
from evalkit.results.record import BESIDE_FIGURES, POINT_FACTS
from evalkit.results.setting import COLUMNS, Setting, key_of

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
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


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
PLAIN = Rule(lambda value: value is None or isinstance(value, str | bool | int | float))
TEXTS = {"*": str}
SETTING = {**get_type_hints(Setting), "dims": OrNull(ORDINAL), "top_k": ORDINAL, "serve_k": ORDINAL}
LAW = {"terms": {"*": NUMBER}, "sizes?": [ORDINAL]}
POINT = {
    **{name: ORDINAL if name in ("top_k", "serve_k") else shape for name, shape in SETTING.items()},
    **{"dims_trained?": bool, "metric?": str, "candidates?": OrNull(COUNT), "queries?": COUNT, "priced_as?": str},
    **{f"{name}?": OrNull(AMOUNT) for name in FIGURES},
    **{f"{name}?": TEXTS for name in ("unmeasured", "notes", "proof")},
    "laws?": {"*": [LAW]},
}
RUNTIME = {"max_length?": OrNull(COUNT), "*": PLAIN}
PASS = {
    **{"corpus": str, "side": str, "seconds": OrNull(AMOUNT), "runtime": RUNTIME, "texts": COUNT, "model?": str},
    **{"cached?": bool, "truncated_texts?": OrNull(COUNT), "timed_texts?": OrNull(COUNT), "threads?": PLAIN},
    **{"timed_on?": OrNull({"cpu": OrNull(str)}), "timed_at?": OrNull(str), "checked_at?": OrNull(Rule(is_moment))},
    "verification?": OrNull({"smallest_cosine?": NUMBER}),
}
# A dict has these keys, but for those with a question mark, and maybe others; * is any key, and a list has any number
# of its one item.
SHAPE: Mapping[str, Any] = {
    "created_at?": str,
    "finished": bool,
    "command?": [str],
    "config": {"measures": [str]},
    "environment": {
        **{"packages": {"*": OrNull(str)}, "ram_bytes": COUNT, "gpu": [{"name": str}], "threads": {"*": PLAIN}},
        "cpu": {"model?": OrNull(str), "logical_cores": OrNull(COUNT), "physical_cores?": OrNull(COUNT)},
        **{"python?": OrNull(str), "os?": OrNull(str), "git_commit?": OrNull(str)},
    },
    "models": [
        {
            **{"name": str, "revision": OrNull(str), "prompts?": {"*": OrNull(str)}, "options?": OrNull({"*": PLAIN})},
            **{"weights?": OrNull(str), "kind?": OrNull(str), "layer_norm?": OrNull(bool)},
        }
    ],
    "corpora": [
        {
            **{"name": str, "fingerprint": str, "documents": COUNT, "queries?": COUNT, "fingerprints?": TEXTS},
            "lint?": [{"text": str}],
        }
    ],
    "embeddings": [PASS],
    "points": [POINT],
    "files?": TEXTS,
}


def defect(about: Any) -> str:
    """The first thing of a run.json that is missing, of another type or impossible, in words; empty where none is."""
    if problem := defect_at("", about, SHAPE) or config_defect(about["config"]):
        return problem
    return next(disagreements(about), "")


def defect_at(path: str, value: Any, shape: Any) -> str:
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


def disagreements(about: Mapping[str, Any]) -> Iterator[str]:
    """What can't be true together."""
    yield from repeated("corpora", (corpus["name"] for corpus in about["corpora"]))
    yield from repeated("points", map(key_of, about["points"]))
    yield from wrong_measures(about)
    fingerprints = {corpus["name"]: corpus["fingerprint"] for corpus in about["corpora"]}
    encoded = {side["corpus"] for side in about["embeddings"] if side["side"] == "document"}
    for i, point in enumerate(about["points"]):
        if fingerprints.get(point["corpus"]) != point["corpus_fingerprint"]:
            yield f"points[{i}] is of a corpus that corpora doesn't have"
        if point["dims"] is None and point["chunking"] != "none":
            yield f"points[{i}] has chunks and no vectors"
        if point["chunking"] != "none" and point["corpus"] not in encoded:
            yield f"embeddings lacks the documents of points[{i}]"
    for i, side in enumerate(about["embeddings"]):
        if (cut := side.get("truncated_texts") or 0) > side["texts"]:
            yield f"embeddings[{i}].truncated_texts is {cut} of {side['texts']}"
        if side.get("timed_on") and side.get("timed_texts") is None:
            yield f"embeddings[{i}].timed_texts is None"
        if side.get("checked_at") and not is_moment(about.get("created_at")):
            yield f"created_at is {about.get('created_at')!r}"
    if about["points"] and not about["models"]:
        yield "models is empty"


def wrong_measures(about: Mapping[str, Any]) -> Iterator[str]:
    """Measures that are called as something else is, and such that points lack or have no number of."""
    measures = about["config"]["measures"]
    yield from repeated("config.measures", measures)
    if not measures and about["points"]:
        yield "config.measures is empty"
    if clash := set(measures) & {*COLUMNS, *POINT_FACTS, *BESIDE_FIGURES, *FIGURES}:
        yield f"config.measures has '{min(clash)}', which is another column"
    for i, point in enumerate(about["points"]):
        for name in measures:
            if name not in point:
                yield f"points[{i}].{name} is missing"
            elif point[name] is not None and not is_number(point[name]):
                yield f"points[{i}].{name} is {printable(repr(point[name]), 80)}"


def repeated(where: str, names: Any) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{where} has {name!r} {times} times"


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
