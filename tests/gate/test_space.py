"""Documents' vectors say whether an index can stay; queries that changed are another matter, and so is silence."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config import GateConfig
from evalkit.config.compose import compose
from evalkit.gate import Verdict, decide
from evalkit.gate.changes import changes
from evalkit.gate.output import as_json
from evalkit.gate.pairing import pairs
from evalkit.gate.space import compare_spaces, not_checked_since
from evalkit.gate.words import space_sentence
from evalkit.results.reader import read_run, stored_runs
from tests.gate.conftest import MakeRun, unit

SCORES = np.random.default_rng(5).beta(2, 2, 200)
VECTORS = unit(60, 16)  # of 30 documents and 30 queries
OTHER_QUERIES = np.vstack([VECTORS[:30], unit(30, 16, seed=8)])
OTHER_DOCUMENTS = np.vstack([unit(30, 16, seed=8), VECTORS[30:]])


@pytest.fixture
def config() -> GateConfig:
    return compose("gate", ["baseline=x"])


def test_queries_that_changed_leave_the_index_of_use(make_run: MakeRun, config: GateConfig) -> None:
    baseline = make_run({(8, "x"): SCORES}, vectors=VECTORS)
    candidate = make_run({(8, "x"): SCORES}, vectors=OTHER_QUERIES, prompts={"query": "query: "})
    decision = decide(replace(config, require_same_space=True), baseline, candidate)
    (space,) = decision.spaces
    assert decision.verdict is Verdict.PASS
    assert (space.space, space.index_can_stay, space.alarm) == ("queries changed", True, "")
    assert (space.texts, space.query_texts) == (60, 30)
    assert space.smallest_cosine == pytest.approx(1, abs=1e-3)
    expected = (VECTORS[30:] * OTHER_QUERIES[30:]).sum(axis=1).min()
    assert space.smallest_query_cosine == pytest.approx(expected, abs=1e-3)
    assert "over 30 queries), vectors are comparable; queries changed, index stays;" in space_sentence(space)
    assert "no document must be re-embedded" in space_sentence(space)
    (stored,) = as_json(decision)["spaces"]
    assert (stored["space"], stored["index_can_stay"]) == ("queries changed", True)
    assert stored["smallest_query_cosine"] == space.smallest_query_cosine


def test_documents_that_changed_decide_though_queries_are_as_before(make_run: MakeRun, config: GateConfig) -> None:
    """Half of all texts have a cosine of 1: a mean over both sides would say that the space has drifted."""
    baseline = make_run({(8, "x"): SCORES}, vectors=VECTORS)
    (space,) = decide(config, baseline, make_run({(8, "x"): SCORES}, vectors=OTHER_DOCUMENTS)).spaces
    assert (space.space, space.index_can_stay) == ("different space", False)
    assert "vectors are not comparable: new queries find" in space_sentence(space)
    assert "the index must be rebuilt: it holds other vectors; all documents must be re-embedded" in space_sentence(
        space
    )


@pytest.mark.parametrize(
    ("vectors", "prompts", "alarming"),
    [
        (OTHER_QUERIES, {}, "other vectors for the same queries"),
        (OTHER_QUERIES, {"document": "p: "}, "other vectors for the same queries"),
        (OTHER_QUERIES, {"query": "q: "}, ""),
        (OTHER_DOCUMENTS, {}, "other vectors for the same texts"),
        (OTHER_DOCUMENTS, {"query": "q: "}, "other vectors for the same texts"),
        (OTHER_DOCUMENTS, {"document": "p: "}, ""),
        (VECTORS, {}, ""),
    ],
)
def test_the_alarm_is_of_vectors_that_changed_though_nothing_was_said_to(
    vectors: np.ndarray, prompts: dict[str, str], alarming: str, make_run: MakeRun, config: GateConfig
) -> None:
    baseline = make_run({(8, "x"): SCORES}, vectors=VECTORS)
    (space,) = decide(config, baseline, make_run({(8, "x"): SCORES}, vectors=vectors, prompts=prompts)).spaces
    assert alarming in space.alarm
    assert bool(space.alarm) == bool(alarming)


def test_another_query_prompt_of_a_real_model_lets_the_index_stay(tiny_run: list[str], tmp_path: Path) -> None:
    for prompt in ("", "query :"):
        assert main([*tiny_run, f"model.prompts.query='{prompt}'"]) == 0
    baseline, candidate = map(read_run, stored_runs(tmp_path / "results"))
    all_pairs, _ = pairs(baseline, candidate, ["corpus"])
    (space,) = compare_spaces(all_pairs, baseline, candidate)
    assert (space.space, space.alarm) == ("queries changed", "")
    assert changes(all_pairs, baseline, candidate) == ["query prompt '' → 'query :'"]
    assert space.smallest_cosine == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("passes", "day"),
    [
        ([(True, "2026-03-01T09:59:59+00:00")], "2026-03-01"),
        ([(True, "2026-03-01T10:00:00.001+00:00")], ""),
        ([(True, "2026-03-01T10:00:01+00:00"), (True, "2026-02-01T00:00:00+00:00")], "2026-02-01"),
        ([(False, "2026-03-01T10:00:00+00:00")], ""),  # made by this run; older ones kept whole seconds
        ([(True, None)], ""),
    ],
)
def test_what_was_asked_for_since_the_run_began_is_checked(
    passes: list[tuple[bool, str | None]], day: str, make_run: MakeRun
) -> None:
    run = make_run({(8, "x"): SCORES})
    run.about["created_at"] = "2026-03-01T10:00:00.001+00:00"
    run.about["embeddings"] = [
        {"corpus": "c", "side": "query", "cached": cached, **({"checked_at": at} if at else {})}
        for cached, at in passes
    ]
    assert not_checked_since(run, "c") == day
