"""Exports name a point by its setting, whatever it has: files of other tools, one per point."""

import json
from pathlib import Path

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


@pytest.fixture
def run(tmp_path: Path) -> StoredRun:
    """One point of vectors behind a graph with a stage, one of another engine, and one without vectors."""
    searched = (
        *((8, "int8", "faiss", "hnsw", "efSearch=64", "bm25"), (8, "int8", "pgvector", "hnsw", "efSearch=64", "")),
        (None, "none", "bm25s", "bm25", "", ""),
    )
    with RunWriter(tmp_path, "run", save_rankings=True) as writer:
        corpus = {"name": "colours", "fingerprint": "f", "documents": 3}
        passes = ({"corpus": "colours", "side": "document", "seconds": 1.5, "texts": 3, "runtime": {}},)
        writer.add(CorpusRecord({"name": "org/m", "revision": "r"}, corpus, (), passes, ()))
        for number, search in enumerate(searched):
            setting = Setting("retrieval", "org/m", "r", "", "colours", "f", "none", *search, 100, 10)
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
