"""A candidate that can't answer the baseline is refused by its config, before anything is evaluated."""

from typing import Any

import numpy as np
import pytest

from evalkit.config import GateConfig, RunConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.gate.decision import check
from evalkit.gate.early import check_candidate
from evalkit.gate.pairing import NotComparableError
from evalkit.results.reader import StoredRun
from tests.gate.conftest import MakeRun

SCORES = np.random.default_rng(5).beta(2, 2, 20)


@pytest.fixture
def baseline(make_run: MakeRun) -> StoredRun:
    return make_run({(256, "float32"): SCORES, (128, "float32"): SCORES})


def gate(*words: str) -> GateConfig:
    config: GateConfig = compose("gate", ["baseline=x", *words])
    return config


def candidate(*words: str) -> RunConfig:
    config: RunConfig = compose("run", ["model=minilm", "dims=[256,128]", *words])
    return config


@pytest.mark.parametrize(
    ("words", "of_gate"),
    [
        ([], []),
        (["dims=[256,128,64]"], []),
        (["dims=256"], ["allow_missing=true"]),
        (["dims=native", "model.native_dims=null"], []),  # only the model tells
        (["quantization=int8"], ["match=[corpus,dims,index]"]),
        (["stages=bm25"], []),
        (["dims=64"], ["match=[corpus,quantization]"]),
    ],
)
def test_a_candidate_that_may_answer_is_evaluated(words: list[str], of_gate: list[str], baseline: StoredRun) -> None:
    assert refusal(gate(*of_gate), baseline, candidate(*words)) is None


def refusal(config: GateConfig, baseline: StoredRun, run: RunConfig) -> Exception | None:
    """Why ``run`` is not evaluated; null where it is."""
    try:
        check_candidate(config, baseline, run)
    except (UserError, NotComparableError) as error:
        return error
    return None


@pytest.mark.parametrize(
    ("words", "of_gate", "problem", "hint"),
    [
        (
            ["dims=64"],
            [],
            "can't answer any point by match=[corpus,dims,quantization,engine,index]: it has dims=64 "
            "quantization=float32 engine=faiss index=flat, the baseline c 256 float32 flat; c 128 float32 flat",
            "as in match=[corpus,quantization,engine,index].",
        ),
        (["quantization=int8"], [], "can't answer any point", "as in match=[corpus,dims,engine,index]."),
        (["index=hnsw"], [], "can't answer any point", "as in match=[corpus,dims,quantization,engine]."),
        (
            ["dims=256"],
            [],
            "can't answer 1 of the baseline's 2 points",
            "or set allow_missing=true to compare the rest.",
        ),
        (
            ["quantization=[int8,binary]"],
            ["match=[corpus,dims,index]"],
            "several points would answer each of the baseline's: the candidate has quantization=int8,binary",
            "Give one of each, or add to match: corpus,dims,index,quantization.",
        ),
        ([], ["measures=[nDCG@20]"], "the baseline did not measure nDCG@20.", "Did you mean 'nDCG@10'?"),
    ],
)
def test_one_that_can_not_is_refused_with_what_would_do(
    words: list[str], of_gate: list[str], problem: str, hint: str, baseline: StoredRun
) -> None:
    with pytest.raises(NotComparableError) as refused:
        check_candidate(gate(*of_gate), baseline, candidate(*words))
    assert problem in refused.value.problem
    assert refused.value.hint.endswith(hint)


def test_words_alone_answer_no_vectors(baseline: StoredRun) -> None:
    words: RunConfig = compose("run", ["model=bm25"])
    with pytest.raises(NotComparableError, match="it has dims=None quantization=none"):
        check_candidate(gate(), baseline, words)
    with pytest.raises(NotComparableError, match="can't answer any point"):
        check_candidate(gate("match=[corpus,dims]"), baseline, words)
    assert refusal(gate("match=[corpus]"), baseline, words) is None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("match=[corpus,dim]", "match has the unknown key 'dim'"),
        ("+limits.speed=2", "limits has the unknown column 'speed'"),
        ("measures=[]", "leaves nothing to gate"),
        ("policy=strict", "policy=strict is unknown"),
    ],
)
def test_mistakes_of_the_gate_itself_need_no_run(words: str, expected: str) -> None:
    config: Any = gate(words)
    with pytest.raises(UserError, match=expected.replace("[", r"\[")):
        check(config)
