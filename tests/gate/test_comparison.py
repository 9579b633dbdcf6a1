"""Two runs side by side: the gate's statistics in both directions, and what differs between the runs."""

from dataclasses import replace

import numpy as np
import pytest

from evalkit.config import CompareConfig
from evalkit.config.compose import compose
from evalkit.gate import decide
from evalkit.gate.comparison import compare, what_differs
from evalkit.gate.pairing import NotComparableError
from tests.gate.conftest import ENVIRONMENT, MakeRun

SCORES = np.random.default_rng(5).beta(2, 2, 200)
LOWER = np.clip(SCORES - 0.05, 0, 1)


@pytest.fixture
def config() -> CompareConfig:
    return compose("compare", [])


def test_a_difference_is_the_gates_with_an_interval_and_a_two_sided_p(make_run: MakeRun, config: CompareConfig) -> None:
    first, second = make_run({(8, "x"): SCORES}), make_run({(8, "x"): LOWER})
    (difference,) = compare(config, first, second).quality
    gate = compose("gate", ["baseline=x", "alpha=0.025"])
    (drop,) = decide(gate, first, second).quality
    assert difference.difference == pytest.approx(LOWER.mean() - SCORES.mean())
    assert (difference.low, difference.high) == (drop.evidence.low, drop.evidence.high)
    assert difference.low < difference.difference < difference.high < 0
    assert difference.p == pytest.approx(2 / 5_001)


def test_swapping_the_runs_changes_the_signs_alone(make_run: MakeRun, config: CompareConfig) -> None:
    noise = np.clip(SCORES + np.random.default_rng(1).normal(size=200) / 50, 0, 1)
    first, second = make_run({(8, "x"): SCORES, (8, "y"): SCORES}), make_run({(8, "x"): noise, (8, "y"): LOWER})
    there, back = compare(config, first, second).quality, compare(config, second, first).quality
    for one, other in zip(there, back, strict=True):
        assert one.difference == pytest.approx(-other.difference)
        assert one.p == pytest.approx(other.p)
        assert (one.wins, one.losses) == (other.losses, other.wins)


def test_equal_runs_show_no_difference(make_run: MakeRun, config: CompareConfig) -> None:
    comparison = compare(config, make_run({(8, "x"): SCORES}), make_run({(8, "x"): SCORES}))
    assert [(d.difference, d.p) for d in comparison.quality] == [(0, 1)]
    assert comparison.config == comparison.machine == {}


def test_points_that_one_run_alone_has_are_named_and_the_rest_compared(
    make_run: MakeRun, config: CompareConfig
) -> None:
    first, second = make_run({(8, "x"): SCORES, (8, "y"): SCORES}), make_run({(8, "x"): SCORES, (4, "x"): SCORES})
    comparison = compare(config, first, second)
    assert [d.setting for d in comparison.quality] == ["c 8 x flat"]
    assert comparison.alone == (
        "only in the first: corpus=c dims=8 quantization=y engine=faiss index=flat",
        "only in the second: corpus=c dims=4 quantization=x engine=faiss index=flat",
    )


def test_measures_are_those_of_both_runs(make_run: MakeRun, config: CompareConfig) -> None:
    first = make_run({(8, "x"): SCORES}, measures=["R@5", "nDCG@10"])
    second = make_run({(8, "x"): SCORES}, measures=["nDCG@10", "AP@10"])
    assert [d.measure for d in compare(config, first, second).quality] == ["nDCG@10"]
    third = make_run({(8, "x"): SCORES}, measures=["AP@10"])
    with pytest.raises(NotComparableError, match="no measure in common"):
        compare(config, first, third)
    with pytest.raises(NotComparableError, match=r"did not measure AP@10"):
        compare(replace(config, measures=["AP@10"]), first, second)


def test_what_differs_in_config_and_machine_is_named_and_timings_of_two_machines_are_not_compared(
    make_run: MakeRun, config: CompareConfig
) -> None:
    first = make_run({(8, "x"): SCORES}, workload={"documents": 5})
    other = {**ENVIRONMENT, "cpu": {**ENVIRONMENT["cpu"], "model": "another"}, "packages": {"faiss": "1.9"}}
    second = make_run({(8, "x"): SCORES}, environment=other, workload={"documents": 6})
    comparison = compare(config, first, second)
    assert comparison.config == {"workload.documents": (5, 6)}
    assert comparison.machine == {"cpu.model": ("a CPU", "another"), "packages.faiss": (None, "1.9")}
    by_column = {figure.column: figure.not_compared for figure in comparison.figures}
    assert by_column["query_ms_p95"] == "not compared: different hardware"
    assert by_column["bytes_per_document"].startswith("not measured")
    assert by_column["index_bytes"] == ""


def test_nested_settings_are_named_by_their_path() -> None:
    assert what_differs({"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"b": 1, "c": [2]}, "e": None}) == {
        "a.c": ([1], [2]),
        "d": (2, None),
    }
