"""Latencies of single calls: the mean, which totals are made of, and percentiles."""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

PERCENTILES = (50, 95, 99)
STATISTICS = ("mean", *(f"p{p}" for p in PERCENTILES))
WARM_UP = 10


def percentiles_ms(name: str, samples_ms: npt.ArrayLike) -> dict[str, float | None]:
    """``<name>_ms_mean``, ``…_p50``, ``…_p95`` and ``…_p99`` of samples in milliseconds (linear interpolation).

    Null where one of the samples is NaN: not measured.
    """
    samples = np.asarray(samples_ms, dtype=np.float64)
    values = (samples.mean(), *np.percentile(samples, PERCENTILES))
    return {f"{name}_ms_{s}": None if np.isnan(v) else float(v) for s, v in zip(STATISTICS, values, strict=True)}


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


class BusyCores:
    """A context manager that tells how many cores this process kept busy meanwhile, on average (``mean``)."""

    def __enter__(self) -> "BusyCores":
        self.began = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *of_error: object) -> None:
        wall, cpu = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
        self.mean = max(cpu / max(wall, 1e-9), 0.0)


def time_within_ms(call: Callable[[int], object], seconds: float, least: int, most: int) -> npt.NDArray[np.float64]:
    """Milliseconds of at least ``least`` calls one after another, and of up to ``most`` within ``seconds``."""
    call(0)
    until = time.perf_counter() + seconds
    samples: list[float] = []
    while len(samples) < least or (len(samples) < most and time.perf_counter() < until):
        started = time.perf_counter()
        call(len(samples))
        samples.append((time.perf_counter() - started) * 1000)
    return np.array(samples)
