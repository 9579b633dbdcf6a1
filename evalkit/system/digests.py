"""sha256 of what things are: files, what is stored under a key, and lists of strings that tell two corpora apart."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

BYTES = 32
MEASURE_BYTES = 8  # of the number of bytes before those of a text
TEXT_BYTES = 16  # of the sha256 that tells a text from every other
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


def measured(text: str) -> bytes:
    """The bytes of ``text`` (UTF-8) with their number before them, so that two texts never read like one."""
    encoded = text.encode("utf-8", "surrogatepass")
    return len(encoded).to_bytes(MEASURE_BYTES, "little") + encoded


def sha256(parts: Iterable[str]) -> bytes:
    sha = hashlib.sha256()
    for part in parts:
        sha.update(measured(part))
    return sha.digest()


def digests(items: Iterable[Iterable[str]]) -> npt.NDArray[np.bytes_]:
    """The sha256 of each item, 32 bytes apiece however long the strings are."""
    return joined((sha256(parts) for parts in items), BYTES)


def digests_of_texts(texts: Iterable[str]) -> npt.NDArray[np.bytes_]:
    """The first half of the sha256 of each of ``texts``, 16 bytes apiece."""
    return joined((sha256([text])[:TEXT_BYTES] for text in texts), TEXT_BYTES)


def joined(parts: Iterable[bytes], width: int) -> npt.NDArray[np.bytes_]:
    """An array of ``parts`` of ``width`` bytes each, which is all that is held of them; it may be changed."""
    whole = bytearray()
    for part in parts:
        whole += part
    return np.frombuffer(whole, dtype=f"S{width}")


def unordered_digest(items: Iterable[Iterable[str]]) -> str:
    """sha256 (hex) over items of strings, the same in any order."""
    ordered = digests(items)
    ordered.sort()
    return digest(each.ljust(BYTES, b"\0").hex() for each in ordered)
