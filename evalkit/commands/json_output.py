"""``--json``: one value on stdout instead of words, for programs. docs/python.md has the shapes."""

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from evalkit.commands.arguments import FLAGS as OF_OTHERS
from evalkit.formats.media import json_file

FLAG = "--json"
FLAGS = {**OF_OTHERS, FLAG: False}
COMMANDS = ("show", "list", "compare", "recommend")  # which have it


def taken(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether ``--json`` is among ``arguments``, and the others."""
    return FLAG in arguments, [word for word in arguments if word != FLAG]


def write_json(value: Any) -> None:
    """``value`` on stdout and nothing else: what is not known is null, and a character that acts is escaped."""
    text = json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(json_file(text) + "\n")


def plain(value: Any) -> Any:
    """``value`` as JSON has it: dataclasses by their fields, numbers of NumPy as Python's own, no number as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    number = value.item() if hasattr(value, "item") else value
    return None if isinstance(number, float) and not math.isfinite(number) else number
