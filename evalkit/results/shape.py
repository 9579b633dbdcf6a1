"""What a run.json must hold to be read: which keys, of which types, and which of them belong together."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from evalkit.errors import printable
from evalkit.formats.json_shapes import (
    AMOUNT,
    COUNT,
    MOMENT,
    NUMBER,
    ORDINAL,
    PLAIN,
    OrNull,
    defect_at,
    is_moment,
    is_number,
)
from evalkit.results.columns import FIGURES
from evalkit.results.config_shape import config_defect
from evalkit.results.record import BESIDE_FIGURES, POINT_FACTS
from evalkit.results.setting import COLUMNS, FULL, Setting, key_of
from evalkit.results.task_measures import measures_of_point

MOST_DIGITS = 12  # of a number of documents
TEXTS = {"*": str}
SETTING = {**get_type_hints(Setting), "dims": OrNull(ORDINAL), "top_k": ORDINAL, "serve_k": ORDINAL}
LOAD = {"*": OrNull(AMOUNT)}
LAW = {"terms": {"*": NUMBER}, "sizes?": [ORDINAL]}
POINT = {
    **{name: ORDINAL if name in ("top_k", "serve_k") else shape for name, shape in SETTING.items()},
    **{"dims_trained?": bool, "metric?": str, "candidates?": OrNull(COUNT), "queries?": COUNT},
    **{"engine_version?": str, "priced_as?": str},
    **{f"{name}?": OrNull(NUMBER if figure.is_signed else AMOUNT) for name, figure in FIGURES.items()},
    **{f"{name}?": TEXTS for name in ("unmeasured", "notes", "proof")},
    "laws?": {"*": [LAW]},
    "load?": OrNull(LOAD),
}
RUNTIME = {"max_length?": OrNull(COUNT), "*": PLAIN}
PASS = {
    **{"corpus": str, "side": str, "seconds": OrNull(AMOUNT), "runtime": RUNTIME, "texts": COUNT, "model?": str},
    **{"cached?": bool, "truncated_texts?": OrNull(COUNT), "timed_texts?": OrNull(COUNT), "threads?": PLAIN},
    **{"timed_on?": OrNull({"cpu": OrNull(str)}), "timed_at?": OrNull(str), "checked_at?": OrNull(MOMENT)},
    **{"reused_texts?": COUNT},
    **{"verification?": OrNull({"smallest_cosine?": NUMBER}), "load?": OrNull(LOAD)},
}
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
        if not is_size(point["corpus_size"]):
            yield f"points[{i}].corpus_size is {printable(repr(point['corpus_size']), 80)}"
        if point["chunking"] != "none" and point["corpus"] not in encoded:
            yield f"embeddings lacks the documents of points[{i}]"
    for i, side in enumerate(about["embeddings"]):
        if (cut := side.get("truncated_texts") or 0) > side["texts"]:
            yield f"embeddings[{i}].truncated_texts is {cut} of {side['texts']}"
        if (reused := side.get("reused_texts", 0)) > side["texts"]:
            yield f"embeddings[{i}].reused_texts is {reused} of {side['texts']}"
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
        for name in measures_of_point(about, point):
            if name not in point:
                yield f"points[{i}].{name} is missing"
            elif point[name] is not None and not is_number(point[name]):
                yield f"points[{i}].{name} is {printable(repr(point[name]), 80)}"


def is_size(text: str) -> bool:
    """Whether it is ``full``, or a number of documents."""
    return text == FULL or (text.isascii() and text.isdigit() and text[0] != "0" and len(text) <= MOST_DIGITS)


def repeated(where: str, names: Any) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"{where} has {name!r} {times} times"
