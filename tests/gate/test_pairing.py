"""Which points answer each other, and what can't be compared."""

from dataclasses import replace

import numpy as np
import pytest

from evalkit.config import GateConfig
from evalkit.config.compose import compose
from evalkit.gate import Verdict, decide
from evalkit.gate.pairing import NotComparableError
from tests.gate.conftest import MakeRun

SCORES = np.random.default_rng(5).beta(2, 2, 200)


@pytest.fixture
def config() -> GateConfig:
    return compose("gate", ["baseline=x"])


def test_points_and_corpora_that_the_candidate_lacks_are_not_comparable_unless_allowed(
    make_run: MakeRun, config: GateConfig
) -> None:
    baseline = make_run({(dims, "x"): SCORES for dims in range(8, 16)})
    candidate = make_run({(8, "x"): SCORES, (8, "y"): SCORES})
    with pytest.raises(NotComparableError) as refused:
        decide(config, baseline, candidate)
    assert "lacks 7 of the baseline's 8 points: corpus=c dims=9 quantization=x index=flat; " in str(refused.value)
    assert "dims=15" not in str(refused.value)
    assert "allow_missing=true" in str(refused.value)
    decision = decide(replace(config, allow_missing=True), baseline, candidate)
    assert decision.verdict is Verdict.PASS
    assert len(decision.unpaired) == 8


def test_points_that_only_the_candidate_has_are_a_note(make_run: MakeRun, config: GateConfig) -> None:
    decision = decide(config, make_run({(8, "x"): SCORES}), make_run({(8, "x"): SCORES, (8, "y"): SCORES}))
    assert decision.verdict is Verdict.PASS
    assert decision.unpaired == ("candidate corpus=c dims=8 quantization=y index=flat",)
