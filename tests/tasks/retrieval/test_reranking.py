"""The last stage: a cross-encoder's own scores, in the order that they say, with what they take."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config import RuntimeConfig
from evalkit.measures.ranking import Ranking, tie_order
from evalkit.rerankers.cross_encoder import CrossEncoder
from evalkit.results.reader import StoredRun, read_run, stored_runs
from evalkit.results.setting import index_label
from evalkit.tasks.retrieval.reranking import reordered
from tests.conftest import ROOT

TORCH = RuntimeConfig(kind="torch", device="cpu", precision="float32")


@pytest.fixture
def reranked_run(tiny_run: list[str], tiny_reranker: Path) -> list[str]:
    return [*tiny_run, "stages=local", f"stages.local.path={tiny_reranker}", "stages.local.depth=4"]


def run(arguments: list[str], tmp_path: Path) -> StoredRun:
    assert main(arguments) == 0
    return read_run(stored_runs(tmp_path / "results")[-1])


def test_the_first_documents_are_re_ordered_and_those_behind_stay() -> None:
    ranking = Ranking(np.array([[4, 2, 0, 1, 3], [1, 0, -1, -1, -1]]), np.zeros((2, 5), dtype=np.float32))
    scores = np.array([[0.5, 2.0, 2.0], [-3.0, -1.0, -np.inf]], dtype=np.float32)
    found = reordered(ranking, scores, tie_order(["d0", "d1", "d2", "d3", "d4"]))
    assert found.rows.tolist() == [[2, 0, 4, 1, 3], [0, 1, -1, -1, -1]]  # of equal scores the higher id
    assert found.scores[0].tolist() == [2.0, 2.0, 0.5, -1.0, -2.0]
    assert found.scores[1].tolist() == [-1.0, -3.0, -np.inf, -np.inf, -np.inf]


def test_every_point_is_there_twice_and_the_second_is_in_the_models_order(
    reranked_run: list[str], tiny_reranker: Path, colours: Path, tmp_path: Path
) -> None:
    import sentence_transformers

    found = run([*reranked_run, "quantization=[float32,binary]"], tmp_path)
    name = "flat+local(depth=4)"
    settings = [(p["quantization"], index_label(p)) for p in found.about["points"]]
    assert settings == [("float32", "flat"), ("float32", name), ("binary", "flat"), ("binary", name)]
    texts = {r["_id"]: r["text"] for r in map(json.loads, (colours / "corpus.jsonl").read_text().splitlines())}
    queries = {r["_id"]: r["text"] for r in map(json.loads, (colours / "queries.jsonl").read_text().splitlines())}
    model = sentence_transformers.CrossEncoder(str(tiny_reranker), device="cpu")
    rankings = found.rankings()
    rankings["label"] = rankings["index"] + rankings["stages"].map(lambda stages: f"+{stages}" if stages else "")
    for quantization in ("float32", "binary"):
        of_setting = rankings[rankings["quantization"] == quantization]
        for query, text in queries.items():
            alone, after = (
                of_setting[(of_setting["label"] == index) & (of_setting["query_id"] == query)]["document_id"].tolist()
                for index in ("flat", name)
            )
            best_first = model.rank(text, [texts[d] for d in alone[:4]])
            assert after[:4] == [alone[each["corpus_id"]] for each in best_first]
            assert after[4:] == alone[4:]


def test_what_it_takes_is_added_to_the_search(reranked_run: list[str], tmp_path: Path) -> None:
    found = run([*reranked_run, "at_workload_seconds=0.05"], tmp_path)
    alone, after = found.about["points"]
    assert found.about["models"][0]["stages"]["local(depth=4)"]["weights"].startswith("sha256:")
    assert after["metric"] == "cross_encoder"
    assert after["rerank_ms_p50"] > 0
    assert after["rerank_truncated"] == 0
    assert after["search_ms_p50"] > alone["search_ms_p50"]
    assert after["query_ms_p50"] > after["rerank_ms_p50"]
    assert after["search_queries_per_second"] < alone["search_queries_per_second"]
    assert after["cost_queries_month_usd"] > alone["cost_queries_month_usd"]
    for statistic in ("mean", "p50", "p95"):
        added = after[f"search_ms_{statistic}_at_workload"] - alone[f"search_ms_{statistic}_at_workload"]
        assert added == pytest.approx(after[f"rerank_ms_{statistic}"], rel=0.2)  # beside a deeper search
    assert after["bytes_per_document"] == alone["bytes_per_document"]
    assert (after["overlap@10"], "no search of vectors" in after["unmeasured"]["overlap@10"]) == (None, True)
    assert [name for name, value in after.items() if value is None and name not in after["unmeasured"]] == []
    latencies = found.latencies()
    assert len(latencies[latencies["stages"] == after["stages"]]) == len(latencies) / 2


def test_no_pair_is_read_twice(
    reranked_run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run([*reranked_run, "dims=[16,32]"], tmp_path)
    monkeypatch.setattr(CrossEncoder, "score", lambda *_: pytest.fail("a pair was read again"))
    again = run([*reranked_run, "dims=[16,32]"], tmp_path)
    for column in ("nDCG@10", "rerank_ms_p50", "rerank_ms_p99"):
        assert first.points()[column].equals(again.points()[column])
    assert "from an earlier run" in again.about["points"][1]["unmeasured"]["search_peak_rss_bytes"]


def test_the_last_stage_is_there_for_bm25_and_for_fused_rankings(reranked_run: list[str], tmp_path: Path) -> None:
    fused = run([*reranked_run, "stages=[bm25,local]"], tmp_path)
    suffix = "+local(depth=4)"
    labels = [index_label(point) for point in fused.about["points"]]
    assert labels == ["flat", "flat+bm25", f"flat{suffix}", f"flat+bm25{suffix}"]
    of_words = [a for a in reranked_run if not a.startswith("model")]
    lexical = run(["model=bm25", *of_words], tmp_path)
    assert [index_label(p) for p in lexical.about["points"]] == ["bm25", f"bm25{suffix}"]
    assert lexical.about["points"][1]["R@10"] == lexical.about["points"][0]["R@10"]


def test_a_killed_run_goes_on_where_it_stopped(reranked_run: list[str], tmp_path: Path) -> None:
    slow = (
        "import sys, time; from evalkit.rerankers import cross_encoder as c; from evalkit.__main__ import main\n"
        "score = c.CrossEncoder.score\n"
        "c.CrossEncoder.score = lambda *a: (time.sleep(0.3), score(*a))[1]\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    process = subprocess.Popen([sys.executable, "-c", slow, *reranked_run], cwd=ROOT, env=dict(os.environ))
    deadline = time.monotonic() + 60
    while scored(tmp_path) < 8 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = scored(tmp_path)
    assert before % 4 == 0
    assert 8 <= before < 24
    run(reranked_run, tmp_path)
    assert scored(tmp_path) == 24


def scored(tmp_path: Path) -> int:
    files = list((tmp_path / "store").glob("reranker-*.sqlite"))
    try:
        return sqlite3.connect(files[0]).execute("select count(*) from scores").fetchone()[0] if files else 0
    except sqlite3.OperationalError:
        return 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["stages=local", "stages.local.depth=5"], "stages.local.path is not set"),
        (
            ["stages=local", "stages.local.depth=5", "stages.local.path=missing"],
            "stages.local.path=missing is no folder",
        ),
        (["stages=minilm", "stages.minilm.depth=50"], "depth=50 looks deeper than top_k=10.*top_k=50"),
        (["stages=minilm", "stages.minilm.depth=5"], "ms-marco-MiniLM-L6-v2 is neither in the hub's cache"),
        (["stages=minilm", "stages.minilm.depth=5", "stages.minilm.kind=crossencoder"], "Did you mean 'cross_encoder'"),
        (["stages=mini"], "Did you mean 'minilm'"),
        (["stages.minilm.depth=5"], "stages.minilm is set, but stages=minilm is not chosen"),
    ],
)
def test_a_reranker_that_can_not_be_is_said(
    tiny_run: list[str], settings: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*tiny_run, *settings]) == 2
    message = capsys.readouterr().err
    assert re.search(said, message, re.DOTALL), message
    assert not list(tmp_path.glob("store/*/vectors.npy"))  # said before anything is encoded


def test_a_damaged_file_of_scores_is_said(
    reranked_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(reranked_run, tmp_path)
    (file,) = (tmp_path / "store").glob("reranker-*.sqlite")
    file.write_bytes(b"no database" * 500)
    assert main(reranked_run) == 2
    assert "can't be used: file is not a database" in capsys.readouterr().err
