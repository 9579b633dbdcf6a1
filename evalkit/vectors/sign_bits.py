"""Vectors as one bit per component: what binary codes are made of, and the ±1 vectors that they stand for."""

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix


def sign_bits(vectors: FloatMatrix) -> npt.NDArray[np.uint8]:
    """One bit per component, set where it is positive, 8 to a byte; the last byte is filled up with zeros."""
    return np.packbits(vectors > 0, axis=1)


def signs(bits: npt.NDArray[np.uint8], dims: int) -> FloatMatrix:
    """The unit vectors of ``bits`` (n × bytes): every component ±1/√dims (n × dims, float32)."""
    positive = np.unpackbits(bits, axis=1, count=dims).astype(np.float32)
    return (2 * positive - 1) / np.float32(np.sqrt(dims))
