"""Making room in a store, from what no other process reads or makes."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from evalkit.embeddings.entries.claims import is_in_use
from evalkit.embeddings.entries.leftovers import REMOVED, remove
from evalkit.embeddings.entries.locks import acquired, entry_of
from evalkit.embeddings.entries.sharing import is_read_elsewhere
from evalkit.embeddings.inventory import SET_ASIDE, Item, inventory
from evalkit.embeddings.store import EmbeddingStore

IN_USE_SECONDS = 600.0  # since a rank last touched the parts that it helps to make


@dataclass(frozen=True)
class Pruned:
    """What was removed, and what stays only because another process has it in use."""

    removed: tuple[Item, ...]
    in_use: tuple[Item, ...]


def prune(
    store: EmbeddingStore,
    older_than_days: float | None = None,
    max_bytes: int | None = None,
    now: Callable[[], float] = time.time,
) -> Pruned:
    """Remove what was unused for ``older_than_days``, then what was set aside, then what was unused for longest.

    The last two until ``max_bytes`` are left. Nothing outside the store is touched: of a link, the link is removed.
    """
    items = inventory(store, now)
    kept_bytes = sum(item.size_bytes for item in items)
    removed, in_use = [], []
    for item in sorted(items, key=lambda item: (item.state != SET_ASIDE, -item.unused_seconds)):
        too_old = older_than_days is not None and item.unused_seconds > older_than_days * 86_400
        too_much = max_bytes is not None and (kept_bytes > max_bytes or max_bytes == 0)  # what is empty goes as well
        if not (too_old or too_much):
            continue
        if remove_entry(store, item.name):
            kept_bytes -= item.size_bytes
            removed.append(item)
        else:
            in_use.append(item)
    return Pruned(tuple(removed), tuple(in_use))


def remove_entry(store: EmbeddingStore, name: str) -> bool:
    """Remove an entry unless another process makes or reads it.

    It is renamed first: what a kill leaves of it is no entry, and goes with the next command.
    """
    path = store.path / name
    if (lock := acquired(store.path, entry_of(path))) is None:
        return False
    try:
        if is_read_elsewhere(path / "vectors.npy") or is_in_use(path, IN_USE_SECONDS):
            return False
        going = path.with_name(f"{REMOVED}{entry_of(path)}")
        remove(going)
        remove(path.rename(going))
    finally:
        lock.release()
    return True
