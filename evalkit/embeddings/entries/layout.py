"""Where the rows of a stored matrix lie in its file: known beforehand, and compared with what its header says."""

import io
import os
import re
from dataclasses import dataclass

import numpy as np

MAGIC = b"\x93NUMPY\x01\x00"
DTYPES = ("float32", "float16")
LENGTH_BYTES = 2
HEADER = re.compile(rb"\{'descr': '(<f[24])', 'fortran_order': False, 'shape': \(([0-9]{1,15}), ([0-9]{1,9})\), \} *\n")


@dataclass(frozen=True)
class Layout:
    """``rows`` of ``dims`` numbers of ``dtype`` ("<f4", "<f2") each, the first of them at byte ``offset``."""

    dtype: str
    rows: int
    dims: int
    offset: int

    @property
    def row_bytes(self) -> int:
        return self.dims * np.dtype(self.dtype).itemsize

    @property
    def end(self) -> int:
        """Bytes of the whole file."""
        return self.offset + self.rows * self.row_bytes

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.dims


def header_of(dtype: str, shape: tuple[int, int]) -> bytes:
    """How a .npy file of ``shape`` begins."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": dtype, "fortran_order": False, "shape": shape})
    return header.getvalue()


def layout_of(dtype: str, shape: tuple[int, int]) -> Layout:
    return Layout(dtype, *shape, len(header_of(dtype, shape)))


def read_layout(descriptor: int) -> Layout | None:
    """What the header of an open file says; null where it is none that is written here."""
    start = os.pread(descriptor, len(MAGIC) + LENGTH_BYTES, 0)
    if not start.startswith(MAGIC):
        return None
    length = int.from_bytes(start[len(MAGIC) :], "little")
    header = HEADER.fullmatch(os.pread(descriptor, length, len(start)))
    if header is None or len(header.group()) != length:
        return None
    return Layout(header[1].decode(), int(header[2]), int(header[3]), len(start) + length)
