"""Fewer dimensions: the leading components of a vector, made unit length again."""

import numpy as np
import numpy.typing as npt


def cut(vectors: npt.NDArray[np.floating], dims: int) -> npt.NDArray[np.float32]:
    """The first ``dims`` components of every row (n × dims, float32, C order), each row of unit length.

    A row whose leading components are all zero has no direction and stays zero.
    """
    kept = np.array(vectors[:, :dims], dtype=np.float32, order="C")
    norms = np.linalg.norm(kept, axis=1, keepdims=True)
    np.divide(kept, norms, out=kept, where=norms > 0)
    return kept
