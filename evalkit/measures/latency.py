"""Latencies of single calls: the mean, which totals and money are made of, and percentiles."""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

PERCENTILES = (50, 95, 99)
STATISTICS = ("mean", *(f"p{p}" for p in PERCENTILES))
WARM_UP = 10
SPARED = 50  # one call in so many, and one more, may be the machine's doing


def percentiles_ms(name: str, samples_ms: npt.ArrayLike) -> dict[str, float | None]:
    """``<name>_ms_mean`` (``steady_mean``), ``…_p50``, ``…_p95`` and ``…_p99`` of samples in milliseconds.

    Percentiles are interpolated linearly. Null where one of the samples is NaN: not measured.
    """
    samples = np.asarray(samples_ms, dtype=np.float64)
    values = (steady_mean(samples), *np.percentile(samples, PERCENTILES))
    return {f"{name}_ms_{s}": None if np.isnan(v) else float(v) for s, v in zip(STATISTICS, values, strict=True)}


def steady_mean(samples: npt.ArrayLike) -> float:
    """The mean, with the slowest calls as long as the next slower one: 1 of 10, 5 of 200. NaN where a sample is.

    One call that the machine was away for moves no total and no bill; what 2 % and more of the calls take does.
    """
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    spared = min(1 + len(ordered) // SPARED, len(ordered) - 1)
    if spared:
        ordered[-spared:] = np.maximum(ordered[-spared - 1], ordered[-spared:] * 0)
    return float(ordered.mean())


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
