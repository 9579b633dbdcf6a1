"""What the fields of stored notes must be: notes of earlier versions have no seal, and their values are looked at."""

from collections.abc import Mapping
from typing import Any

from evalkit.formats.json_shapes import AMOUNT, COUNT, MOMENT, OrNull, Rule, defect_at

ROWS = Rule(lambda value: isinstance(value, list) and all(map(COUNT.is_right, value)))  # there may be millions
MODEL = {"device": str}
MEASURED: Mapping[str, Any] = {
    "texts": COUNT,
    "seconds": AMOUNT,
    "tokens": OrNull(COUNT),
    "truncated_rows": OrNull(ROWS),
    "peak_rss_bytes": OrNull(COUNT),
    "peak_gpu_bytes": OrNull(COUNT),
    "reused_texts?": COUNT,
}
SHARD: Mapping[str, Any] = {"index": COUNT, "sha256": str, "measured": MEASURED, "texts_sha256?": str}
META: Mapping[str, Any] = {
    "version": COUNT,
    "created_at": MOMENT,
    "texts": COUNT,
    "dims": COUNT,
    "tokens": OrNull(COUNT),
    "truncated_rows": OrNull(ROWS),
    "max_length": OrNull(COUNT),
    "model": MODEL,
    "verification": OrNull({}),
    "machine": str,
    "reused_texts?": COUNT,
}
TIMING: Mapping[str, Any] = {
    "timed_at": MOMENT,
    "texts": COUNT,
    "tokens": OrNull(COUNT),
    "seconds": OrNull(AMOUNT),
    "peak_rss_bytes": OrNull(COUNT),
    "peak_gpu_bytes": OrNull(COUNT),
    "runtime": MODEL,
    "latency_ms": [AMOUNT],
    "load?": {"*": OrNull(AMOUNT)},
}


def has_fields(values: Any, shape: Mapping[str, Any]) -> bool:
    """Whether ``values`` is an object with every field of ``shape``, each as it must be."""
    return not defect_at("", values, shape)
