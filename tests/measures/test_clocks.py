"""Percentiles and peaks are of what they say."""

import mmap

import numpy as np
import pytest

from evalkit.measures import memory
from evalkit.measures.latency import percentiles_ms, steady_mean, time_calls_ms
from evalkit.measures.memory import PeakMemory


def test_percentiles_carry_their_unit() -> None:
    assert percentiles_ms("search", range(101)) == {
        "search_ms_mean": 50 - (1 + 2 + 3) / 101,  # the three slowest are as long as the one before
        "search_ms_p50": 50,
        "search_ms_p95": 95,
        "search_ms_p99": 99,
    }


def test_the_mean_counts_slow_calls_which_the_median_does_not_see_but_not_the_slowest_alone() -> None:
    figures = percentiles_ms("query", [1.0] * 8 + [101.0, 901.0])
    assert (figures["query_ms_mean"], figures["query_ms_p50"]) == (21.0, 1.0)  # (8 × 1 + 2 × 101) / 10


@pytest.mark.parametrize("calls", [10, 200, 1_000])
def test_one_call_moves_no_mean_whatever_it_took(calls: int) -> None:
    samples = np.linspace(1.0, 1.1, calls)
    disturbed = np.where(np.arange(calls) == calls // 3, 10_000.0, samples)
    assert steady_mean(disturbed) == pytest.approx(samples.mean(), rel=0.02)


def test_what_was_not_measured_has_no_mean() -> None:
    assert np.isnan(steady_mean([1.0, np.nan, 2.0]))
    assert steady_mean([3.0]) == 3.0


def test_calls_are_warmed_up_and_counted() -> None:
    calls: list[int] = []
    samples = time_calls_ms(calls.append, 20)
    assert len(samples) == 20
    assert calls == [*range(10), *range(20)]


@pytest.mark.skipif(not memory.CLEAR_REFS.exists(), reason="peak memory is read from /proc")
def test_the_peak_is_that_of_the_phase_not_of_the_process() -> None:
    size, page = 200_000_000, 4_096
    with PeakMemory() as large, mmap.mmap(-1, size) as pages:  # an array may lie in memory that was freed before
        pages[::page] = bytes(len(range(0, size, page)))
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
