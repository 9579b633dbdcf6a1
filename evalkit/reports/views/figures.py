"""Numbers as the page's data holds them: short, and packed where there are many."""

import base64
import gzip
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def rounded(values: "pd.Series[Any] | npt.NDArray[np.float64]", digits: int = 7) -> list[float | int | None]:
    """Numbers of so many significant digits; null for NaN, whole numbers without a point."""
    numbers: list[float | int | None] = []
    for value in np.asarray(values, dtype=np.float64).tolist():
        short = float(f"{value:.{digits}g}")
        if math.isnan(value):
            numbers.append(None)
        else:
            numbers.append(int(short) if short.is_integer() else short)
    return numbers


def packed(values: npt.NDArray[np.uint16]) -> str:
    """base64 of gzip of little-endian uint16, row by row."""
    return base64.b64encode(gzip.compress(values.astype("<u2").tobytes(), mtime=0)).decode("ascii")
