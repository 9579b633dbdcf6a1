"""Many ids in little memory: their characters in one block, where each ends, and a table that finds the row of one.

About 25 bytes each beside the characters, where a list of strings and a dict of rows take about 170.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Rows

LEAST_SLOTS = 1024
FULL = 2 / 3  # of the slots
HASHED = 2**32 - 1
KEY_BYTES, ROWS_AT_ONCE = 8, 2**20


class Ids(Sequence[str]):
    """Strings by their rows, and the row of each. Reads like a list; what is appended stays."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self.block = bytearray()
        self.ends = array("q", [0])
        self.hashes = array("I")  # the last 32 bits
        self.table = array("I")  # row + 1 at its hash, or at the next slot after it; 0 is free
        self.found = 0  # rows that the table has
        for id_ in ids:
            self.append(id_)

    def append(self, id_: str) -> None:
        """Add ``id_`` as the last row, whether or not it is there already."""
        self.block += id_.encode("utf-8", "surrogatepass")
        self.ends.append(len(self.block))
        self.hashes.append(hash(id_) & HASHED)

    def add(self, id_: str) -> bool:
        """Add ``id_`` unless it is there already; whether it was added."""
        slot = self.slot(id_, hash(id_) & HASHED)
        if self.table[slot]:
            return False
        self.append(id_)
        self.table[slot] = self.found = len(self)
        return True

    def row(self, id_: str) -> int | None:
        """The row of ``id_``, some one where it is there several times; null where it isn't."""
        slot = self.slot(id_, hash(id_) & HASHED)  # which may make the table anew
        entry: int = self.table[slot]
        return entry - 1 if entry else None

    def slot(self, id_: str, hashed: int) -> int:
        """Where the table has ``id_``, or the free slot where it would have it."""
        if self.found < len(self) or self.found >= FULL * len(self.table):
            self.fill_table()
        last, table, hashes = len(self.table) - 1, self.table, self.hashes
        slot = hashed & last
        while (entry := table[slot]) and not (hashes[entry - 1] == hashed and self[entry - 1] == id_):
            slot = (slot + 1) & last
        return slot

    def fill_table(self) -> None:
        """Make the table anew, with room for as many rows again: each at its hash, or at the next free slot after."""
        size = LEAST_SLOTS
        while 2 * len(self) >= FULL * size:
            size *= 2
        slots = np.zeros(size, dtype=np.uint32)
        rows = np.arange(1, len(self) + 1, dtype=np.uint32)
        places = np.frombuffer(self.hashes, dtype=np.uint32) & np.uint32(size - 1)
        while len(rows):
            free = slots[places] == 0
            slots[places[free]] = rows[free]  # of several the last one stays
            left = slots[places] != rows
            rows, places = rows[left], (places[left] + np.uint32(1)) & np.uint32(size - 1)
        self.table, self.found = array("I", slots.tobytes()), len(self)

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and self.row(id_) is not None

    def __iter__(self) -> Iterator[str]:
        first = 0
        for end in self.ends[1:]:
            yield self.block[first:end].decode("utf-8", "surrogatepass")
            first = end

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        place = row + len(self) if row < 0 else row
        if not 0 <= place < len(self):
            raise IndexError(row)
        return self.block[self.ends[place] : self.ends[place + 1]].decode("utf-8", "surrogatepass")

    def __reduce__(self) -> Any:
        return Ids, (list(self),)  # hashes of strings are another process's own

    def ascending(self) -> Rows:
        """The rows in the order of their strings, of equal ones the earlier first.

        That is the order of UTF-8 bytes, which are compared eight at a time, and lengths last.
        """
        block, ends = np.frombuffer(self.block, dtype=np.uint8), np.frombuffer(self.ends, dtype=np.int64)
        places = np.arange(len(self), dtype=np.uint32)
        rows, group, open_ = places.copy(), np.zeros_like(places), places  # ``open_``: where a group has others
        longest = int(np.diff(ends).max(initial=0))
        for level in range(-(-longest // KEY_BYTES)):
            keys = keys_of(block, ends, rows[open_], level)
            order = np.lexsort((keys, group[open_]))
            rows[open_] = rows[open_[order]]
            keys = keys[order]
            del order
            is_new = np.ones(len(open_), dtype=np.bool_)
            is_new[1:] = (keys[1:] != keys[:-1]) | (group[open_[1:]] != group[open_[:-1]])
            del keys
            first = np.where(is_new, np.arange(len(open_), dtype=np.uint32), np.uint32(0))
            group[open_] = open_[np.maximum.accumulate(first, out=first)]
            open_ = open_[~(is_new & np.append(is_new[1:], True))]
            if not len(open_):
                break
        lengths = ends[rows[open_] + 1] - ends[rows[open_]]
        rows[open_] = rows[open_[np.lexsort((rows[open_], lengths, group[open_]))]]
        return rows.astype(np.int64)


def keys_of(
    block: npt.NDArray[np.uint8], ends: Rows, rows: npt.NDArray[np.uint32], level: int
) -> npt.NDArray[np.uint64]:
    """Bytes ``8 × level`` to ``8 × level + 7`` of each of ``rows`` as a number that sorts like them; zeros behind."""
    keys = np.zeros(len(rows), dtype=np.uint64)
    for first in range(0, len(rows), ROWS_AT_ONCE):
        part = rows[first : first + ROWS_AT_ONCE]
        starts, stops = ends[part] + level * KEY_BYTES, ends[part + 1]
        key = keys[first : first + ROWS_AT_ONCE]
        for byte in range(KEY_BYTES):
            at = starts + byte
            key <<= np.uint64(8)
            is_within = at < stops
            key[is_within] |= block[at[is_within]]
    return keys


class RowOf(Mapping[str, int]):
    """id → row of ``ids``, in their order."""

    def __init__(self, ids: Ids) -> None:
        self.ids = ids

    def __getitem__(self, id_: str) -> int:
        if (row := self.ids.row(id_)) is None:
            raise KeyError(id_)
        return row

    def __contains__(self, id_: object) -> bool:
        return id_ in self.ids

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)
