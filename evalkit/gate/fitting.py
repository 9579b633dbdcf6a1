"""Messages that fit their medium: whole lines, the most telling first, and how many were left out."""

import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class Part:
    """Some ``rows`` of a message, one line each, between the lines of ``opening`` and ``closing``, which always stay.

    ``worst_first`` are the places of the rows in the order in which they are kept where not all can be (null: as they
    come), which they can't beyond ``most_rows``. ``left_out`` is the line that says so, {} in it the number.
    """

    rows: Sequence[str]
    opening: Sequence[str] = ()
    closing: Sequence[str] = ()
    worst_first: Sequence[int] | None = None
    left_out: str = ""
    most_rows: int = sys.maxsize

    def fitting(self, room: int) -> list[str]:
        """The lines, with as many rows as ``room`` bytes hold."""
        whole = [*self.opening, *self.rows, *self.closing]
        if len(self.rows) <= self.most_rows and size(whole) <= room:
            return whole
        by_worth = self.rows if self.worst_first is None else [self.rows[place] for place in self.worst_first]
        sizes = list(accumulate(size([row]) for row in by_worth[: self.most_rows]))
        kept = bisect_right(sizes, room - size(self.lines(by_worth, 0)))
        return self.lines(by_worth, min(kept, len(self.rows) - 1))

    def lines(self, by_worth: Sequence[str], kept: int) -> list[str]:
        note = self.left_out.format(f"{len(by_worth) - kept:,}")
        return [*self.opening, *by_worth[:kept], note, *self.closing]


def fitted(parts: Sequence[Part], most_bytes: int) -> str:
    """The text of ``parts``, one after the other, in at most ``most_bytes`` of UTF-8.

    Each is sure of an equal share of them, which must hold the lines around its rows. Earlier parts may have what later
    ones don't need.
    """
    share, left = most_bytes // len(parts), most_bytes
    reserved = [size(part.fitting(share)) for part in parts]
    lines: list[str] = []
    for number, part in enumerate(parts):
        added = part.fitting(left - sum(reserved[number + 1 :]))
        left -= size(added)
        lines += added
    return "".join(f"{line}\n" for line in lines)


def size(lines: Iterable[str]) -> int:
    """Bytes of UTF-8, line ends included."""
    return sum(len(line.encode()) + 1 for line in lines)
