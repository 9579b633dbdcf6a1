"""Latencies of single calls, as percentiles."""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

PERCENTILES = (50, 95, 99)
WARM_UP = 10


def percentiles_ms(name: str, samples_ms: npt.ArrayLike) -> dict[str, float | None]:
    """``<name>_ms_p50``, ``…_p95`` and ``…_p99`` of samples in milliseconds (linear interpolation).

    Null where one of the samples is NaN: not measured.
    """
    values = np.percentile(np.asarray(samples_ms, dtype=np.float64), PERCENTILES)
    return {f"{name}_ms_p{p}": None if np.isnan(v) else float(v) for p, v in zip(PERCENTILES, values, strict=True)}


def time_calls_ms(call: Callable[[int], object], calls: int) -> npt.NDArray[np.float64]:
    """Milliseconds of ``call(i)`` for i = 0 … calls - 1, one after another, after a warm-up."""
    for i in range(min(WARM_UP, calls)):
        call(i)
    samples = np.empty(calls)
    for i in range(calls):
        started = time.perf_counter()
        call(i)
        samples[i] = (time.perf_counter() - started) * 1000
    return samples
