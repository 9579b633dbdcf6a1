"""A machine with other work to do makes no regression: what is too short, too noisy or not measured does not count."""

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from evalkit.config import GateConfig
from evalkit.config.compose import compose
from evalkit.gate import Verdict, decide
from evalkit.gate.resources import ResourceResult
from evalkit.gate.words import notes, resource_cells, within_limits
from evalkit.measures.quantiles import come_in_stretches, halves_differ
from tests.gate.conftest import STREWN, MakeRun
from tests.house import ROOT

SCORES = np.random.default_rng(5).beta(2, 2, 200)
CALLS = 10 * np.array(STREWN)  # 5 to 15 ms
BUSY = {"seconds": 5.0, "waited": 0.62, "steal": 0.0, "load_1m": 4.0}
QUIET = {"seconds": 5.0, "waited": 0.01, "steal": 0.0, "load_1m": 1.0}


@pytest.fixture
def config() -> GateConfig:
    return compose("gate", ["baseline=x"])


def search_p95(
    make_run: MakeRun, config: GateConfig, before: np.ndarray, after: np.ndarray, **options: Any
) -> ResourceResult:
    sides = (
        make_run(
            {(8, "x"): SCORES}, latencies_ms=calls, figures={"search_ms_p95": float(np.percentile(calls, 95))}, **more
        )
        for calls, more in ((before, {}), (after, options))
    )
    return next(r for r in decide(config, *sides).resources if r.column == "search_ms_p95")


def test_a_rise_that_nobody_notices_never_fails(make_run: MakeRun) -> None:
    """From 0.0004 to 0.9 ms is 2,137 times as slow, and below a millisecond."""
    before, after = 0.0003 * np.array(STREWN), 0.6 * np.array(STREWN)
    default = compose("gate", ["baseline=x"])
    result = search_p95(make_run, default, before, after)
    assert (result.exceeds, result.is_below_least) == (False, True)
    assert result.worsening == pytest.approx(2_000, rel=1e-3)
    assert resource_cells(result)[4] == "2,000 × slower, too little to count"
    strict = compose("gate", ["baseline=x", "least_ms=0"])
    assert search_p95(make_run, strict, before, after).exceeds


def test_halves_that_differ_by_the_limit_are_too_noisy(make_run: MakeRun, config: GateConfig) -> None:
    disturbed = CALLS * np.where(np.arange(200) < 100, 1, 3)
    result = search_p95(make_run, config, CALLS, disturbed)
    assert (result.exceeds, result.worsening, result.p) == (False, None, None)
    assert "too noisy: of the candidate's own calls one half is 2.97 × slower than the other" in result.not_compared
    assert "too noisy: of the baseline's" in search_p95(make_run, config, disturbed, CALLS).not_compared


def test_slow_calls_that_lie_together_are_other_work(make_run: MakeRun, config: GateConfig) -> None:
    """20 of 200 calls take four times as long, at once in the middle or strewn over all."""
    middle = (np.arange(200) >= 90) & (np.arange(200) < 110)
    strewn = np.random.default_rng(1).permutation(middle)
    result = search_p95(make_run, config, CALLS, CALLS * np.where(middle, 4, 1))
    assert "the candidate's slow calls come in stretches" in result.not_compared
    assert search_p95(make_run, config, CALLS, CALLS * np.where(strewn, 4, 1)).exceeds


def test_what_makes_every_call_slower_is_seen_through_noise(make_run: MakeRun, config: GateConfig) -> None:
    middle = (np.arange(200) >= 90) & (np.arange(200) < 110)
    result = search_p95(make_run, config, CALLS, 3 * CALLS * np.where(middle, 4, 1))
    assert (result.exceeds, result.is_by_median) == (True, True)
    assert result.worsening == pytest.approx(3, rel=0.1)


def test_what_was_timed_on_a_busy_machine_is_not_compared(make_run: MakeRun, config: GateConfig) -> None:
    result = search_p95(make_run, config, CALLS, 5 * CALLS, load=BUSY)
    words = "the machine was busy while the candidate was timed (it waited for a core 62% of the time)"
    assert result.not_compared == f"not compared: {words}"
    assert search_p95(make_run, config, CALLS, 5 * CALLS, load=QUIET).exceeds


@pytest.mark.parametrize(("day", "expected"), [("2026-02-27", "one of 2026-02-27"), ("2026-03-02", "")])
def test_speed_that_an_earlier_run_measured_is_not_within_limits(
    day: str, expected: str, make_run: MakeRun, config: GateConfig
) -> None:
    """The runs of these tests begin on the first of March."""
    baseline, candidate = (make_run({(8, "x"): SCORES}, timed_at=f"{day}T00:00:00+00:00") for _ in range(2))
    decision = decide(config, baseline, candidate)
    assert decision.verdict is Verdict.PASS
    reasons = {r.column: r.not_compared for r in decision.resources}
    assert expected in reasons["documents_per_second"]
    assert bool(reasons["documents_per_second"]) == bool(reasons["peak_rss_bytes"]) == bool(expected)
    assert reasons["search_ms_p95"] == reasons["cost_month_usd"] == ""
    counted = "5 of 5 compared figures are within their limits; 2 were not compared"
    assert within_limits(decision) == (counted if expected else "7 of 7 compared figures are within their limits")
    said = [note for note in notes(decision) if note.startswith("documents_per_second, peak_rss_bytes: not measured")]
    assert bool(said) == bool(expected)


def test_noise_is_measured_by_hand() -> None:
    assert halves_differ(np.array([1.0, 1.0, 3.0, 3.0]), 50) == 3
    assert halves_differ(np.array([0.0, 0.0, 3.0, 3.0]), 50) == np.inf
    assert come_in_stretches(np.repeat([1.0, 9.0, 1.0], [90, 20, 90]) + np.linspace(0, 0.1, 200), 95)
    assert not come_in_stretches(CALLS, 95)


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("gate_timings")


@pytest.mark.parametrize(
    "noise",
    [
        "quiet",
        "calls of very different lengths",
        "outliers, up to 4 % of calls",
        "slow phases of 10 calls, up to 20 %",
        "slow phases of 50 calls, up to 20 %",
    ],
)
def test_at_most_5_of_100_gates_of_one_setting_on_a_disturbed_machine_are_false_alarms(
    noise: str, simulation: ModuleType
) -> None:
    assert simulation.outcomes(simulation.NOISES[noise], 200, 1.0, 2.0, 400, 0).slow <= 0.05


@pytest.mark.parametrize(
    ("noise", "calls"),
    [
        ("quiet", 200),
        ("calls of very different lengths", 200),
        ("outliers, up to 4 % of calls", 400),
        ("slow phases of 10 calls, up to 20 %", 400),
        ("slow phases of 50 calls, up to 20 %", 1_000),
    ],
)
def test_twice_as_slow_is_found_in_four_of_five_gates(noise: str, calls: int, simulation: ModuleType) -> None:
    assert simulation.outcomes(simulation.NOISES[noise], calls, 2.0, 1.5, 200, 1).slow >= 0.8
