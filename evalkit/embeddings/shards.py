"""An encoding pass as data: which rows are still to be encoded, and what comes back of them."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from evalkit.corpora import Texts
from evalkit.encoders import Encoded, Side


@dataclass(frozen=True)
class Shard:
    """A range of rows of one side of one corpus, encoded in one go and written once.

    Plain data, so that any process can encode it. ``index`` counts the shards of the side from 0, ``rows`` are those of
    its texts among all texts of the side; ``ids`` and ``texts`` are theirs.
    """

    side: Side
    index: int
    rows: range
    ids: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class EncodedShard:
    """What came of the shard ``index``: its vectors, and what was measured in the process that encoded it.

    ``timing`` is the key of the conditions (embeddings.timing) that ``encoded.seconds`` belong to; the peaks are of the
    process and of its device meanwhile, null where nobody tells. ``worker`` names that process, which was at it for
    ``busy_seconds``, tokenizing included. ``ended_at`` is when it was there, in seconds of one clock for all shards of
    a pass; null leaves that to whoever takes it.
    """

    index: int
    encoded: Encoded
    timing: str
    peak_rss_bytes: int | None
    peak_device_bytes: int | None
    worker: str = ""
    busy_seconds: float = 0.0
    ended_at: float | None = None

    def measured(self, first_row: int) -> dict[str, Any]:
        """What the store keeps beside the vectors, as JSON values; the shard begins at ``first_row`` of its side."""
        encoded = self.encoded
        return {
            "timing": self.timing,
            "texts": len(encoded.vectors),
            "seconds": encoded.seconds,
            "tokens": None if encoded.tokens is None else int(encoded.tokens.sum()),
            "truncated_rows": rows_of(encoded.truncated, first_row),
            "peak_rss_bytes": self.peak_rss_bytes,
            "peak_gpu_bytes": self.peak_device_bytes,
        }


@dataclass(frozen=True)
class Shards(Sequence[Shard]):
    """The shards ``indices`` of one side, each made when it is asked for: texts that lie on disk are read then."""

    side: Side
    texts: Texts
    rows_per_shard: int
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, place: int) -> Shard: ...
    @overload
    def __getitem__(self, place: slice) -> "Shards": ...
    def __getitem__(self, place: int | slice) -> "Shard | Shards":
        if isinstance(place, slice):
            return Shards(self.side, self.texts, self.rows_per_shard, self.indices[place])
        rows = self.rows(self.indices[place])
        ids, texts = (tuple(values[row] for row in rows) for values in (self.texts.ids, self.texts.texts))
        return Shard(self.side, self.indices[place], rows, ids, texts)

    def rows(self, index: int) -> range:
        """The rows of the shard ``index``, whichever are asked for."""
        first = index * self.rows_per_shard
        return range(first, min(first + self.rows_per_shard, len(self.texts)))


def missing_shards(side: Side, texts: Texts, rows_per_shard: int, stored: Container[int]) -> Shards:
    """The plan of a pass: every shard of ``texts`` whose index is not among ``stored``, in order."""
    indices = range(-(-len(texts) // rows_per_shard))
    return Shards(side, texts, rows_per_shard, tuple(index for index in indices if index not in stored))


def rows_of(mask: npt.NDArray[np.bool_] | None, first: int) -> list[int] | None:
    """Rows of a side that ``mask`` marks, which begins at row ``first``; null where nothing is known."""
    return None if mask is None else [first + int(i) for i in np.flatnonzero(mask)]
