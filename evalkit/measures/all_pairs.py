"""The cosines of all pairs of vectors, block by block; to five decimals, so that no rounding of a sum decides a tie."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix, Floats, unit_vectors

Levels = npt.NDArray[np.int32]

SCALE = 100_000  # levels of a cosine from 0 to 1
NONE = -SCALE - 1  # the level of what is no pair
BLOCK_CELLS = 4_000_000


def blocks(vectors: FloatMatrix) -> Iterator[tuple[slice, Levels]]:
    """(rows, their cosines with all rows before the block's end, as levels) for all ``vectors`` (n × dims).

    Only pairs with an earlier row have a level: all others are ``NONE``.
    """
    unit = unit_vectors(vectors)
    start = 0
    while start < len(unit):
        size = max(1, BLOCK_CELLS // (start + 1_000))
        rows = slice(start, min(start + size, len(unit)))
        levels = np.rint(unit[rows] @ unit[: rows.stop].T * SCALE).astype(np.int32)
        np.clip(levels, -SCALE, SCALE, out=levels)
        levels[np.arange(rows.stop) >= np.arange(rows.start, rows.stop)[:, None]] = NONE
        yield rows, levels
        start = rows.stop


def cosines_of(levels: npt.ArrayLike) -> Floats:
    return np.asarray(levels, dtype=np.float64) / SCALE
