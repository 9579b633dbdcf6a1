"""Which points answer each other, and what can't be compared."""

from dataclasses import replace

import numpy as np
import pytest

from evalkit.config import GateConfig
from evalkit.config.compose import compose
from evalkit.gate import Verdict, decide
from evalkit.gate.comment import markdown
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
    assert "lacks 7 of the baseline's 8 points: corpus=c dims=9 quantization=x engine=faiss index=flat; " in str(
        refused.value
    )
    assert "dims=15" not in str(refused.value)
    assert "allow_missing=true" in str(refused.value)
    decision = decide(replace(config, allow_missing=True), baseline, candidate)
    assert decision.verdict is Verdict.PASS
    assert len(decision.unpaired) == 8


def test_points_that_only_the_candidate_has_are_a_note(make_run: MakeRun, config: GateConfig) -> None:
    decision = decide(config, make_run({(8, "x"): SCORES}), make_run({(8, "x"): SCORES, (8, "y"): SCORES}))
    assert decision.verdict is Verdict.PASS
    assert decision.unpaired == ("candidate corpus=c dims=8 quantization=y engine=faiss index=flat",)


def test_an_index_goes_with_its_operating_point_and_stages(make_run: MakeRun, config: GateConfig) -> None:
    baseline = make_run({(8, "x"): SCORES}, operating_point="efSearch=64", stages="bm25")
    across = replace(config, match=["corpus", "quantization", "index"])
    candidate = make_run({(16, "x"): SCORES}, operating_point="efSearch=64", stages="bm25")
    assert [q.pair for q in decide(across, baseline, candidate).quality] == ["c 8 → 16 x flat(efSearch=64)+bm25"]
    for elsewhere in ({"operating_point": "efSearch=16", "stages": "bm25"}, {"operating_point": "efSearch=64"}):
        with pytest.raises(NotComparableError, match="no point of the candidate answers"):
            decide(across, baseline, make_run({(16, "x"): SCORES}, **elsewhere))


def test_two_engines_are_compared_where_match_leaves_the_engine_out(make_run: MakeRun, config: GateConfig) -> None:
    baseline, candidate = make_run({(8, "x"): SCORES}), make_run({(8, "x"): SCORES}, engine="pgvector")
    with pytest.raises(NotComparableError, match="engine=faiss index=flat"):
        decide(config, baseline, candidate)
    decision = decide(replace(config, match=["corpus", "dims", "quantization", "index"]), baseline, candidate)
    assert [q.pair for q in decision.quality] == ["c 8 x flat → pgvector flat"]


def test_a_point_without_vectors_has_neither_dims_nor_quantization_in_its_name(
    make_run: MakeRun, config: GateConfig
) -> None:
    words = make_run({(None, "none"): SCORES}, engine="bm25s")
    assert [q.pair for q in decide(config, words, words).quality] == ["c flat"]
    across = replace(config, match=["corpus"])
    assert [q.pair for q in decide(across, words, make_run({(8, "x"): SCORES})).quality] == ["c – → 8 – → x flat"]


def test_several_partners_are_refused_with_what_they_differ_in(make_run: MakeRun, config: GateConfig) -> None:
    across = replace(config, match=["corpus", "index"])
    with pytest.raises(NotComparableError, match="more than one point answers") as refused:
        decide(across, make_run({(8, "x"): SCORES}), make_run({(8, "x"): SCORES, (16, "y"): SCORES}))
    assert "They differ in dims, quantization: add a key to match" in refused.value.hint


def test_what_pairs_differ_in_beside_their_names_is_a_note(make_run: MakeRun, config: GateConfig) -> None:
    baseline = make_run({(8, "x"): SCORES, (16, "x"): SCORES})
    candidate = make_run({(8, "x"): SCORES, (16, "x"): SCORES}, model="n", chunking="tokens(size=8, overlap=0)")
    decision = decide(config, baseline, candidate)
    assert decision.differences == ("model: m → n", "chunking: none → tokens(size=8, overlap=0)")
    assert decision.changes == ("model m → n", "chunking none → tokens(size=8, overlap=0)")
    assert "differs from run1 in model m → n; chunking none → tokens" in markdown(decision)
    assert decide(config, baseline, baseline).differences == ()


def test_two_versions_of_an_engine_are_compared_and_both_are_named(make_run: MakeRun, config: GateConfig) -> None:
    of_database = {"engine": "pgvector", "index": "hnsw", "operating_point": "ef_search=40"}
    before, after = (
        make_run({(8, "x"): SCORES}, engine_version=version, **of_database)
        for version in ("pgvector 0.8.0, PostgreSQL 17.2", "pgvector 0.8.5, PostgreSQL 18.4")
    )
    decision = decide(config, before, after)
    assert [q.pair for q in decision.quality] == ["c 8 x pgvector hnsw(ef_search=40)"]
    named = "engine version pgvector 0.8.0, PostgreSQL 17.2 → pgvector 0.8.5, PostgreSQL 18.4"
    assert decision.changes == (named,)
    assert named in markdown(decision)


@pytest.mark.parametrize("versions", [("1", "1"), ("", "1"), ("1", "")])
def test_versions_that_are_the_same_or_not_known_are_no_change(
    make_run: MakeRun, config: GateConfig, versions: tuple[str, str]
) -> None:
    before, after = (make_run({(8, "x"): SCORES}, engine_version=version) for version in versions)
    assert decide(config, before, after).changes == ()
