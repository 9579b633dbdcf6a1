"""The texts of one side of a corpus. Documents stay on disk, however many there are; one is read when asked for."""

import tempfile
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np

from evalkit.corpora.images import Image
from evalkit.system.digests import digest


class TextFile(Sequence[str]):
    """Strings in an unnamed temporary file (``TMPDIR`` says where), eight bytes of memory for each; and images."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.file = tempfile.TemporaryFile(prefix="evalkit-texts-")  # noqa: SIM115
        weakref.finalize(self, self.file.close)
        self.images: dict[int, Image] = {}
        ends = np.zeros(1, dtype=np.int64)
        count = 1
        for text in texts:
            if isinstance(text, Image):
                self.images[count - 1] = text
            if count == len(ends):
                ends = np.concatenate([ends, np.empty_like(ends)])
            ends[count] = ends[count - 1] + self.file.write(text.encode("utf-8", "surrogatepass"))
            count += 1
        self.file.flush()
        self.ends = ends[:count].copy()

    def __len__(self) -> int:
        return len(self.ends) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        if (image := self.images.get(row % len(self))) is not None:
            return image
        first, end = self.ends[row % len(self)].item(), self.ends[row % len(self) + 1].item()
        self.file.seek(first)
        return self.file.read(end - first).decode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Texts:
    """The texts of one side, in the order of their vectors: ``ids[i]`` names ``texts[i]``."""

    ids: Sequence[str]
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def row(self) -> dict[str, int]:
        """id → row."""
        return {id_: i for i, id_ in enumerate(self.ids)}

    def text_of(self, id_: str) -> str | None:
        """The text called ``id_``; null where there is none."""
        return self.texts[self.row[id_]] if id_ in self.row else None

    @property
    def has_images(self) -> bool:
        return isinstance(self.texts, TextFile) and bool(self.texts.images)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 (hex) over the texts in their order: what a stored matrix of vectors belongs to."""
        return digest(self.texts)
