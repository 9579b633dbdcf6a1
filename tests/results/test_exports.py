"""Exports name a point by its setting, whatever it has: files of other tools, one per point."""

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytrec_eval

from evalkit.measures.ranking import Ranking
from evalkit.results.exports import export_mteb, export_trec
from evalkit.results.reader import StoredRun, read_run
from evalkit.results.record import CorpusRecord, Point, PointRecord
from evalkit.results.setting import Setting
from evalkit.results.writer import RunWriter

RANKING = Ranking(np.array([[2, 0], [1, -1]]), np.array([[0.1, 0.1], [3.5, 0.0]], dtype=np.float32))


SEARCHED = (
    *((8, "int8", "faiss", "hnsw", "efSearch=64", "bm25"), (8, "int8", "pgvector", "hnsw", "efSearch=64", "")),
    (None, "none", "bm25s", "bm25", "", ""),
)


@pytest.fixture
def run(tmp_path: Path) -> StoredRun:
    """One point of vectors behind a graph with a stage, one of another engine, and one without vectors."""
    return written(tmp_path, [("colours", search) for search in SEARCHED])


def written(folder: Path, points: Sequence[tuple[str, tuple[Any, ...]]]) -> StoredRun:
    """A run of points by their corpus and what searched it, all with the same rankings."""
    with RunWriter(folder, "run", save_rankings=True) as writer:
        for name in dict.fromkeys(name for name, _ in points):
            corpus = {"name": name, "fingerprint": "f", "documents": 3}
            passes = ({"corpus": name, "side": "document", "seconds": 1.5, "texts": 3, "runtime": {}},)
            writer.add(CorpusRecord({"name": "org/m", "revision": "r"}, corpus, (), passes, ()))
        for number, (name, search) in enumerate(points):
            values: Any = (*search, 100, 10)
            setting = Setting("retrieval", "org/m", "r", "", name, "f", "none", *values)
            figures = {"nDCG@10": 0.25 * number}
            writer.add(
                PointRecord(
                    Point(setting, True, "inner_product", None, 2, "a machine", figures, {}),
                    query_ids=("q0", "q1"),
                    per_query={"nDCG@10": np.full(2, 0.25 * number)},
                    first_relevant_rank=np.ones(2, dtype=np.int64),
                    latencies_ms={"search_ms": np.ones(3)},
                    ranking=RANKING,
                    document_ids=("d0", "d1", "d2"),
                )
            )
        environment = {"packages": {}, "cpu": {"logical_cores": 2}, "ram_bytes": 1, "gpu": [], "threads": {}}
        about = {"finished": True, "config": {"measures": ["nDCG@10"]}, "environment": environment}
        return read_run(writer.finish(about))


def test_run_files_are_named_by_their_settings_and_hold_the_rankings(run: StoredRun, tmp_path: Path) -> None:
    files = list(export_trec(run, tmp_path / "trec"))
    assert [file.name for file in files] == [
        "colours.8.int8.hnsw_efSearch_64_+bm25.run",
        "colours.8.int8.pgvector_hnsw_efSearch_64_.run",
        "colours.bm25.run",
    ]
    for file in files:
        with file.open() as opened:
            assert pytrec_eval.parse_run(opened) == {
                "q0": {"d2": pytest.approx(0.1), "d0": pytest.approx(0.1)},
                "q1": {"d1": 3.5},
            }


def test_results_of_mteb_are_in_a_folder_per_setting(run: StoredRun, tmp_path: Path) -> None:
    files = list(export_mteb(run, tmp_path))
    assert [str(file.relative_to(tmp_path)) for file in files] == [
        "8.int8.hnsw_efSearch_64_+bm25/org__m/r/colours.json",
        "8.int8.pgvector_hnsw_efSearch_64_/org__m/r/colours.json",
        "bm25/org__m/r/colours.json",
    ]
    scores = [json.loads(file.read_text())["scores"]["test"][0]["ndcg_at_10"] for file in files]
    assert scores == [0.0, 0.25, 0.5]


def test_samples_and_enlarged_corpora_are_no_results_of_mteb(
    run: StoredRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample, enlarged, _ = run.about["points"]
    sample["corpus_size"] = "2"
    enlarged |= {"corpus_size": "5", "distractors": "shapes"}
    assert [file.parents[2].name for file in export_mteb(run, tmp_path)] == ["bm25"]
    (line,) = capsys.readouterr().err.splitlines()
    assert "mteb: 2 points of samples and enlarged corpora are left out" in line


NAMES = (
    *(
        "a b",
        "a_b",
        "A_b",
        "a/b",
        "a__b",
        "..",
        "...",
        "_",
        "con",
        "CON",
        "_con",
        "nul.8",
        "a\x00b",
        "a\nb",
        "é",
        "e\u0301",
    ),
    *("x" * 300, "x" * 301, "é" * 150, "a:b", "a b.", "-rf", "语料"),
)


def test_corpora_of_any_names_have_a_file_each_on_any_file_system(tmp_path: Path) -> None:
    run = written(tmp_path, [(name, SEARCHED[2]) for name in NAMES])
    for export in (export_trec, export_mteb):
        files = list(export(run, tmp_path / export.__name__))
        assert all(file.is_file() for file in files)
        paths = [str(file.relative_to(tmp_path / export.__name__)) for file in files]
        alike = [unicodedata.normalize("NFC", path).casefold() for path in paths]
        assert len(set(alike)) == len(NAMES)
        for file in files:
            assert ".." not in file.relative_to(tmp_path).parts
            assert len(file.name.encode()) <= 255 - len(".evalkit-0123456789ab.tmp")
            assert file.name.isprintable()
            assert not {" ", ":", "\\", "/"} & set(file.name)
            assert file.name.partition(".")[0].lower() not in ("con", "nul")
            assert list(file.parent.glob(".*")) == []
    tasks = {json.loads(file.read_text())["task_name"] for file in (tmp_path / "export_mteb").rglob("*.json")}
    assert tasks == set(NAMES)


def test_names_that_differ_stay_as_they_are_and_the_same_ones_each_time(tmp_path: Path) -> None:
    run = written(tmp_path, [(name, SEARCHED[2]) for name in ("a b", "a_b", "other")])
    names = [[file.name for file in export_trec(run, tmp_path / folder)] for folder in ("once", "again")]
    assert names[0] == names[1]
    assert names[0][2] == "other.bm25.run"
