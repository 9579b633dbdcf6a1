"""sha256 over lists of strings: what tells two corpora apart."""

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

BYTES = 32


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
