"""Notes that tell whether they are as they were written, and of which entry: JSON objects with a checksum of both."""

import json
from collections.abc import Mapping
from typing import Any

from evalkit.system.digests import name_of_key

SEAL = "seal"


def sealed(values: Mapping[str, Any], entry: str) -> dict[str, Any]:
    """``values`` with their seal for ``entry`` (its name)."""
    return {**values, SEAL: seal_of(values, entry)}


def unsealed(text: bytes | str, entry: str) -> dict[str, Any] | None:
    """The values of a JSON object, without its seal; null where it is not as it was written for ``entry``.

    Objects without a seal, as earlier versions wrote them, are given as they are.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    if SEAL not in values:
        return values
    seal = values.pop(SEAL)
    return values if seal == seal_of(values, entry) else None


def seal_of(values: Mapping[str, Any], entry: str) -> str:
    """The first half of the sha256 (hex) of ``entry`` and ``values``, as they are once they have been JSON."""
    plain = json.loads(json.dumps(values))
    return name_of_key([entry, plain])
