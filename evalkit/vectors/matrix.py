"""Documents' vectors at one width, read block by block, so that a matrix larger than memory can be searched."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix, Rows
from evalkit.vectors.cut import cut
from evalkit.vectors.stored import StoredMatrix

BLOCK_BYTES = 192 * 2**20  # as float32; smaller blocks made FAISS's matrix products slower, larger ones did not help
TRAINING_ROWS = 100_000


@dataclass(frozen=True)
class Vectors:
    """Rows of a stored ``matrix`` (n × native dims, a memory map, an array, or selected rows of these) cut to ``dims``
    and of unit length.
    """

    matrix: npt.NDArray[np.floating]
    dims: int

    def __len__(self) -> int:
        return len(self.matrix)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows as float32."""
        return len(self) * self.dims * 4

    def blocks(self) -> Iterator[tuple[int, FloatMatrix]]:
        """(first row, block) over all rows in order; a block is rows × dims, float32, and gone when the next one comes.

        A stored matrix is read as a file, into one buffer: mapped pages would count as this process's memory.
        """
        native = self.matrix.shape[1]
        rows = min(max(1, BLOCK_BYTES // (native * 4)), len(self))
        out = np.empty((rows, self.dims), dtype=np.float32)
        matrix = self.matrix
        if not is_on_disk(matrix):
            for first in range(0, len(self), rows):
                block = matrix[first : first + rows]
                yield first, cut(block, self.dims, out[: len(block)])
            return
        in_place = self.dims == native and matrix.dtype == out.dtype
        buffer = out if in_place else np.empty((rows, native), dtype=matrix.dtype)
        for first in range(0, len(self), rows):
            block = buffer[: len(self) - first]
            matrix.read_rows(first, block)
            yield first, cut(block, self.dims, block if in_place else out[: len(block)])

    def take(self, rows: Rows) -> FloatMatrix:
        """The vectors of ``rows`` (any shape): rows.shape + (dims,), float32.

        A file is mapped for this alone: pages that stay mapped would count as this process's memory.
        """
        matrix = self.matrix
        if is_on_disk(matrix):
            matrix = matrix.mapped_anew()
        return cut(matrix[rows.ravel()], self.dims).reshape(*rows.shape, self.dims)

    def sample(self, seed: int = 0) -> FloatMatrix:
        """What quantizers are trained on: all rows, or of more than 100,000 as many drawn with ``seed``."""
        if len(self) <= TRAINING_ROWS:
            return cut(self.matrix[:], self.dims)
        drawn = np.random.default_rng(seed).choice(len(self), TRAINING_ROWS, replace=False)
        return self.take(np.sort(drawn))


def is_on_disk(matrix: npt.NDArray[np.floating]) -> TypeGuard[StoredMatrix]:
    """Whether it is the whole of a stored matrix, with its file."""
    return isinstance(matrix, StoredMatrix) and matrix.file is not None
