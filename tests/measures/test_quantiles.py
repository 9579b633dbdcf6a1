"""The test of a percentile of latencies: against brute-force resampling, closed forms, and its own promises."""

import numpy as np
import pytest
from scipy import signal, stats

from evalkit.measures.quantiles import (
    calls_needed,
    calls_per_event,
    chance_of_no_rise,
    quantile_weights,
    slower_p,
)


def test_the_weights_are_those_of_scipys_harrell_davis_quantile() -> None:
    calls = np.random.default_rng(0).lognormal(size=300)
    expected = stats.mstats.hdquantiles(calls, prob=[0.95])[0]
    assert quantile_weights(300, 0.95, 1.0) @ np.sort(calls) == pytest.approx(expected)


@pytest.mark.parametrize("percent", [50, 95])
def test_the_chance_of_no_rise_is_what_resampling_gives(percent: int) -> None:
    rng = np.random.default_rng(1)
    before, after = rng.lognormal(0.0, 0.5, 400), rng.lognormal(0.08, 0.5, 400)
    resampled = (np.percentile(rng.choice(side, (20_000, 400)), percent, axis=1) for side in (before, after))
    drawn_before, drawn_after = resampled
    expected = np.mean(drawn_after <= drawn_before)
    assert expected < 0.9
    assert chance_of_no_rise(before, after, percent / 100, 1.0) == pytest.approx(expected, abs=0.03)


def test_dependence_is_that_of_an_autoregressive_process() -> None:
    """Corr(above the median now, k calls later) = 2/pi arcsin(phi^k) for a Gaussian process."""
    phi = 0.5
    expected = 1 + 2 * sum(2 / np.pi * np.arcsin(phi**lag) for lag in range(1, 50))
    noise = np.random.default_rng(2).normal(size=(2, 100_000))
    one, other = signal.lfilter([1], [1, -phi], noise)
    assert calls_per_event([one], [other], np.array([0.0])) == pytest.approx(expected, rel=0.15)


def test_runs_that_differ_as_wholes_tell_little() -> None:
    rng = np.random.default_rng(3)
    speeds = np.array([1.0, 1.3, 0.9, 1.1, 1.4])
    baseline = [speed * rng.lognormal(0, 0.05, 200) for speed in speeds]
    candidate = [speed * rng.lognormal(0, 0.05, 200) for speed in speeds[::-1] * 1.1]
    assert slower_p(baseline, candidate, 95) > 0.05
    assert slower_p([np.concatenate(baseline)], [1.1 * np.concatenate(baseline)], 50) > 0.01


@pytest.mark.parametrize(("calls", "speed", "least"), [(400, 1.0, 0.9), (5_000, 0.9, 0.8)])
def test_a_tail_that_ranks_do_not_see_is_shown(calls: int, speed: float, least: float) -> None:
    """6 % of calls ten times slower; with the others 10 % faster it takes thousands of calls to tell 6 % from 5 %."""
    rng = np.random.default_rng(4)
    shown, by_ranks = [], []
    for _ in range(60):
        before, after = rng.lognormal(0, 0.085, (2, calls))
        slow = speed * np.where(rng.random(calls) < 0.06, after * 10, after)
        shown.append(slower_p([before], [slow], 95) <= 0.05)
        by_ranks.append(stats.mannwhitneyu(slow, before, alternative="greater").pvalue <= 0.05)
    assert np.mean(shown) >= least
    assert np.mean(by_ranks) <= 0.5


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_equal_sides_are_rarely_called_slower(correlation: float) -> None:
    noise = np.random.default_rng(5).normal(size=(600, 2, 400))
    sides = np.exp(0.5 * signal.lfilter([1], [1, -correlation], noise)[..., -200:])
    p_values = np.array([slower_p([one], [other], 95) for one, other in sides])
    assert np.mean(p_values <= 0.05) <= 0.06
    assert np.mean(p_values <= 0.001) <= 0.005


def test_no_number_of_comparisons_hides_a_slowdown_of_every_call() -> None:
    rng = np.random.default_rng(6)
    before, after = rng.lognormal(0, 0.3, (2, 200))
    assert slower_p([before], [after * 10], 95) < 0.05 / 20_000


def test_calls_of_one_value_are_no_slower() -> None:
    same = np.full(200, 3.0)
    assert slower_p([same], [same], 95) >= 0.5
    assert 0 < slower_p([same], [same + 1], 95) < 0.05


def test_ten_calls_lie_beyond_a_percentile() -> None:
    assert [calls_needed(percent) for percent in (50, 95, 99)] == [20, 200, 1_000]
