"""What a store holds, whether it is whole, and removing what is no longer wanted."""

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from evalkit.embeddings.store import EmbeddingStore, Entry


@dataclass(frozen=True)
class Item:
    """One entry: its folder's name, key, size on disk, texts, and the seconds since a run last used it.

    Never less than 0, also where a clock that jumped back left times of use in the future.
    """

    name: str
    key: dict[str, Any]
    size_bytes: int
    texts: int
    unused_seconds: float
    finished: bool


def inventory(store: EmbeddingStore, now: Callable[[], float] = time.time) -> list[Item]:
    """Every entry of ``store``, last used first; none where the store does not exist yet."""
    items = [item for file in store.path.glob("*/key.json") if (item := read_item(file.parent, now()))]
    return sorted(items, key=lambda item: item.unused_seconds)


def read_item(folder: Path, now: float) -> Item | None:
    """The entry in ``folder``; null where another process is just removing it, or its key is damaged."""
    try:
        key = json.loads((folder / "key.json").read_text(encoding="utf-8"))
        files = {file.name: file.stat() for file in folder.iterdir()}
    except (OSError, ValueError):
        return None
    if not isinstance(key, dict):
        return None
    entry = Entry(folder, key)
    shape = entry.read_shape() if "vectors.npy" in files else None
    used = max(stat.st_mtime for stat in files.values())
    return Item(
        name=folder.name,
        key=key,
        size_bytes=sum(stat.st_size for stat in files.values()),
        texts=shape[0] if shape else 0,
        unused_seconds=max(0.0, now - used),
        finished="meta.json" in files,
    )


def damaged(store: EmbeddingStore, item: Item) -> bool:
    """Whether any byte of a finished entry differs from what was written; every shard is read."""
    if not item.finished:
        return False
    rows_per_shard = int(item.key["shard_texts"])
    whole = Entry(store.path / item.name, item.key).shards(rows_per_shard)
    return len(whole) < max(1, math.ceil(item.texts / rows_per_shard))


def prune(
    store: EmbeddingStore,
    older_than_days: float | None = None,
    max_bytes: int | None = None,
    now: Callable[[], float] = time.time,
) -> list[Item]:
    """Remove what was unused for ``older_than_days``, then what was unused for longest until ``max_bytes`` are left.

    Returns what was removed. What another process holds stays.
    """
    items = inventory(store, now)
    kept_bytes = sum(item.size_bytes for item in items)
    removed = []
    for item in reversed(items):
        too_old = older_than_days is not None and item.unused_seconds > older_than_days * 86_400
        too_much = max_bytes is not None and kept_bytes > max_bytes
        if (too_old or too_much) and remove(store, item.name):
            kept_bytes -= item.size_bytes
            removed.append(item)
    return removed


def remove(store: EmbeddingStore, name: str) -> bool:
    """Remove an entry unless another process holds it. The meta goes first: half-removed is never read as whole."""
    lock = FileLock(store.path / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    try:
        (store.path / name / "meta.json").unlink(missing_ok=True)
        shutil.rmtree(store.path / name)
    finally:
        lock.release()
    return True
