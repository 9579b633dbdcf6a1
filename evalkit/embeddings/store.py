"""Embeddings on disk, addressed by what they are: made once, in shards, and read as a memory map.

An entry is a folder named by the sha256 of its key, which holds everything that decides the vectors:

    key.json         the key
    vectors.npy      n × dims, float32 or float16; its rows are filled shard by shard
    shards.jsonl     one line per finished shard: index, sha256 of its bytes, and what was measured on it
    meta.json        the key and what the whole pass says of the vectors; written last, so it marks the entry as whole
    timing-*.json    how long encoding takes, one per machine and settings: see embeddings.timing

A killed pass leaves shards.jsonl behind, and the next one continues where it ends. Nothing here is pickled.
"""

import errno
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from evalkit.arrays import FloatMatrix
from evalkit.errors import UserError
from evalkit.files import named

META_VERSION = 2  # 1 kept the timings of whichever machine made the vectors in meta.json; they are not read
LOCK_POLL_S = 0.2
READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


@dataclass(frozen=True)
class StoredShard:
    """A finished run of rows: its index, the sha256 (hex) of its bytes and what was measured while it was made."""

    index: int
    sha256: str
    measured: dict[str, Any]


class Entry:
    """One side of one corpus by one encoder, whole or in the making."""

    def __init__(self, folder: Path, key: Mapping[str, Any]) -> None:
        self.folder = folder
        self.key = dict(key)
        self.dtype = np.dtype(self.key.get("dtype", "float32")).newbyteorder("<")
        self.vectors_file = folder / "vectors.npy"
        self.shards_file = folder / "shards.jsonl"
        self.meta_file = folder / "meta.json"
        self.key_file = folder / "key.json"

    def meta(self) -> dict[str, Any] | None:
        """What the finished pass says of the vectors; null while there is none.

        Raises UserError for an entry that a newer evalkit wrote.
        """
        try:
            meta: dict[str, Any] = json.loads(self.meta_file.read_text(encoding="utf-8"))
            version = int(meta["version"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        if version > META_VERSION:
            raise UserError(
                f"{self.meta_file} was written by a newer evalkit (version {version}).",
                "Upgrade evalkit, or set store.path to another folder.",
            )
        return meta

    def open_vectors(self, shape: tuple[int, int]) -> None:
        """Make ``vectors.npy`` of ``shape`` unless it is there; its rows are filled later."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.vectors_file.exists() and self.read_shape() == shape:
            return
        self.shards_file.unlink(missing_ok=True)
        with named(self.vectors_file), self.vectors_file.open("wb") as file:
            header = {"descr": self.dtype.str, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
        with named(self.key_file):
            self.key_file.write_text(json.dumps(self.key, indent=1), encoding="utf-8")

    def read_shape(self) -> tuple[int, ...] | None:
        try:
            with self.vectors_file.open("rb") as file:
                np.lib.format.read_magic(file)
                return np.lib.format.read_array_header_1_0(file)[0]
        except ValueError:
            return None

    def write_shard(self, index: int, first_row: int, vectors: FloatMatrix, measured: dict[str, Any]) -> None:
        """Put ``vectors`` at ``first_row`` and record the shard, each safely on disk before the next.

        Written with plain writes and not through a memory map, where a full disk would kill the process.
        """
        data = np.ascontiguousarray(vectors, dtype=self.dtype).tobytes()
        with named(self.vectors_file), self.vectors_file.open("r+b") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            file.seek(file.tell() + first_row * vectors.shape[1] * self.dtype.itemsize)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        line = {"index": index, "sha256": hashlib.sha256(data).hexdigest(), "measured": measured}
        with named(self.shards_file), self.shards_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def shards(self, rows_per_shard: int) -> dict[int, StoredShard]:
        """index → shard, ascending, of all whose bytes are as written; a damaged one is warned of and left out."""
        if not self.shards_file.exists():
            return {}
        listed = {}
        for line in self.shards_file.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                shard = StoredShard(**json.loads(line))
            except (json.JSONDecodeError, TypeError):  # the line that a kill cut short
                continue
            listed[shard.index] = shard
        whole = {}
        for index, shard in sorted(listed.items()):
            if self.shard_sha256(index, rows_per_shard) == shard.sha256:
                whole[index] = shard
            else:
                sys.stderr.write(f"evalkit: warning: shard {index} of {self.folder} is damaged; encoding it again\n")
        return whole

    def shard_sha256(self, index: int, rows_per_shard: int) -> str:
        """sha256 (hex) of the bytes of one shard as they are on disk; of fewer bytes where the file is cut."""
        shape = self.read_shape()
        if shape is None:
            return "unreadable"
        rows, dims = shape
        first = index * rows_per_shard
        last = min(first + rows_per_shard, rows)
        with self.vectors_file.open("rb") as file:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            file.seek(file.tell() + first * dims * self.dtype.itemsize)
            return hashlib.sha256(file.read((last - first) * dims * self.dtype.itemsize)).hexdigest()

    def finish(self, measurements: Mapping[str, Any]) -> dict[str, Any]:
        """Mark the entry as whole and return its meta."""
        meta = {"version": META_VERSION, "key": self.key, **measurements}
        temporary = self.meta_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(meta, indent=1), encoding="utf-8")
        temporary.replace(self.meta_file)
        return meta

    def read(self) -> FloatMatrix:
        """The matrix (n × dims, in the dtype of the key) as a read-only memory map; marks the entry as used now."""
        with suppress(OSError):  # a store on a read-only disk keeps no record of use
            os.utime(self.meta_file)
        vectors: FloatMatrix = np.load(self.vectors_file, mmap_mode="r", allow_pickle=False)
        return vectors


class EmbeddingStore:
    """All entries below one folder."""

    def __init__(self, path: str | None = None, shard_texts: int = 512, dtype: str = "float32") -> None:
        from platformdirs import user_cache_path

        self.path = Path(path).expanduser() if path else user_cache_path("evalkit") / "embeddings"
        self.shard_texts = shard_texts
        self.dtype = dtype

    @contextmanager
    def entry(self, key: Mapping[str, Any]) -> Iterator[Entry]:
        """The entry of ``key``, held by this process alone; a second process waits, a dead one blocks nobody.

        In a store that can't be written to, a whole entry is given without a lock; raises UserError for any other.
        """
        entry = Entry(self.path / key_name(key), key)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = self.lock(entry.folder.name)
        except OSError as error:
            if error.errno not in READ_ONLY:
                raise
            if entry.meta() is None:
                raise UserError(
                    f"{self.path} can't be written to and lacks the embeddings that this run needs.",
                    "Set store.path=<folder> to one that can.",
                ) from None
            yield entry
            return
        try:
            yield entry
        finally:
            lock.release()

    def lock(self, name: str) -> FileLock:
        """The acquired lock of the entry ``name``; says on stderr when it has to wait for another process."""
        lock = FileLock(self.path / f"{name}.lock")
        try:
            lock.acquire(timeout=LOCK_POLL_S)
        except Timeout:
            sys.stderr.write("evalkit: another run encodes the same texts; waiting to read what it makes\n")
            lock.acquire()
        return lock


def key_name(key: Mapping[str, Any]) -> str:
    """The folder name of a key: the first half of its sha256 in hex."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:32]
