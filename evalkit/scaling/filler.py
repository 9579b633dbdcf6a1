"""Filler: vectors like a corpus's own, as many as are wanted, for measuring time at sizes that it does not have.

A filler vector is a random document moved by the difference of another document and one of that one's near neighbours,
times ``spread``, and made unit length: it stays in the corpus's own directions. ``spread`` is chosen so that among as
many filler vectors as there are documents the median cosine of nearest neighbours is that of the documents; the rest
of their distribution then follows it closely, which a test holds on real collections. Quality is never taken from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix, Rows
from evalkit.vectors.cut import cut

BLOCK_ROWS = 16_384
KEPT_BYTES = 128 * 2**20
SAMPLE_ROWS = 1_024  # documents whose neighbours are looked up, and fillers that ``spread`` is chosen by
NEIGHBOURS = 5
HALVINGS = 8
WIDEST = 2.0


@dataclass(frozen=True)
class Filler:
    """Made from ``matrix`` (documents × native dims, not all of the same vector). Blocks are the same every time."""

    matrix: npt.NDArray[np.floating]
    seed: int = 0

    @cached_property
    def kept(self) -> dict[int, FloatMatrix]:
        """Blocks that were made, as many as fit into 128 MiB: every setting of a run takes the same ones."""
        return {}

    def vectors(self, rows: int, dims: int) -> FloatMatrix:
        """The first ``rows`` filler vectors, cut to ``dims`` and of unit length (rows × dims, float32)."""
        return np.concatenate([block for _, block in self.blocks(rows, dims)])

    def between(self, first: int, end: int, dims: int) -> Iterator[FloatMatrix]:
        """The filler vectors from row ``first`` to before ``end``, block by block."""
        for begin, block in self.blocks(end, dims):
            if begin + len(block) > first:
                yield block[max(0, first - begin) :]

    def blocks(self, rows: int, dims: int) -> Iterator[tuple[int, FloatMatrix]]:
        """(first row, block) of the first ``rows`` filler vectors, cut to ``dims`` and of unit length."""
        for number, first in enumerate(range(0, rows, BLOCK_ROWS)):
            yield first, cut(self.block(number)[: rows - first], dims)

    def block(self, number: int) -> FloatMatrix:
        """16,384 × native dims, float32, of unit length."""
        if number not in self.kept:
            made = self.made(BLOCK_ROWS, self.spread, np.random.default_rng((self.seed, number)))
            if made.nbytes * (len(self.kept) + 1) > KEPT_BYTES:
                return made
            self.kept[number] = made
        return self.kept[number]

    def made(self, rows: int, spread: float, generator: np.random.Generator) -> FloatMatrix:
        places = generator.integers(len(self.matrix), size=rows)
        moved = generator.integers(len(self.sampled), size=rows)
        near = self.neighbours[moved, generator.integers(self.neighbours.shape[1], size=rows)]
        vectors = cut(self.matrix[places], self.matrix.shape[1])
        vectors += np.float32(spread) * (self.of_sample[moved] - cut(self.matrix[near], self.matrix.shape[1]))
        return cut(vectors, vectors.shape[1], vectors)

    @cached_property
    def spread(self) -> float:
        """By halving: the more that fillers are moved, the farther they are from each other."""
        target = float(np.median(self.nearest_cosines))
        low, high = 0.0, WIDEST
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            fillers = self.made(min(len(self.matrix), BLOCK_ROWS), middle, np.random.default_rng(self.seed))
            is_closer = np.median(nearest_cosines(fillers[:SAMPLE_ROWS], fillers)) > target
            low, high = (middle, high) if is_closer else (low, middle)
        return (low + high) / 2

    @cached_property
    def sampled(self) -> Rows:
        """The rows of at most 1,024 documents, in order."""
        drawn = np.random.default_rng(self.seed).permutation(len(self.matrix))[:SAMPLE_ROWS]
        return np.sort(drawn)

    @cached_property
    def of_sample(self) -> FloatMatrix:
        return cut(self.matrix[self.sampled], self.matrix.shape[1])

    @cached_property
    def looked_up(self) -> tuple[FloatMatrix, Rows]:
        """(cosines, rows) of the nearest documents of each sampled one, itself left out; each sample × up to 5."""
        others = np.random.default_rng(self.seed + 1).permutation(len(self.matrix))[:BLOCK_ROWS]
        others = np.union1d(others, self.sampled)
        cosines = self.of_sample @ cut(self.matrix[others], self.matrix.shape[1]).T
        cosines[np.arange(len(self.sampled)), np.searchsorted(others, self.sampled)] = -np.inf
        count = min(NEIGHBOURS, len(others) - 1)
        best = np.argsort(-cosines, axis=1)[:, :count]
        return np.take_along_axis(cosines, best, axis=1), others[best]

    @property
    def neighbours(self) -> Rows:
        return self.looked_up[1]

    @property
    def nearest_cosines(self) -> FloatMatrix:
        """Of each sampled document with its nearest neighbour."""
        return self.looked_up[0][:, 0]


def nearest_cosines(vectors: FloatMatrix, among: FloatMatrix) -> FloatMatrix:
    """Cosines of ``vectors``, the first rows of ``among``, with their nearest other row."""
    cosines = vectors @ among.T
    cosines[np.arange(len(vectors)), np.arange(len(vectors))] = -np.inf
    nearest: FloatMatrix = cosines.max(axis=1)
    return nearest
