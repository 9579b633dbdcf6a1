"""What the fields of stored notes must be: notes of earlier versions have no seal, and their values are looked at."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

Check = Callable[[Any], bool]


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return True


def is_model(value: Any) -> bool:
    return isinstance(value, dict) and is_text(value.get("device"))


def or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def all_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


MEASURED: dict[str, Check] = {
    "texts": is_count,
    "seconds": is_number,
    "tokens": or_null(is_count),
    "truncated_rows": or_null(all_of(is_count)),
    "peak_rss_bytes": or_null(is_count),
    "peak_gpu_bytes": or_null(is_count),
}
SHARD: dict[str, Check] = {
    "index": is_count,
    "sha256": is_text,
    "measured": lambda value: has_fields(value, MEASURED),
}
META: dict[str, Check] = {
    "version": is_count,
    "created_at": is_time,
    "texts": is_count,
    "dims": is_count,
    "tokens": or_null(is_count),
    "truncated_rows": or_null(all_of(is_count)),
    "max_length": or_null(is_count),
    "model": is_model,
    "verification": or_null(lambda value: isinstance(value, dict)),
    "machine": is_text,
}
TIMING: dict[str, Check] = {
    "timed_at": is_time,
    "texts": is_count,
    "tokens": or_null(is_count),
    "seconds": or_null(is_number),
    "peak_rss_bytes": or_null(is_count),
    "peak_gpu_bytes": or_null(is_count),
    "runtime": is_model,
    "latency_ms": all_of(is_number),
}


def has_fields(values: Any, checks: Mapping[str, Check]) -> bool:
    """Whether ``values`` is an object with every field of ``checks``, each as it must be."""
    return isinstance(values, dict) and all(name in values and check(values[name]) for name, check in checks.items())
