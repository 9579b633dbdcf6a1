"""Any figure that is better one way or the other can have a limit; what was not measured is said with its reason."""

from dataclasses import replace

import numpy as np
import pytest

from evalkit.config import GateConfig
from evalkit.config.compose import compose
from evalkit.gate import Verdict, decide
from evalkit.results.columns import DIRECTED
from tests.gate.conftest import MakeRun

SCORES = np.random.default_rng(5).beta(2, 2, 200)
CALLS = np.random.default_rng(1).permutation(np.linspace(0.5, 1.5, 1_000))  # as many as p99 needs


@pytest.fixture
def limited() -> GateConfig:
    return replace(compose("gate", ["baseline=x"]), limits=dict.fromkeys(DIRECTED, 1.5))


def test_every_directed_figure_can_be_limited(make_run: MakeRun, limited: GateConfig) -> None:
    baseline = make_run({(8, "x"): SCORES}, figures=dict.fromkeys(DIRECTED, 4.0), latencies_ms=CALLS)
    worse = {name: 2.0 if figure.higher_is_better else 8.0 for name, figure in DIRECTED.items()}
    candidate = make_run({(8, "x"): SCORES}, figures=worse, latencies_ms=CALLS * 2)
    results = decide(limited, baseline, candidate).resources
    assert {result.column: result.worsening for result in results} == dict.fromkeys(DIRECTED, 2.0)
    assert all(result.exceeds for result in results)
    assert {result.column for result in results if result.p is not None} == {
        n for n, f in DIRECTED.items() if f.samples
    }
    assert decide(limited, candidate, baseline).verdict is Verdict.PASS


def test_what_was_not_measured_is_said_with_the_reason(make_run: MakeRun, limited: GateConfig) -> None:
    measured = make_run({(8, "x"): SCORES}, figures=dict.fromkeys(DIRECTED, 4.0), latencies_ms=CALLS)
    reasons = {"rerank_ms_p95": "the stage was not timed"}
    lacking = make_run({(8, "x"): SCORES}, figures=dict.fromkeys(DIRECTED), unmeasured=reasons)
    decision = decide(limited, measured, lacking)
    said = {result.column: result.not_compared for result in decision.resources}
    assert decision.verdict is Verdict.PASS
    for name, figure in DIRECTED.items():
        expected = reasons.get(name) or figure.why_null or "its run does not have this figure"
        assert said[name] == f"not measured in the candidate: {expected}"
