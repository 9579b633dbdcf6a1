"""Encoded shards that wait to be gathered: ``<entry>.parts/`` beside the entry, in a store that several nodes share.

    key.json                 the entry's key
    <part>.<token>.npy       the vectors of one shard, n × dims, float32
    <part>.json              its note, sealed: the file and its sha256, and what was measured; written last, once
    <part>.claim-<n>         who is at it: entries.claims

A part's name is the digest of what decides its vectors and of its ids and texts, so that processes that don't agree on
those never take each other's. Nothing here is pickled; what is not as it was written is no part.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np

from evalkit.embeddings.entries.leftovers import REMOVED, remove
from evalkit.embeddings.entries.locks import PARTS
from evalkit.embeddings.entries.note_fields import ROWS, has_fields
from evalkit.embeddings.entries.seals import sealed, unsealed
from evalkit.embeddings.shards import EncodedShard, Shard, rows_of
from evalkit.encoders import Encoded
from evalkit.formats.json_shapes import AMOUNT, COUNT, OrNull
from evalkit.system.digests import digest, name_of_key
from evalkit.system.files import named, sync_one, write_text
from evalkit.system.plain_files import NotAFileError, is_file, open_file, read_file

NOTE = re.compile(r"([0-9a-f]{32})\.json")
GATHERED: Mapping[str, Any] = {"gathered": bool}
FIELDS: Mapping[str, Any] = {
    "file": str,
    "sha256": str,
    "texts": COUNT,
    "dims": COUNT,
    "seconds": AMOUNT,
    "busy_seconds": AMOUNT,
    "tokens": OrNull(ROWS),
    "truncated": OrNull(ROWS),
    "peak_rss_bytes": OrNull(COUNT),
    "peak_gpu_bytes": OrNull(COUNT),
    "timing": str,
    "worker": str,
}


def part_name(identity: Mapping[str, Any], shard: Shard) -> str:
    """What the part of ``shard`` is called, by an encoder of that ``identity`` for its side."""
    return name_of_key([dict(identity), shard.side, digest(shard.ids), digest(shard.texts)])


@dataclass(frozen=True)
class Parts:
    """The parts of one entry, in ``folder``."""

    folder: Path

    @classmethod
    def of(cls, store: Path, key: Mapping[str, Any]) -> "Parts":
        return cls(store / f"{name_of_key(key)}{PARTS}")

    def make(self, key: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not is_file(self.folder / "key.json"):
            write_text(self.folder / "key.json", json.dumps(dict(key), indent=1))

    def noted(self) -> set[str]:
        """The names of all parts that are whole, or gathered. Raises FileNotFoundError where the folder is gone."""
        return {match[1] for file in self.folder.iterdir() if (match := NOTE.fullmatch(file.name))}

    def is_noted(self, part: str) -> bool:
        return is_file(self.folder / f"{part}.json")

    def keep(self, part: str, shard: EncodedShard) -> bool:
        """Whether this one counts: another that was whole before stays. Raises OSError, and leaves nothing then."""
        vectors = np.ascontiguousarray(shard.encoded.vectors, dtype="<f4")
        file = self.folder / f"{part}.{token_hex(6)}.npy"
        temporary = file.with_suffix(".tmp")
        try:
            with named(temporary), temporary.open("xb") as opened:
                np.lib.format.write_array(opened, vectors, version=(1, 0), allow_pickle=False)
                opened.flush()
                os.fsync(opened.fileno())
            temporary.rename(file)
            counts = self.note(part, {**note_of(shard, vectors), "file": file.name})
        except BaseException:
            for path in (temporary, file):
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            raise
        if not counts:
            file.unlink(missing_ok=True)
        return counts

    def note(self, part: str, values: Mapping[str, Any]) -> bool:
        """Whether it is the first note of ``part``, which is on disk now."""
        final, temporary = self.folder / f"{part}.json", self.folder / f"{part}.{token_hex(6)}.tmp"
        try:
            with named(temporary), temporary.open("x", encoding="utf-8") as opened:
                opened.write(json.dumps(sealed(values, part)))
                opened.flush()
                os.fsync(opened.fileno())
            return linked(temporary, final)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
                sync_one(self.folder)

    def read(self, part: str, shard: Shard) -> EncodedShard | None:
        """The part of ``shard``; null where it is not there, or not as it was written."""
        note_file = self.folder / f"{part}.json"
        try:
            ended_at = note_file.lstat().st_mtime
            note = unsealed(read_file(note_file), part)
            if note is None or not has_fields(note, FIELDS) or not is_vectors_file(note["file"], part):
                return None
            with os.fdopen(open_file(self.folder / note["file"]), "rb") as opened:
                data = opened.read()
        except (FileNotFoundError, NotAFileError):
            return None
        vectors = vectors_in(data, (len(shard.ids), note["dims"]))
        if vectors is None or hashlib.sha256(vectors.tobytes()).hexdigest() != note["sha256"]:
            return None
        return encoded_shard(shard, vectors, note, ended_at)

    def take(self, part: str) -> None:
        """It is in the entry: its vectors are removed, and its note stays, so that nobody makes it again."""
        for file in self.folder.glob(f"{part}.*.npy"):
            file.unlink(missing_ok=True)
        self.note(part, {"gathered": True})

    def drop(self, part: str) -> None:
        """It is not as it was written, or not where it should be: it is made again."""
        for file in [self.folder / f"{part}.json", *self.folder.glob(f"{part}.*.npy")]:
            file.unlink(missing_ok=True)

    def remove(self) -> None:
        """All of it, at once for whoever else looks."""
        going = self.folder.with_name(f"{REMOVED}{self.folder.name}")
        with suppress(FileNotFoundError):
            remove(going)
            remove(self.folder.rename(going))

    def remove_if_unused(self) -> None:
        """Remove the folder where nothing but its key is in it."""
        with suppress(OSError):
            if [file.name for file in self.folder.iterdir()] == ["key.json"]:
                (self.folder / "key.json").unlink()
                self.folder.rmdir()


def linked(temporary: Path, final: Path) -> bool:
    """Give a file a second name, which fails in one step where that is taken; without links by a look before."""
    try:
        os.link(temporary, final)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if final.exists():
            return False
        temporary.rename(final)
    return True


def note_of(shard: EncodedShard, vectors: np.ndarray) -> dict[str, Any]:
    tokens = shard.encoded.tokens
    return {
        "sha256": hashlib.sha256(vectors.tobytes()).hexdigest(),
        "texts": len(vectors),
        "dims": vectors.shape[1],
        "seconds": shard.encoded.seconds,
        "busy_seconds": shard.busy_seconds,
        "tokens": None if tokens is None else [int(count) for count in tokens],
        "truncated": rows_of(shard.encoded.truncated, 0),
        "peak_rss_bytes": shard.peak_rss_bytes,
        "peak_gpu_bytes": shard.peak_device_bytes,
        "timing": shard.timing,
        "worker": shard.worker,
    }


def is_vectors_file(name: str, part: str) -> bool:
    return re.fullmatch(rf"{part}\.[0-9a-f]{{12}}\.npy", name) is not None


def vectors_in(data: bytes, shape: tuple[int, int]) -> np.ndarray | None:
    """The matrix that a .npy file holds; null for any other than float32 of ``shape``."""
    try:
        vectors = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError):
        return None
    return vectors if vectors.dtype == np.dtype("<f4") and vectors.shape == shape else None


def encoded_shard(shard: Shard, vectors: np.ndarray, note: Mapping[str, Any], ended_at: float) -> EncodedShard | None:
    texts, tokens, rows = len(shard.ids), note["tokens"], note["truncated"]
    if note["texts"] != texts or (tokens is not None and len(tokens) != texts) or max(rows or [0]) >= max(texts, 1):
        return None
    truncated = None if rows is None else np.isin(np.arange(texts), rows)
    counts = None if tokens is None else np.array(tokens, dtype=np.int64)
    return EncodedShard(
        shard.index,
        Encoded(vectors, counts, truncated, note["seconds"]),
        note["timing"],
        note["peak_rss_bytes"],
        note["peak_gpu_bytes"],
        worker=note["worker"],
        busy_seconds=note["busy_seconds"],
        ended_at=ended_at,
    )
