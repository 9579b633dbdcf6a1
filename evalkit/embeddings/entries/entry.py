"""One entry of the store: a folder named by the sha256 of its key, which holds everything that decides the vectors.

    key.json         the key; written first
    vectors.npy      n × dims, float32 or float16; its rows are filled shard by shard
    texts.bin        20 bytes per row: which text it is of (entries.text_records); filled with the vectors
    shards.jsonl     one line per finished shard: index, dims, sha256 of its bytes in both, and what was measured on it
    meta.json        the key and what the whole pass says of the vectors; written last, so it marks the entry as whole
    timing-*.json    how long encoding takes, one per machine and settings: see embeddings.timing

What is JSON has a seal, which tells whether it is as it was written, and for this entry (entries.seals). What can be
trusted of an entry is told by entries.trust. Nothing here is pickled.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix
from evalkit.embeddings.entries.aside import set_aside, warn
from evalkit.embeddings.entries.layout import Layout, header_of, layout_of, read_layout
from evalkit.embeddings.entries.seals import sealed
from evalkit.embeddings.entries.sharing import open_shared
from evalkit.embeddings.entries.text_records import RECORD, Records
from evalkit.system.digests import name_of_key
from evalkit.system.files import named, write_text
from evalkit.system.plain_files import NotAFileError, is_file, open_file
from evalkit.vectors.stored import StoredMatrix

META_VERSION = 3  # 1 kept timings in meta.json, which are not read; 1 and 2 had no seals
FILES = ("key.json", "vectors.npy", "texts.bin", "shards.jsonl", "meta.json")
NO_TEXTS = {"texts": None, "part_of": None}  # what two keys of one model may differ in


@dataclass(frozen=True)
class StoredShard:
    """A finished run of rows: its index, the sha256 (hex) of its bytes and what was measured while it was made."""

    index: int
    sha256: str
    measured: dict[str, Any]
    dims: int | None = None  # earlier versions did not say
    texts_sha256: str | None = None  # likewise

    def line(self, entry: str) -> str:
        """What ``shards.jsonl`` says of it."""
        return json.dumps(sealed({name: value for name, value in vars(self).items() if value is not None}, entry))


class Entry:
    """One side of one corpus by one encoder, whole or in the making."""

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        self.folder = folder
        self.name = name_of_key(key)
        self.key = dict(key)
        self.dtype = np.dtype(self.key.get("dtype", "float32")).newbyteorder("<").str
        files = (folder / name for name in FILES)
        self.key_file, self.vectors_file, self.texts_file, self.shards_file, self.meta_file = files
        self.layout: Layout | None = None
        self.is_writable = True

    @property
    def model(self) -> dict[str, Any]:
        """Its key without the texts: entries that have it in common have the same vector for the same text."""
        return {**self.key, **NO_TEXTS}

    def open_vectors(self, shape: tuple[int, int]) -> bool:
        """Whether ``vectors.npy`` had to be made for ``shape``; its rows are filled later.

        Where it is of another shape, all of the entry is set aside: its vectors were paid for.
        """
        if self.layout is not None and self.layout.shape == shape and is_file(self.vectors_file):
            return False
        if self.layout is not None and self.shards_file.exists():
            place = set_aside(self.folder)
            warn(self.folder, f"is {self.layout.dims} wide, and the model gives {shape[1]}; it is kept as {place.name}")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_key()
        for file in (self.shards_file, self.texts_file):
            file.unlink(missing_ok=True)
        temporary = self.vectors_file.with_suffix(".tmp")
        with named(self.vectors_file):
            temporary.write_bytes(header_of(self.dtype, shape))
            temporary.replace(self.vectors_file)
        self.layout = layout_of(self.dtype, shape)
        return True

    def write_key(self) -> None:
        write_text(self.key_file, json.dumps(self.key, indent=1))

    def mend_vectors(self, layout: Layout) -> None:
        """Give ``vectors.npy`` the header that it must have, and no byte beyond its rows."""
        with named(self.vectors_file), os.fdopen(open_file(self.vectors_file, os.O_RDWR), "r+b") as file:
            if os.fstat(file.fileno()).st_size > layout.end:
                file.truncate(layout.end)
            if read_layout(file.fileno()) != layout:
                file.write(header_of(self.dtype, layout.shape))
            file.flush()
            os.fsync(file.fileno())

    def write_shard(
        self, index: int, first_row: int, vectors: FloatMatrix, measured: dict[str, Any], texts: Records
    ) -> None:
        """Put ``vectors`` and what ``texts`` they are of at ``first_row`` and record the shard, each safely on disk
        before the next.

        Written with plain writes and not through a memory map, where a full disk would kill the process.
        """
        data, records = np.ascontiguousarray(vectors, dtype=self.dtype).tobytes(), texts.tobytes()
        layout = self.layout
        if layout is None:
            raise ValueError("open_vectors comes first")
        write_at(self.vectors_file, layout.offset + first_row * layout.row_bytes, data)
        write_at(self.texts_file, first_row * RECORD.itemsize, records)
        digests = (hashlib.sha256(part).hexdigest() for part in (data, records))
        vectors_sha256, texts_sha256 = digests
        shard = StoredShard(index, vectors_sha256, measured, vectors.shape[1], texts_sha256)
        self.append_line(shard.line(self.name))

    def append_line(self, line: str) -> None:
        """Add ``line`` to ``shards.jsonl``, below one that a kill or a full disk cut short."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
        with named(self.shards_file), os.fdopen(open_file(self.shards_file, flags), "r+b") as file:
            end = os.fstat(file.fileno()).st_size
            is_cut = end > 0 and os.pread(file.fileno(), 1, end - 1) != b"\n"
            file.write(("\n" * is_cut + line + "\n").encode())
            file.flush()
            os.fsync(file.fileno())

    def text_records(self, index: int, rows: int) -> Records:
        """Which texts one shard of an entry of so many ``rows`` is of, as the file says; none where it does not."""
        rows_per_shard = int(self.key["shard_texts"])
        first = index * rows_per_shard
        length = min(rows_per_shard, rows - first) * RECORD.itemsize
        try:
            with os.fdopen(open_file(self.texts_file), "rb") as file:
                data = os.pread(file.fileno(), length, first * RECORD.itemsize)
        except (FileNotFoundError, NotAFileError):
            data = b""
        return np.frombuffer(data if len(data) == length else b"", dtype=RECORD)

    def renew_texts(self, shards: Iterable[StoredShard], texts: Records) -> None:
        """Say again of every row which of ``texts`` it is of, where earlier versions or damage left that untold.

        ``shards`` are all that there are.
        """
        records = texts.tobytes()
        write_at(self.texts_file, 0, records)
        step = int(self.key["shard_texts"]) * RECORD.itemsize
        parts = [(shard, records[shard.index * step : (shard.index + 1) * step]) for shard in shards]
        told = (replace(shard, texts_sha256=hashlib.sha256(part).hexdigest()) for shard, part in parts)
        write_text(self.shards_file, "".join(shard.line(self.name) + "\n" for shard in told))

    def shard_sha256(self, index: int, rows_per_shard: int, layout: Layout) -> str | None:
        """sha256 (hex) of the bytes of one shard as they are on disk; null where the file ends before.

        Raises NotAFileError where there is no file.
        """
        first = index * rows_per_shard
        length = (min(first + rows_per_shard, layout.rows) - first) * layout.row_bytes
        place = layout.offset + first * layout.row_bytes
        with os.fdopen(open_file(self.vectors_file), "rb") as file:
            if os.fstat(file.fileno()).st_size < place + length:
                return None
            file.seek(place)
            return hashlib.sha256(file.read(length)).hexdigest()

    def finish(self, measurements: Mapping[str, Any]) -> dict[str, Any]:
        """Mark the entry as whole and return its meta."""
        meta: dict[str, Any] = json.loads(json.dumps({**measurements, "version": META_VERSION, "key": self.key}))
        write_text(self.meta_file, json.dumps(sealed(meta, self.name), indent=1))
        return meta

    def read(self) -> StoredMatrix:
        """The matrix (n × dims, in the dtype of the key) as a read-only memory map; marks the entry as used now.

        For as long as it is held, its file is open, and other processes don't remove it.
        """
        with suppress(OSError):  # a store on a read-only disk keeps no record of use
            os.utime(self.meta_file, follow_symlinks=False)
        file = open_shared(self.vectors_file)
        layout = self.layout or read_layout(file.fileno())
        if layout is None:
            raise NotAFileError(f"{self.vectors_file} has no header")
        return StoredMatrix(file, layout.dtype, layout.shape, layout.offset)


def write_at(path: Path, place: int, data: bytes) -> None:
    """Put ``data`` at that byte of a file, safely on disk."""
    with named(path), os.fdopen(open_file(path, os.O_RDWR | os.O_CREAT), "r+b") as file:
        file.seek(place)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
