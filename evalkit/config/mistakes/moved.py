"""Settings that earlier versions had under another name, and what to write today."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evalkit.errors import UserError

MODELS, LOAD = "docs/models.md", "docs/quantization.md"
MOVED = {  # as it was: as it is, and where that is explained
    r"model\.fuse=(?P<value>\w+)": ("stages={value}", MODELS),
    r"task\.kind=(?P<value>[\w-]+)": ("task={value}", "docs/tasks.md"),
    r"model=hybrid": ("stages=bm25", MODELS),
    r"reranker=none": ("stages=[]", MODELS),
    r"reranker=(?P<value>[\w-]+)": ("stages={value}", MODELS),
    r"reranker\.(?P<key>\w+)=(?P<value>.*)": ("stages.<stage>.{key}={value}", MODELS),
    r"reranker(?P<value>.*)": ("stages=<stage>", MODELS),
    r"executor(\.kind)?=in_process": ("executor=local", "docs/scale.md"),
    r"load_seconds=(?P<value>.*)": ("load.seconds={value}", LOAD),
    r"load_seconds(?P<value>.*)": ("load.seconds=<seconds>", LOAD),
}


def check_moved(overrides: Sequence[str]) -> None:
    """Raises UserError for the first of ``overrides`` that is written as it was."""
    for override in overrides:
        for old, (new, page) in MOVED.items():
            if match := re.fullmatch(old, override.lstrip("+~")):
                hint = f"Write {new.format(**match.groupdict())} ({page})."
                raise UserError(f"'{override}' is no setting any more.", hint)


def renamed(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A ``stored`` config with what older runs called otherwise under today's names."""
    today = dict(stored)
    if "load_seconds" in stored and "load" not in stored:
        today["load"] = {"seconds": stored["load_seconds"]}
    if isinstance(task := stored.get("task"), Mapping) and isinstance(kind := task.get("kind"), str):
        today["task"] = {kind: {"kind": kind}}
    return today
