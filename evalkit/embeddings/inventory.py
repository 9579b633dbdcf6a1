"""What a store holds, and whether it is whole."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.embeddings.entries.aside import is_set_aside
from evalkit.embeddings.entries.entry import Entry
from evalkit.embeddings.entries.layout import DTYPES
from evalkit.embeddings.entries.locks import ENTRY, PARTS
from evalkit.embeddings.entries.trust import held, texts_of
from evalkit.embeddings.store import EmbeddingStore
from evalkit.errors import UserError
from evalkit.formats.json_shapes import ORDINAL
from evalkit.system.digests import name_of_key
from evalkit.system.plain_files import NotAFileError, is_file, is_folder, read_file, size_bytes

FINISHED, UNFINISHED, SET_ASIDE, NO_ENTRY = "finished", "unfinished", "set aside", "no entry"
OF_RANKS = "parts of ranks"


@dataclass(frozen=True)
class Item:
    """One entry: its folder's name, key, size on disk, texts, and the seconds since a run last used it.

    Never less than 0, also where a clock that jumped back left times of use in the future. The key is empty where it
    can't be read. ``state`` is "finished" or "unfinished" as the entry has it, "set aside" for what could not be
    trusted, "parts of ranks" for what waits for rank 0, or "no entry" for what only has its name.
    """

    name: str
    key: dict[str, Any]
    size_bytes: int
    texts: int
    unused_seconds: float
    state: str

    @property
    def finished(self) -> bool:
        return self.state == FINISHED


def inventory(store: EmbeddingStore, now: Callable[[], float] = time.time) -> list[Item]:
    """Every entry of ``store``, last used first; none where the store does not exist yet."""
    paths = sorted(store.path.iterdir()) if store.path.is_dir() else []
    items = [item for path in paths if is_of_an_entry(path) and (item := read_item(path, now()))]
    return sorted(items, key=lambda item: item.unused_seconds)


def is_of_an_entry(path: Path) -> bool:
    """Whether it is an entry, was one, or has the name of one."""
    if is_set_aside(path):
        return ENTRY.match(path.name) is not None
    return ENTRY.fullmatch(path.name) is not None or (is_folder(path) and is_file(path / "key.json"))


def read_item(path: Path, now: float) -> Item | None:
    """What is at ``path``; null where another process is just removing it."""
    try:
        parts = [path, *path.iterdir()] if is_folder(path) else [path]
        used = max(part.lstat().st_mtime for part in (parts[1:] or parts))
        key = key_in(path)
        texts = texts_of(Entry(path, key)) if is_possible(key) else 0
        return Item(path.name, key, size_bytes(path), texts, max(0.0, now - used), state_of(path))
    except OSError:
        return None


def key_in(folder: Path) -> dict[str, Any]:
    """What key.json says; empty where it is none."""
    try:
        key = json.loads(read_file(folder / "key.json"))
    except (FileNotFoundError, NotAFileError, ValueError, RecursionError):
        return {}
    return key if isinstance(key, dict) else {}


def state_of(path: Path) -> str:
    if is_set_aside(path):
        return SET_ASIDE
    if not is_folder(path):
        return NO_ENTRY
    if path.name.endswith(PARTS):
        return OF_RANKS
    return FINISHED if os.path.lexists(path / "meta.json") else UNFINISHED


def damage(store: EmbeddingStore, item: Item) -> str:
    """In what the entry differs from what was written, every byte of it read; empty where it is whole or unfinished.

    What was set aside is no entry any more, and nothing is asked of it.
    """
    if item.state == NO_ENTRY:
        return "it is no folder"
    if item.state == SET_ASIDE:
        return ""
    try:
        return damage_of_entry(store.path / item.name, item)
    except UserError as error:
        return error.problem
    except OSError as error:
        return f"it can't be read: {error.strerror or error}"


def damage_of_entry(folder: Path, item: Item) -> str:
    if not item.finished:
        return ""
    if not is_possible(item.key):
        return "key.json is missing, or not as it was written"
    if name_of_key(item.key) != item.name:
        return "its name is not that of its key"
    found = held(Entry(folder, item.key))
    if found.faults:
        return "; ".join(found.faults)
    return "" if found.is_whole else "it is not whole"


def is_possible(key: dict[str, Any]) -> bool:
    """Whether it can be the key of an entry."""
    return ORDINAL.is_right(key.get("shard_texts")) and key.get("dtype", "float32") in DTYPES
