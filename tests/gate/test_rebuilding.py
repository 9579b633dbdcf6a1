"""Three answers per corpus: are vectors comparable, must the index be rebuilt, must documents be re-embedded?"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evalkit.config import GateConfig
from evalkit.config.compose import compose
from evalkit.gate import Verdict, decide
from evalkit.gate.answer import what_to_do
from evalkit.gate.output import as_json
from evalkit.gate.words import space_sentence
from tests.gate.conftest import MakeRun, unit

SCORES = np.random.default_rng(5).beta(2, 2, 200)
VECTORS = unit(60, 16)  # of 30 documents and 30 queries
OTHER_QUERIES = np.vstack([VECTORS[:30], unit(30, 16, seed=8)])
OTHER_DOCUMENTS = np.vstack([unit(30, 16, seed=8), VECTORS[30:]])
FLAT, IVF = {"faiss": "{quantization}", "search": {}}, {"faiss": "IVF{nlist},{quantization}", "search": {}}
INDEX_OF = {"flat": FLAT, "ivf": IVF}
TWO_FACTORS = [{"x": {"faiss": "SQ8", "rescore": {"store": "float16", "factor": factor}}} for factor in (4, 8)]
TWO_STORES = [{"x": {"faiss": "SQ8", "rescore": {"store": store, "factor": 4}}} for store in ("float16", "int8")]
WIDER_SEARCH = {"flat": {**FLAT, "search": {"efSearch": [64, 128]}}}
YES, NO, UNKNOWN = True, False, None


def cell(dims: int | None = 8, quantization: str = "x", **options: Any) -> dict[str, Any]:
    return {"scores": {(dims, quantization): SCORES}, "vectors": VECTORS, "config": {"index": INDEX_OF}, **options}


# what changed: the candidate, are vectors comparable, is the index rebuilt, are documents re-embedded, what to do
CHANGED: Mapping[str, tuple[dict[str, Any], bool | None, bool | None, bool | None, str]] = {
    "nothing": (cell(), YES, NO, NO, "ship; the index stays"),
    "query prompt": (
        cell(vectors=OTHER_QUERIES, prompts={"query": "q: "}),
        *(YES, NO, NO, "ship; queries changed, index stays"),
    ),
    "document prompt": (
        cell(vectors=OTHER_DOCUMENTS, prompts={"document": "p: "}),
        *(NO, YES, YES, "ship; re-embed all documents and rebuild the index"),
    ),
    "dims": (cell(4), YES, YES, NO, "ship; rebuild the index, no document must be re-embedded"),
    "quantization": (cell(8, "binary"), YES, YES, NO, "ship; rebuild the index, no document must be re-embedded"),
    "index": (cell(index="ivf"), YES, YES, NO, "ship; rebuild the index, no document must be re-embedded"),
    "engine": (cell(engine="pgvector"), YES, YES, NO, "ship; rebuild the index, no document must be re-embedded"),
    "operating point": (cell(operating_point="efSearch=128"), YES, NO, NO, "ship; the index stays"),
    "how it is searched": (cell(config={"index": WIDER_SEARCH}), YES, NO, NO, "ship; the index stays"),
    "settings of the index": (
        cell(config={"index": {"flat": IVF}}),
        *(YES, YES, NO, "ship; rebuild the index, no document must be re-embedded"),
    ),
    "stages": (cell(stages="bm25"), YES, NO, NO, "ship; the index stays"),
    "chunking": (
        cell(chunking="tokens(size=8, overlap=0)"),
        *(YES, YES, YES, "ship; re-embed all documents and rebuild the index"),
    ),
    "model": (
        cell(vectors=unit(60, 16, seed=3), model="n"),
        *(NO, YES, YES, "ship; re-embed all documents and rebuild the index"),
    ),
    "model of another width": (
        cell(16, vectors=unit(60, 24), model="n"),
        *(NO, YES, YES, "ship; re-embed all documents and rebuild the index"),
    ),
    "model without vectors": (
        cell(None, "none", vectors=np.empty((0, 0)), model="bm25", engine="bm25s", index="bm25"),
        *(NO, YES, NO, "ship; rebuild the index, no document must be re-embedded"),
    ),
    "model and dims": (
        cell(4, vectors=unit(60, 16, seed=3), model="n"),
        *(NO, YES, YES, "ship; re-embed all documents and rebuild the index"),
    ),
    "nothing in common": (
        cell(vectors=np.empty((0, 0))),
        *(UNKNOWN, UNKNOWN, UNKNOWN, "ship; whether the index can stay is not known"),
    ),
}


@pytest.fixture
def config() -> GateConfig:
    return compose("gate", ["baseline=x", "match=[corpus]", "limits=null"])


@pytest.mark.parametrize("what", CHANGED)
def test_each_change_has_its_three_answers(what: str, make_run: MakeRun, config: GateConfig) -> None:
    candidate, comparable, rebuilt, reembedded, to_do = CHANGED[what]
    decision = decide(config, make_run(**cell()), make_run(**candidate))
    (space,) = decision.spaces
    answers = (space.vectors_comparable, space.index_must_be_rebuilt, space.documents_must_be_reembedded)
    assert answers == (comparable, rebuilt, reembedded)
    assert space.index_can_stay is (rebuilt is False)
    assert what_to_do(decision) == to_do
    (stored,) = as_json(decision)["spaces"]
    assert {**stored, "index_can_stay": space.index_can_stay} == stored
    assert tuple(stored[name] for name in ("vectors_comparable", "index_must_be_rebuilt")) == answers[:2]
    strict = decide(replace(config, require_same_space=True), make_run(**cell()), make_run(**candidate))
    assert strict.verdict is (Verdict.PASS if rebuilt is False else Verdict.REGRESSION)


@pytest.mark.parametrize(("settings", "rebuilt"), [(TWO_FACTORS, NO), (TWO_STORES, YES)])
def test_a_finer_copy_is_part_of_the_index_and_how_many_it_orders_is_not(
    settings: list[dict[str, Any]], rebuilt: bool, make_run: MakeRun, config: GateConfig
) -> None:
    baseline, candidate = (make_run(**cell(config={"quantization": each})) for each in settings)
    (space,) = decide(config, baseline, candidate).spaces
    assert (space.index_must_be_rebuilt, space.documents_must_be_reembedded) == (rebuilt, NO)


def test_what_it_takes_is_that_of_the_workload(make_run: MakeRun, config: GateConfig) -> None:
    """By hand: 2,000,000 documents at 100 a second are 20,000 s; 2,400 s of a machine at $0.03 an hour are $0.02."""
    figures = {"build_seconds_at_workload": 2_400.0, "cost_embed_once_usd": 2.22, "documents_per_second": 100.0}
    priced = {"index": INDEX_OF, "pricing": {"usd_per_hour": 0.03}, "workload": {"documents": 2_000_000}}
    narrower = make_run(**cell(4, figures=figures, config=priced))
    decision = decide(config, make_run(**cell()), narrower)
    (space,) = decision.spaces
    assert (space.rebuild_seconds_at_workload, space.rebuild_usd) == (2_400.0, pytest.approx(0.02))
    assert (space.reembed_seconds_at_workload, space.reembed_usd) == (20_000.0, 2.22)
    to_do = "ship; rebuild the index (40 min, $0.02 for 2 M documents), no document must be re-embedded"
    assert what_to_do(decision) == to_do
    assert "must be re-embedded if its full-precision vectors were kept" in space_sentence(space)
    assert "else all must (5.6 h, $2.22 for 2 M documents)" in space_sentence(space)
    other = make_run(**cell(4, vectors=unit(60, 16, seed=3), model="n", figures=figures, config=priced))
    assert what_to_do(decide(config, make_run(**cell()), other)) == (
        "ship; re-embed all documents (5.6 h, $2.22 for 2 M documents) "
        "and rebuild the index (40 min, $0.02 for 2 M documents)"
    )


def test_what_is_not_known_is_null_with_the_reason(make_run: MakeRun, config: GateConfig) -> None:
    figures = dict.fromkeys(("build_seconds_at_workload", "cost_embed_once_usd", "documents_per_second"))
    unmeasured = {"build_seconds_at_workload": "a graph takes longer than at_workload_seconds"}
    (space,) = decide(config, make_run(**cell()), make_run(**cell(4, figures=figures, unmeasured=unmeasured))).spaces
    costs = (space.rebuild_seconds_at_workload, space.rebuild_usd, space.reembed_seconds_at_workload, space.reembed_usd)
    assert costs == (None,) * 4
    assert set(space.not_known) == {
        "rebuild_seconds_at_workload",
        "rebuild_usd",
        "reembed_seconds_at_workload",
        "reembed_usd",
    }
    assert space.not_known["rebuild_seconds_at_workload"] == unmeasured["build_seconds_at_workload"]
    assert all(space.not_known.values())


def test_words_alone_have_no_vectors_to_speak_of(make_run: MakeRun, config: GateConfig) -> None:
    words = make_run(**cell(None, "none", vectors=np.empty((0, 0)), engine="bm25s", index="bm25"))
    decision = decide(config, words, words)
    assert (decision.spaces, what_to_do(decision)) == ((), "ship")
