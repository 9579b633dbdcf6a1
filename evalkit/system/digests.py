"""sha256 of what things are: files, what is stored under a key, and lists of strings that tell two corpora apart."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

BYTES = 32
NAME_DIGITS = 32  # of the 64 in hex


def digest_of_file(file: Path) -> str:
    """sha256 (hex) of what is in ``file``."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def name_of_key(key: Any) -> str:
    """How what is stored under ``key`` is named: the first half of the sha256 (hex) of its JSON, keys sorted."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:NAME_DIGITS]


def digest(parts: Iterable[str]) -> str:
    """sha256 (hex) over strings, each with its length before it, so that no two lists read alike."""
    return sha256(parts).hex()


def sha256(parts: Iterable[str]) -> bytes:
    sha = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        sha.update(len(encoded).to_bytes(8, "little"))
        sha.update(encoded)
    return sha.digest()


def digests(items: Iterable[Iterable[str]]) -> npt.NDArray[np.bytes_]:
    """The sha256 of each item, 32 bytes apiece however long the strings are."""
    return np.frombuffer(b"".join(sha256(parts) for parts in items), dtype=f"S{BYTES}")


def unordered_digest(items: Iterable[Iterable[str]]) -> str:
    """sha256 (hex) over items of strings, the same in any order."""
    whole = np.sort(digests(items)).tobytes()
    return digest(whole[i : i + BYTES].hex() for i in range(0, len(whole), BYTES))
