"""Array types that every room speaks of, unit vectors and cosines."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatMatrix = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def numbers_of(*names: Sequence[str]) -> list[Rows]:
    """Each of ``names`` as numbers from 0 in the order of sorting, equal ones alike in all of them.

    An array of strings holds every one at the width of the longest, and drops a NUL at an end.
    """
    number = {name: row for row, name in enumerate(sorted(set().union(*names)))}
    return [np.array([number[name] for name in each], dtype=np.int64) for each in names]


def unit_vectors(vectors: npt.NDArray[np.floating]) -> FloatMatrix:
    """``vectors`` (n × dims) as float32, each row of unit length; a row of zeros stays zero."""
    wide = np.asarray(vectors, dtype=np.float32)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: FloatMatrix = wide / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit


def row_cosines(some: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> FloatMatrix:
    """The cosine of each row of ``some`` and the same row of ``others`` (n, float32); 0 where one has no direction."""
    cosines: FloatMatrix = np.einsum("ij,ij->i", unit_vectors(some), unit_vectors(others))
    return cosines
