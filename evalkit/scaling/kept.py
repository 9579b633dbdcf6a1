"""Laws in the store: measured when they are new, and read by later runs on the same machine with the same threads."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from evalkit.config import RunConfig
from evalkit.measures.laws import Law
from evalkit.results.provenance import hardware, machine
from evalkit.scaling.cache_size import last_level_cache
from evalkit.system.busy import Figures, busy_words, least_disturbed
from evalkit.system.digests import name_of_key
from evalkit.system.files import write_text

FOLDER, VERSION = "laws", 3
NOT_ASKED = "at_workload_seconds=0 leaves it out"


@dataclass(frozen=True)
class AtSize:
    """Of one operating point: ``laws`` of measures.laws.FIGURES, and ``own``, what the index alone took on the corpus.

    ``overlap`` is the share of exact search's first 10 that it returns among ``overlap_size`` filler vectors. ``why``
    says of each figure that is missing why it is, ``load`` what else the machine did while it was measured.
    """

    laws: Mapping[str, Law] = field(default_factory=dict)
    own: Mapping[str, float] = field(default_factory=dict)
    overlap: float | None = None
    overlap_size: int | None = None
    why: Mapping[str, str] = field(default_factory=dict)
    load: Figures = field(default_factory=dict)


def belongs_to(config: RunConfig) -> dict[str, Any]:
    """What every law depends on: the machine with its threads and cache, and how long and how large it may measure."""
    return {
        "version": VERSION,
        "hardware": hardware(machine()),
        "cache_bytes": last_level_cache(),
        "seconds": config.at_workload_seconds,
        "memory_gb": config.memory_bytes / 1e9,
    }


def kept(store: Path, key: Mapping[str, Any], points: int, measure: Callable[[], list[AtSize]]) -> list[AtSize]:
    """Of so many operating points: what ``store`` has under ``key``, else what ``measure`` gives, which is kept.

    Where the machine was busy it is measured twice, and kept by no store: a later run measures it anew.
    """
    file = store / FOLDER / f"{name_of_key(key)}.json"
    at_sizes = read_kept(file)
    if at_sizes is None or len(at_sizes) != points:
        measured, load = least_disturbed(measure)
        at_sizes = [replace(at_size, load=load) for at_size in measured]
        if busy_words(load):
            return at_sizes
        with suppress(OSError):  # a folder that can't be written keeps nothing
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps({"key": key, "points": [asdict(at_size) for at_size in at_sizes]}, indent=1))
    return at_sizes


def read_kept(file: Path) -> list[AtSize] | None:
    """Null where nothing is kept that can be read."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))["points"]
        return [AtSize(**{**point, "laws": laws_read(point["laws"])}) for point in stored]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def laws_read(laws: Mapping[str, Any]) -> dict[str, Law]:
    return {name: Law(**law) for name, law in laws.items()}
