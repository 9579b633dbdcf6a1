"""A gate across engines, their versions and filters: who answers whom, what must be rebuilt, what is not compared."""

from typing import Any

import numpy as np
import pytest

from evalkit.config import GateConfig, RunConfig
from evalkit.config.compose import compose
from evalkit.gate import Verdict, decide
from evalkit.gate.answer import what_to_do
from evalkit.gate.comment import markdown
from evalkit.gate.comparison import compare
from evalkit.gate.early import check_candidate
from evalkit.gate.pairing import NotComparableError
from evalkit.gate.words import space_sentence
from evalkit.results.reader import StoredRun
from tests.gate.conftest import MakeRun

SCORES = np.random.default_rng(5).beta(2, 2, 60)
CELL = (8, "float32")
UNPROVEN = "searches without the index: Seq Scan"
GRAPH = {"engine": "pgvector", "index": "hnsw", "operating_point": "ef_search=40"}
TWO_ENGINES = "index=[flat,pgvector_hnsw]"
WITHOUT_ENGINE = "match=[corpus,quantization,index]"


def gate(*words: str) -> GateConfig:
    config: GateConfig = compose("gate", ["baseline=x", "limits=null", *words])
    return config


def candidate(*words: str) -> RunConfig:
    config: RunConfig = compose("run", ["model=minilm", "dims=8", *words])
    return config


def early_problem(config: GateConfig, baseline: StoredRun, run: RunConfig) -> str:
    """Why the run can't answer the baseline, told before it is made; empty where it can."""
    try:
        check_candidate(config, baseline, run)
    except NotComparableError as error:
        return error.problem
    return ""


def of_pgvector(**settings: Any) -> dict[str, Any]:
    return {"index": {"pgvector_hnsw": {"engine": "pgvector", "options": {"m": 16}, "url": None, **settings}}}


@pytest.mark.parametrize(
    ("index", "of_gate"),
    [("index=pgvector_hnsw", []), (TWO_ENGINES, []), (TWO_ENGINES, [WITHOUT_ENGINE])],
)
def test_an_index_of_a_database_answers_itself(make_run: MakeRun, index: str, of_gate: list[str]) -> None:
    """Its key has the engine before it, and points have not."""
    assert early_problem(gate(*of_gate), make_run({CELL: SCORES}, **GRAPH), candidate(index)) == ""


@pytest.mark.parametrize(
    ("index", "of_gate", "problem"),
    [
        ("index=hnsw", [], "it has dims=8 quantization=float32 engine=faiss index=hnsw, the baseline c 8 float32 pgv"),
        ("index=[hnsw,pgvector_ivfflat]", [], "can't answer any point"),  # each has one of the two
        ("index=[hnsw,pgvector_hnsw]", [WITHOUT_ENGINE], "the candidate has engine=faiss,pgvector, and"),
    ],
)
def test_another_engine_does_not_answer_unless_it_may(
    make_run: MakeRun, index: str, of_gate: list[str], problem: str
) -> None:
    assert problem in early_problem(gate(*of_gate), make_run({CELL: SCORES}, **GRAPH), candidate(index))


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({"options": {"m": 32}}, ("settings of index hnsw",)),
        ({"url": "http://127.0.0.1:1", "timeout_seconds": 9.0, "search": {"ef_search": [40, 80]}}, ()),
    ],
)
def test_what_a_database_builds_with_makes_another_index(
    make_run: MakeRun, settings: dict[str, Any], changes: tuple[str, ...]
) -> None:
    before = make_run({CELL: SCORES}, config=of_pgvector(timeout_seconds=60.0, search={"ef_search": [40]}), **GRAPH)
    after = make_run({CELL: SCORES}, config=of_pgvector(**{"timeout_seconds": 60.0, **settings}), **GRAPH)
    (space,) = decide(gate(), before, after).spaces
    assert space.index_changes == changes
    assert space.index_can_stay is not bool(changes)


def test_another_engine_is_an_upgrade_that_builds_its_index(make_run: MakeRun) -> None:
    of_faiss = {"index": {"hnsw": {"engine": "faiss", "faiss": "HNSW32"}}}
    before = make_run({CELL: SCORES}, index="hnsw", operating_point="efSearch=64", config=of_faiss)
    after = make_run({CELL: SCORES}, config=of_pgvector(), **GRAPH)
    decision = decide(gate("match=[corpus,dims,quantization]"), before, after)
    assert decision.verdict is Verdict.PASS
    assert decision.changes == ("engine faiss → pgvector", "operating point efSearch=64 → ef_search=40")
    assert decision.spaces[0].index_changes == ("engine faiss → pgvector",)
    assert what_to_do(decision) == "ship; rebuild the index, no document must be re-embedded"


def test_an_index_stays_in_another_version_of_its_engine_if_that_reads_it(make_run: MakeRun) -> None:
    """What was measured was built by the new version."""
    before, after = (make_run({CELL: SCORES}, engine_version=version, **GRAPH) for version in ("0.8.4", "0.8.5"))
    decision = decide(gate(), before, after)
    assert what_to_do(decision) == "ship; the index stays, if the new version of the engine reads it"
    assert "the old index can stay, if the new version of the engine reads it; no doc" in space_sentence(
        decision.spaces[0]
    )
    settings = compare(compose("compare", []), before, after).settings
    assert settings == ("engine version 0.8.4 → 0.8.5",)


def test_what_each_filter_leaves_is_compared_for_itself(make_run: MakeRun) -> None:
    """Under a filter other queries are judged, and under some none."""
    filters = {"lang=de": SCORES[:40], "lang=en": SCORES[:30], "lang=fr": ()}
    decision = decide(gate(), make_run({CELL: SCORES}, filters=filters), make_run({CELL: SCORES}, filters=filters))
    assert [(q.corpus, q.queries) for q in decision.quality] == [("c", 60), ("c · lang=de", 40), ("c · lang=en", 30)]
    assert decision.verdict is Verdict.PASS
    assert [line.partition(": ")[0] for line in decision.without_quality] == ["baseline c 8 float32 flat lang=fr"]
    assert "quality not compared: baseline c 8 float32 flat lang=fr: " in markdown(decision)


def test_a_loss_under_one_filter_is_a_regression(make_run: MakeRun) -> None:
    before = make_run({CELL: SCORES}, filters={"lang=de": SCORES[:40]})
    after = make_run({CELL: SCORES}, filters={"lang=de": np.zeros(40)})
    decision = decide(gate(), before, after)
    assert (decision.verdict, len(decision.reasons)) == (Verdict.REGRESSION, 1)
    assert decision.reasons[0].startswith("c 8 float32 flat lang=de: nDCG@10 dropped")


def test_a_candidate_that_is_not_proven_does_not_pass(make_run: MakeRun) -> None:
    before = make_run({CELL: SCORES, (4, "float32"): SCORES}, **GRAPH)
    lost = make_run({CELL: SCORES, (4, "float32"): ()}, unmeasured={"nDCG@10": UNPROVEN}, **GRAPH)
    with pytest.raises(NotComparableError, match=f"the candidate has no quality at 1 of .*{UNPROVEN}"):
        decide(gate(), before, lost)
    decision = decide(gate("allow_missing=true"), before, lost)
    assert decision.without_quality == (f"candidate c 4 float32 pgvector hnsw(ef_search=40): {UNPROVEN}",)
    alone = compare(compose("compare", []), before, lost).alone
    assert alone == (f"second c 4 float32 pgvector hnsw(ef_search=40): {UNPROVEN}",)


def test_runs_without_any_quality_are_not_comparable(make_run: MakeRun) -> None:
    run = make_run({CELL: ()}, unmeasured={"nDCG@10": UNPROVEN}, **GRAPH)
    with pytest.raises(NotComparableError, match=f"no pair of points has quality in both runs: .*{UNPROVEN}"):
        decide(gate(), run, run)
