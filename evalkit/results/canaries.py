"""Vectors that two runs kept of the same texts: what tells whether two models, or two runtimes of one, agree."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix, unit_vectors

if TYPE_CHECKING:
    import pandas as pd

TEXT = ["corpus", "side", "id", "text_sha256"]
SAME_COSINE = 0.999  # vectors of one text that are nearer are of one model


def shared_texts(before: "pd.DataFrame", after: "pd.DataFrame") -> "pd.DataFrame":
    """The texts that both canaries hold, with ``vector_before`` and ``vector_after`` as they are stored."""
    return before.merge(after, on=TEXT, suffixes=("_before", "_after"))


def cosines(texts: "pd.DataFrame") -> npt.NDArray[np.float32] | None:
    """The cosine of both vectors of each of ``texts`` (float32); null where there are none or their widths differ."""
    old, new = stored_vectors(texts["vector_before"]), stored_vectors(texts["vector_after"])
    if texts.empty or old.shape != new.shape:
        return None
    of_texts: npt.NDArray[np.float32] = np.einsum("ij,ij->i", old, new)
    return of_texts


def stored_vectors(stored: "pd.Series") -> FloatMatrix:
    """Vectors (n × dims, float32) from the bytes of float16, made unit length again after that rounding."""
    if stored.empty:
        return np.empty((0, 0), dtype=np.float32)
    return unit_vectors(np.stack([np.frombuffer(vector, dtype="<f2") for vector in stored]))
