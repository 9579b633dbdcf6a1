"""Documents' vectors at one width, read block by block, so that a matrix larger than memory can be searched."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix, Rows
from evalkit.vectors.cut import cut
from evalkit.vectors.stored import StoredMatrix

BLOCK_BYTES = 96 * 2**20  # as float32; fresh memory costs as much as reading, many blocks cost merging
BLOCK_MULTIPLE = 1024  # FAISS multiplies so many rows at once: blocks of whole ones give its scores to the bit
PIECE_BYTES = 2**19  # as stored; what is read stays in a core's cache until it is cut and of unit length
TRAINING_ROWS = 100_000
TAKEN_ROWS = 512  # the system maps 64 KB for each


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

        A stored matrix is read as a file, piece by piece: mapped pages would count as this process's memory. While a
        block is in use, the system is told to read the next one.
        """
        rows = min(block_rows(self.matrix.shape[1]), len(self))
        out = np.empty((rows, self.dims), dtype=np.float32)
        for first in range(0, len(self), rows):
            block = out[: len(self) - first]
            self.fill(first, block)
            if is_on_disk(self.matrix):
                self.matrix.read_ahead(first + rows, rows)
            yield first, block

    def fill(self, first: int, block: FloatMatrix) -> None:
        """The rows from ``first`` on into ``block``, by as many threads as search it."""
        import faiss

        parts = min(faiss.omp_get_max_threads(), -(-block.nbytes // PIECE_BYTES))
        bounds = [len(block) * part // parts for part in range(parts + 1)]
        ranges = list(pairwise(bounds))
        if len(ranges) == 1:
            self.fill_range(first, block)
            return
        with ThreadPoolExecutor(len(ranges)) as pool:
            list(pool.map(lambda part: self.fill_range(first + part[0], block[slice(*part)]), ranges))

    def fill_range(self, first: int, block: FloatMatrix) -> None:
        """``fill`` in one thread."""
        matrix, native = self.matrix, self.matrix.shape[1]
        rows = max(1, PIECE_BYTES // (native * matrix.dtype.itemsize))
        in_place = self.dims == native and matrix.dtype == block.dtype
        buffer = np.empty((0 if in_place else min(rows, len(block)), native), dtype=matrix.dtype)
        for start in range(0, len(block), rows):
            out = block[start : start + rows]
            if not is_on_disk(matrix):
                cut(matrix[first + start : first + start + len(out)], self.dims, out)
                continue
            piece = out if in_place else buffer[: len(out)]
            matrix.read_rows(first + start, piece)
            cut(piece, self.dims, out)

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
        vectors = np.empty((min(len(self), TRAINING_ROWS), self.dims), dtype=np.float32)
        if len(vectors) == len(self):
            self.fill(0, vectors)
            return vectors
        drawn = np.sort(np.random.default_rng(seed).choice(len(self), TRAINING_ROWS, replace=False))
        for start in range(0, len(drawn), TAKEN_ROWS):
            part = slice(start, start + TAKEN_ROWS)
            vectors[part] = self.take(drawn[part])
        return vectors


def block_rows(native: int) -> int:
    """Rows of a block of vectors of ``native`` dims."""
    rows = max(1, BLOCK_BYTES // (native * 4))
    return rows - rows % BLOCK_MULTIPLE or rows


def is_on_disk(matrix: npt.NDArray[np.floating]) -> TypeGuard[StoredMatrix]:
    """Whether it is the whole of a stored matrix, with its file."""
    return isinstance(matrix, StoredMatrix) and matrix.file is not None
