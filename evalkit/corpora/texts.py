"""The texts of one side of a corpus. Documents stay on disk, however many there are; one is read when asked for."""

import hashlib
import os
import tempfile
import weakref
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Rows
from evalkit.corpora.ids import Ids, RowOf
from evalkit.corpora.images import Image
from evalkit.system.digests import MEASURE_BYTES, TEXT_BYTES, digest, digests_of_texts, measured
from evalkit.system.files import named

BLOCK_BYTES = 2**20
Digests = npt.NDArray[np.bytes_]


class TextFile(Sequence[str]):
    """Strings in an unnamed temporary file (``TMPDIR`` says where); and images. 24 bytes of memory for each.

    Their digests are made while they are written, so that nobody reads all of them again for that. Read by any thread.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.file = tempfile.TemporaryFile(prefix="evalkit-texts-")  # noqa: SIM115
        weakref.finalize(self, self.file.close)
        self.images: dict[int, Image] = {}
        self.ends = array("q", [0])
        whole, each, block, end = hashlib.sha256(), bytearray(), bytearray(), 0
        for text in texts:
            if isinstance(text, Image):
                self.images[len(self)] = text
            part = measured(text)
            whole.update(part)
            each += hashlib.sha256(part).digest()[:TEXT_BYTES]
            block += memoryview(part)[MEASURE_BYTES:]
            end += len(part) - MEASURE_BYTES
            self.ends.append(end)
            if len(block) > BLOCK_BYTES:
                self.write(block)
                block.clear()
        self.write(block)
        self.digests: Digests = np.frombuffer(each, dtype=f"S{TEXT_BYTES}")
        self.fingerprint = whole.hexdigest()

    def write(self, block: bytearray) -> None:
        with named(Path(tempfile.gettempdir(), "evalkit-texts")):
            self.file.write(block)
            self.file.flush()

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __iter__(self) -> Iterator[str]:
        row = 0
        while row < len(self):
            first, last = self.ends[row], row + 1
            while last < len(self) and self.ends[last + 1] - first <= BLOCK_BYTES:
                last += 1
            block = self.read(first, self.ends[last])
            for place in range(row, last):
                text = block[self.ends[place] - first : self.ends[place + 1] - first]
                image = self.images.get(place) if self.images else None
                yield text.decode("utf-8", "surrogatepass") if image is None else image
            row = last

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        place = row % len(self)
        if (image := self.images.get(place)) is not None:
            return image
        return self.read(self.ends[place], self.ends[place + 1]).decode("utf-8", "surrogatepass")

    def read(self, first: int, end: int) -> bytes:
        """Those bytes of the file. Raises OSError where it ends before."""
        parts: list[bytes] = []
        while first < end:
            part = os.pread(self.file.fileno(), end - first, first)  # at most 2 GB at once
            if not part:
                raise OSError("the temporary file of texts ends before its last text")
            parts.append(part)
            first += len(part)
        return b"".join(parts)


class Chosen(Sequence[str]):
    """Those ``rows`` of some strings, each read when it is asked for."""

    def __init__(self, strings: Sequence[str], rows: Rows) -> None:
        self.strings, self.rows = strings, rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "Chosen": ...
    def __getitem__(self, place: int | slice) -> "str | Chosen":
        if isinstance(place, slice):
            return Chosen(self.strings, self.rows[place])
        return self.strings[int(self.rows[place])]


@dataclass(frozen=True)
class Texts:
    """The texts of one side, in the order of their vectors: ``ids[i]`` names ``texts[i]``."""

    ids: Sequence[str]
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def row(self) -> Mapping[str, int]:
        """id → row."""
        return RowOf(self.ids) if isinstance(self.ids, Ids) else {id_: i for i, id_ in enumerate(self.ids)}

    def text_of(self, id_: str) -> str | None:
        """The text called ``id_``; null where there is none."""
        return self.texts[self.row[id_]] if id_ in self.row else None

    def at(self, rows: Rows) -> "Texts":
        """The texts of ``rows`` alone, which stay where they are."""
        return Texts(Chosen(self.ids, rows), Chosen(self.texts, rows))

    @property
    def has_images(self) -> bool:
        return isinstance(self.texts, TextFile) and bool(self.texts.images)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hex) over the texts in their order: what a stored matrix of vectors belongs to."""
        return self.texts.fingerprint if isinstance(self.texts, TextFile) else digest(self.texts)

    @cached_property
    def digests(self) -> Digests:
        """Per text, the first half of its sha256 (16 bytes): what one stored vector belongs to."""
        return self.texts.digests if isinstance(self.texts, TextFile) else digests_of_texts(self.texts)


def first_half(digests: Digests) -> npt.NDArray[np.uint64]:
    """The first eight bytes of each of ``digests`` as a number that sorts like them."""
    return digests.view(">u8")[::2].astype(np.uint64)


def repeated_rows(digests: Digests) -> Rows:
    """The rows whose text an earlier row has too, ascending."""
    if not len(digests):
        return np.empty(0, dtype=np.int64)
    keys = first_half(digests)
    keys.sort()
    several = np.unique(keys[1:][keys[1:] == keys[:-1]])  # nearly always few
    del keys
    alike = np.flatnonzero(np.isin(first_half(digests), several))
    firsts = np.unique(digests[alike], return_index=True)[1]
    rows: Rows = np.setdiff1d(alike, alike[firsts])
    return rows
