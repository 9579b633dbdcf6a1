"""Which points answer each other, by what their queries are grouped, and what can't be compared."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from evalkit.composing import compose
from evalkit.config import GateConfig
from evalkit.gate import Verdict, decide
from evalkit.gate.pairing import NotComparableError, clusters_of
from tests.gate.conftest import MakeRun

QUERIES = ("q1", "q2", "q3")
SCORES = np.random.default_rng(5).beta(2, 2, 200)


@pytest.fixture
def config() -> GateConfig:
    return compose("gate", ["baseline=x"])


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("aab", "xyz", "aab"), ([None] * 3, "xyz", "xyz"), ([None] * 3, [None] * 3, None)],
)
def test_a_pair_is_clustered_as_the_baseline_was_or_else_as_the_candidate(
    before: Sequence[str | None], after: Sequence[str | None], expected: str | None
) -> None:
    frames = (pd.DataFrame({"query_id": QUERIES, "cluster": list(names)}) for names in (before, after))
    clusters = clusters_of(*frames)
    assert (None if clusters is None else dict(clusters)) == (expected and dict(zip(QUERIES, expected, strict=True)))


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
