"""Percentiles and peaks are of what they say."""

import numpy as np
import pytest

from evalkit.measures import memory
from evalkit.measures.latency import percentiles_ms, time_calls_ms
from evalkit.measures.memory import PeakMemory


def test_percentiles_carry_their_unit() -> None:
    assert percentiles_ms("search", range(101)) == {
        "search_ms_mean": 50,
        "search_ms_p50": 50,
        "search_ms_p95": 95,
        "search_ms_p99": 99,
    }


def test_the_mean_counts_rare_slow_calls_which_the_median_does_not_see() -> None:
    figures = percentiles_ms("query", [1.0] * 9 + [101.0])
    assert (figures["query_ms_mean"], figures["query_ms_p50"]) == (11.0, 1.0)


def test_calls_are_warmed_up_and_counted() -> None:
    calls: list[int] = []
    samples = time_calls_ms(calls.append, 20)
    assert len(samples) == 20
    assert calls == [*range(10), *range(20)]


@pytest.mark.skipif(not memory.CLEAR_REFS.exists(), reason="peak memory is read from /proc")
def test_the_peak_is_that_of_the_phase_not_of_the_process() -> None:
    with PeakMemory() as large:
        np.ones(200_000_000, dtype=np.uint8)
    with PeakMemory() as small:
        pass
    assert large.peak_rss_bytes is not None
    assert small.peak_rss_bytes is not None
    assert large.peak_rss_bytes - small.peak_rss_bytes > 150_000_000


def test_a_system_without_proc_gives_null(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "CLEAR_REFS", memory.CLEAR_REFS.with_name("missing") / "file")
    with PeakMemory() as peak:
        pass
    assert peak.peak_rss_bytes is None
