"""A YAML file of a user's own: what it may hold, told before Hydra builds anything from it.

Events of the parser are counted, nothing is built: ten lines of aliases can stand for gigabytes.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.errors import UserError, first_line
from evalkit.system.plain_files import NotAFileError, open_file

MOST_BYTES = 1_000_000
MOST_NODES = 20_000  # as its aliases are expanded
DEEPEST = 64
HINT = "Mend the file, or move it out of the folder."
TEXT = "<unicode string>"  # as PyYAML calls a file that it reads from memory
PLAIN_TAGS = "tag:yaml.org,2002:"
KNOWN_TAGS = {f"{PLAIN_TAGS}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")} | {"!"}


def check_yaml(file: Path) -> None:
    """Raises UserError for a file that is no config: no UTF-8, no YAML, no mapping, too large, or with types."""
    import yaml

    try:
        with os.fdopen(open_file(file, follow_links=True), encoding="utf-8") as opened:
            if os.fstat(opened.fileno()).st_size > MOST_BYTES:
                raise UserError(f"{file} is no config: it has more than {MOST_BYTES:,} bytes.", HINT)
            text = opened.read()
    except NotAFileError:
        raise UserError(f"{file} is no file.", "Give a regular file: no folder, pipe or device is read.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not in UTF-8: {first_line(error)}.", HINT) from None
    try:
        check_events(file, yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise UserError(f"{problem_of(error).replace(TEXT, str(file))}.", HINT) from None


def check_events(file: Path, events: Iterator[Any]) -> None:
    """Raises UserError for events that are no config's: too deep, too many as aliases expand, with types."""
    from yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, MappingStartEvent, NodeEvent

    begun: list[tuple[str | None, int]] = []  # of each open collection: its anchor, and the count before it
    sizes: dict[str | None, int] = {}
    count = 0
    for event in events:
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in KNOWN_TAGS:
            raise UserError(f"{place(file, event)} has the tag {tag!a}: values of a config have no types.", HINT)
        is_root = isinstance(event, NodeEvent) and not begun
        if is_root and not isinstance(event, MappingStartEvent) and getattr(event, "value", True):
            raise UserError(f"{file} holds no settings.", "Write key: value.")
        if isinstance(event, CollectionStartEvent):
            begun.append((event.anchor, count))
        count += sizes.get(event.anchor, 1) if isinstance(event, AliasEvent) else isinstance(event, NodeEvent)
        if isinstance(event, CollectionEndEvent):
            anchor, before = begun.pop()
            sizes[anchor] = count - before
        if len(begun) > DEEPEST or count > MOST_NODES:
            limits = f"at most {DEEPEST} levels and {MOST_NODES:,} values, aliases expanded"
            raise UserError(f"{place(file, event)} is more than a config holds: {limits}.", HINT)


def place(file: Path, event: Any) -> str:
    return f"{file} line {event.start_mark.line + 1}"


def problem_of(error: Exception) -> str:
    """What is wrong, and in which line of which file where ``error`` is of YAML."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark:
        return f"{mark.name} line {mark.line + 1}: {problem}"
    return f"{TEXT}: {getattr(error, 'reason', '')}" if hasattr(error, "character") else first_line(error)
