"""Stages and engines tell settings apart: by their names in the label, and by what decides their scores."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from evalkit.config import ReportConfig
from evalkit.config.compose import compose
from evalkit.reports.data.gather import gather
from evalkit.reports.data.identity import index_meaning, stage_keys
from evalkit.results.version1 import upgraded_config
from tests.reports.conftest import WriteRun, noisy

Config = Callable[..., ReportConfig]
ONE = {"c": {(64, "float32"): noisy(0.5)}}
OTHER = {"c": {(64, "float32"): noisy(0.7)}}


def stages(**minilm: Any) -> dict[str, Any]:
    words = {"kind": "bm25", "name": "bm25", "options": {"k1": 1.5, "b": 0.75}, "path": None, "prompts": {"query": ""}}
    reranker = {"kind": "cross_encoder", "name": "org/minilm", "revision": "r", "depth": 50, "licence": None, **minilm}
    return {"stages": {"bm25": {"kind": "fusion", "model": words}, "minilm": reranker}}


def test_a_stage_differs_by_what_decides_its_scores(write_run: WriteRun, config: Config) -> None:
    """Whatever the depth: it is in the label, as the key of the stage is."""
    scored: dict[str, Any] = {"stages": "bm25+minilm(depth=50)", "operating_point": "efSearch=64", "index": "hnsw"}
    write_run("a", ONE, **scored, run_config=stages())
    write_run("b", OTHER, **scored, run_config=stages(depth=20, licence="mit"))
    assert gather(config()).points["index"].tolist() == ["hnsw(efSearch=64)+bm25+minilm(depth=50)"]
    write_run("c", ONE, **scored, run_config=stages(revision="s"))
    write_run("d", ONE, **{**scored, "stages": "bm25"}, run_config=stages(revision="s"))
    assert sorted(gather(config()).points["index"]) == [
        "hnsw(efSearch=64)+bm25",
        "hnsw(efSearch=64)+bm25+minilm(depth=50) · minilm revision r",
        "hnsw(efSearch=64)+bm25+minilm(depth=50) · minilm revision s",
    ]


@pytest.mark.parametrize(
    ("stages", "keys"),
    [
        ("", []),
        ("bm25", ["bm25"]),
        ("bm25+minilm(depth=50)", ["bm25", "minilm"]),
        ("minilm(depth=50)+bm25", ["minilm", "bm25"]),
        ("a+b(depth=1)+bm25", ["a+b", "bm25"]),
        ("bm25-own", ["bm25-own"]),
        ("gone(depth=1)+bm25", ["bm25"]),
    ],
)
def test_stages_are_known_by_their_keys(stages: str, keys: list[str]) -> None:
    assert list(stage_keys(stages, dict.fromkeys(("bm25", "bm25-own", "minilm", "a", "a+b")))) == keys


def test_another_engine_is_another_setting(write_run: WriteRun, config: Config) -> None:
    write_run("a", ONE)
    write_run("b", OTHER, engine="pgvector")
    assert gather(config()).points["index"].tolist() == ["flat", "pgvector flat"]


def test_stages_of_older_runs_are_those_of_today() -> None:
    """A ranking that was fused and re-ordered by version 1 is one setting with what the same config makes today."""
    today = asdict(compose("run", ["model=minilm", "stages=[bm25,minilm]"]))
    reranker = {name: value for name, value in today["stages"]["minilm"].items() if value is not None}
    older = upgraded_config({"model": {"name": "m", "fuse": "bm25"}, "reranker": reranker})
    point = {"index": "flat", "stages": "bm25+minilm(depth=50)"}
    meanings = [index_meaning({"config": {"stages": config["stages"]}}, point) for config in (today, older)]
    assert meanings[0] == meanings[1]
    assert "bm25 model options b" in meanings[0]
