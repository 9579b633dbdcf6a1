"""A matrix on disk that is read through one open file: whoever renames or removes the file disturbs no reader."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class OpenFile(io.FileIO):
    """Closed with whoever held it last."""

    def __del__(self) -> None:
        self.close()


class StoredMatrix(np.memmap[Any, Any]):
    """Rows of a file (n × dims) as a read-only memory map. ``file`` is open for as long as the matrix is held.

    Parts and copies of it are arrays like any other: their ``file`` is null.
    """

    file: OpenFile | None = None

    def __new__(cls, file: OpenFile, dtype: npt.DTypeLike, shape: tuple[int, int], offset: int) -> "StoredMatrix":
        matrix: Any = super().__new__(cls, file, dtype=dtype, mode="r", offset=offset, shape=shape)
        matrix.file = file
        made: StoredMatrix = matrix
        return made

    def mapped_anew(self) -> "StoredMatrix":
        """The same rows, of which no page is in memory yet."""
        return StoredMatrix(self.opened(), self.dtype, self.shape, self.offset)

    def read_rows(self, first: int, block: npt.NDArray[np.floating]) -> None:
        """Fill ``block`` with the rows from ``first`` on, past the memory map. Raises OSError where the file ends."""
        place = self.offset + first * block.shape[1] * block.itemsize
        if os.preadv(self.opened().fileno(), [block.data.cast("B")], place) != block.nbytes:
            raise OSError(f"{self.filename} ends before row {first + len(block)}")

    def read_ahead(self, first: int, rows: int) -> None:
        """Let the system read so many rows from ``first`` on meanwhile, where it takes such hints."""
        if hasattr(os, "posix_fadvise") and first < len(self):
            row_bytes = self.shape[1] * self.itemsize
            place, length = self.offset + first * row_bytes, rows * row_bytes
            os.posix_fadvise(self.opened().fileno(), place, length, os.POSIX_FADV_WILLNEED)

    def opened(self) -> OpenFile:
        if self.file is None:
            raise ValueError("a part of a matrix has no file")
        return self.file

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array.view(np.ndarray)


def open_npy(path: Path) -> StoredMatrix:
    """The matrix in a .npy file. Raises ValueError for one of another order or version."""
    file = OpenFile(str(path))
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError(f"{path} is no .npy file of version 1.0")
    shape, is_by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    if is_by_columns or len(shape) != 2:
        raise ValueError(f"{path} is no matrix by rows")
    return StoredMatrix(file, dtype, (shape[0], shape[1]), file.tell())
