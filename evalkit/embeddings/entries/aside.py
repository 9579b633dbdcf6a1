"""What can't be trusted is renamed and said once, never overwritten: its owner may want to look at it."""

import os
from itertools import count
from pathlib import Path

from evalkit.errors import say

DAMAGED = ".damaged-"


def set_aside(path: Path) -> Path:
    """Rename ``path``, whatever it is, to the first free of ``<name>.damaged-<n>`` beside it."""
    names = (path.with_name(f"{path.name}{DAMAGED}{number}") for number in count(1))
    return path.rename(next(name for name in names if not os.path.lexists(name)))


def is_set_aside(path: Path) -> bool:
    return DAMAGED in path.name


def warn(path: Path, says: str) -> None:
    say(f"evalkit: warning: {path} {says}")
