"""Inverted lists that stay on disk, where an index would take more memory than it may: built in parts, then merged.

As in FAISS's contrib/ondisk.py, but for who owns the parts: there they are held, and take disk, until the process ends.
The files lie in ``TMPDIR`` and have no name from when they are merged on, so whatever ends the process frees them; what
a kill leaves before is removed by the next index that is built there.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix
from evalkit.errors import UserError, first_line
from evalkit.search.engines.faiss.indexes import FloatIndex
from evalkit.system.files import begun_file, remove_leftover_files

MERGED = ("IndexIVFFlat", "IndexIVFScalarQuantizer", "IndexIVFRaBitQ", "IndexIVFPQ")  # not graphs, nor fast-scan codes
PART_OF_MEMORY = 0.25  # that may be used
LENGTH_BYTES, ID_BYTES = 8, 8


def can_be_on_disk(native: Any) -> bool:
    """Whether the lists of a FAISS index can be merged on disk."""
    return type(native).__name__ in MERGED


class ListsOnDisk(FloatIndex):
    """An index of inverted lists of which no more than ``part_bytes`` are in memory."""

    def __init__(self, index: Any, part_bytes: float) -> None:
        super().__init__(index)
        self.vectors_in_part = max(1, int(part_bytes / (index.code_size + ID_BYTES)))
        self.folder = Path(tempfile.gettempdir())
        self.parts: list[tuple[Path, int]] = []
        self.rows = self.empty_bytes = 0

    def reserve(self, documents: int) -> None:
        """What is added is written before it grows."""
        remove_leftover_files(self.folder)
        self.empty_bytes = super().serialized_bytes()

    def add(self, documents: FloatMatrix) -> None:
        for first in range(0, len(documents), self.vectors_in_part):
            part = documents[first : first + self.vectors_in_part]
            if self.index.ntotal + len(part) > self.vectors_in_part:
                self.write_part()
            self.index.add_with_ids(self.as_stored(part), np.arange(self.rows, self.rows + len(part)))
            self.rows += len(part)

    def write_part(self) -> None:
        import faiss

        with self.told():
            self.parts.append(begun_file(self.folder))
            faiss.write_index(self.index, str(self.parts[-1][0]))
        self.index.reset()

    def finish(self) -> None:
        """Merge all parts into one file, which is searched as it lies there. Raises UserError for a full disk."""
        import faiss

        self.write_part()
        merged, locked = begun_file(self.folder)
        try:
            with self.told():
                read = [faiss.read_index(str(part), faiss.IO_FLAG_MMAP) for part, _ in self.parts]
                lists = faiss.OnDiskInvertedLists(self.index.nlist, self.index.code_size, str(merged))
                pointers = faiss.InvertedListsPtrVector()
                for part in read:
                    pointers.push_back(part.invlists)
                total = lists.merge_from_multiple(pointers.data(), pointers.size(), False)
        finally:
            self.parts.append((merged, locked))
            self.close_parts()
        self.index.ntotal = total
        self.index.replace_invlists(lists, True)
        lists.this.disown()

    def close_parts(self) -> None:
        """Their names are removed; what is mapped stays until it is let go of."""
        for path, descriptor in self.parts:
            path.unlink(missing_ok=True)
            os.close(descriptor)
        self.parts = []

    @contextmanager
    def told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError) as error:
            self.close_parts()
            raise UserError(
                f"the lists of an index can't be written to {self.folder}: {first_line(error)}",
                "Free some disk, set TMPDIR to another folder, or leave this setting out.",
            ) from None

    def serialized_bytes(self) -> int:
        """What the same index takes that is read into memory (faiss/impl/index_write.cpp): its lists of codes and ids,
        and their lengths, of all lists or where most are empty of the others.
        """
        if not self.rows:
            return super().serialized_bytes()
        lists, index = self.index.invlists, self.index
        used = sum(lists.list_size(number) > 0 for number in range(index.nlist))
        lengths = index.nlist if used > index.nlist // 2 else 2 * used
        return int(self.empty_bytes + lengths * LENGTH_BYTES + index.ntotal * (index.code_size + ID_BYTES))

    def proof(self) -> dict[str, str]:
        import faiss

        return {**super().proof(), "lists": type(faiss.downcast_InvertedLists(self.index.invlists)).__name__}
