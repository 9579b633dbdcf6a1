"""Which text each row of an entry is of: its digest, by which another corpus finds the vector, and its tokens."""

import numpy as np
import numpy.typing as npt

from evalkit.system.digests import TEXT_BYTES

RECORD = np.dtype([("digest", f"S{TEXT_BYTES}"), ("tokens", "<i4")])
NOT_TOLD = -1
Records = npt.NDArray[np.void]


def text_records(digests: npt.NDArray[np.bytes_], tokens: npt.NDArray[np.int64] | None) -> Records:
    """The records of texts by their ``digests`` (16 bytes each) and the ``tokens`` that were read; null is not told."""
    records = np.empty(len(digests), dtype=RECORD)
    records["digest"] = digests
    records["tokens"] = NOT_TOLD if tokens is None else tokens
    return records


def tokens_of(records: Records) -> int | None:
    """All tokens of the texts; null where those of one are not told."""
    tokens = records["tokens"]
    return None if (tokens == NOT_TOLD).any() else int(tokens.sum(dtype=np.int64))
