"""Fewer dimensions: the leading components of a vector, made unit length again."""

import numpy as np
import numpy.typing as npt


def cut(
    vectors: npt.NDArray[np.floating], dims: int, out: npt.NDArray[np.float32] | None = None
) -> npt.NDArray[np.float32]:
    """The first ``dims`` components of every row (n × dims, float32, C order), each row of unit length.

    Written into ``out`` where that is given (it may be ``vectors`` itself), which spares large passes the cost of
    fresh memory. A row whose leading components are all zero has no direction and stays zero.
    """
    kept = np.empty((len(vectors), dims), dtype=np.float32) if out is None else out
    if kept is not vectors:
        np.copyto(kept, vectors[:, :dims], casting="same_kind")
    norms = np.sqrt(np.einsum("ij,ij->i", kept, kept))  # FAISS's own is quicker, but its threads then slow the search
    norms[norms == 0] = 1
    kept /= norms[:, None]
    return kept
