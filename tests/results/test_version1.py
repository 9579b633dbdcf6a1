"""Runs of version 1 read as if they had been written today: the same figures, under today's settings."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.gate import decide
from evalkit.measures.ranking import Ranking
from evalkit.results.columns import FIGURES
from evalkit.results.reader import StoredRun, read_run, rows_by_point, stored_runs
from evalkit.results.record import POINT_FACTS, Canary, CorpusRecord, Point, PointRecord
from evalkit.results.setting import COLUMNS, Setting, key_of, label_of
from evalkit.results.version1 import upgraded_point
from evalkit.results.writer import RunWriter
from tests.conftest import ROOT

EXAMPLES = stored_runs(ROOT / "results" / "examples")
BM25, CHUNKED = (next(run for run in EXAMPLES if part in run.name) for part in ("bm25", "bef9b0"))
STORED_KEY = ["corpus", "dims", "quantization", "index"]
NO_RANKING = Ranking(np.zeros((0, 0), np.int64), np.zeros((0, 0), np.float32))
MINILM = {"kind": "cross_encoder", "name": "cross-encoder/ms-marco-MiniLM-L6-v2", "depth": 50}
LOCAL = {"kind": "cross_encoder", "name": "", "path": "my-reranker", "depth": 20}


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_every_figure_of_the_example_runs_is_what_was_stored(folder: Path) -> None:
    stored, run = json.loads((folder / "run.json").read_text()), read_run(folder)
    assert run.is_version1
    for before, after in zip(stored["points"], run.about["points"], strict=True):
        renamed = {"dims", "index"}
        assert {name: after[name] for name in before if name not in renamed} == {
            name: value for name, value in before.items() if name not in renamed
        }
        assert after["dims"] == (before["dims"] or None)
        assert set(COLUMNS) <= set(after)
    assert len({key_of(point) for point in run.about["points"]}) == len(stored["points"])


@pytest.mark.parametrize("table", ["queries", "latencies"])
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_tables_of_the_example_runs_belong_to_the_points_that_they_did(folder: Path, table: str) -> None:
    stored, run = json.loads((folder / "run.json").read_text()), read_run(folder)
    old = dict(iter(pd.read_parquet(folder / f"{table}.parquet").groupby(STORED_KEY, sort=False)))
    for frame in (run.table(table), run.table(table, ("quantization", "index", "corpus"))):
        rows = rows_by_point(frame)
        values = frame.select_dtypes("float").to_numpy()
        assert len(rows) == len(old) == len(stored["points"])
        for before, after in zip(stored["points"], run.about["points"], strict=True):
            expected = old[tuple(before[name] for name in STORED_KEY)].select_dtypes("float").to_numpy()
            assert np.array_equal(values[rows[key_of(after)]], expected, equal_nan=True)


def point(index: str, dims: int = 256, **more: Any) -> dict[str, Any]:
    setting = {"model": "m", "revision": "r", "corpus": "c", "corpus_fingerprint": "f", "dims": dims, "top_k": 100}
    return {**setting, "quantization": "int8", "index": index, "nDCG@10": 0.5, **more}


@pytest.mark.parametrize(
    ("index", "indexes", "reranker", "expected"),
    [
        ("flat", ["flat"], None, ("flat", "", "")),
        ("hnsw(efSearch=16)", ["hnsw"], None, ("hnsw", "efSearch=16", "")),
        ("hnsw(efSearch=16, candidates=40)", ["hnsw"], None, ("hnsw", "efSearch=16, candidates=40", "")),
        ("flat(candidates=20)", ["flat"], None, ("flat", "candidates=20", "")),
        ("flat+bm25", ["flat"], None, ("flat", "", "bm25")),
        ("flat+ms-marco-MiniLM-L6-v2(depth=50)", ["flat"], MINILM, ("flat", "", "minilm(depth=50)")),
        (
            "hnsw(efSearch=64)+bm25+ms-marco-MiniLM-L6-v2(depth=50)",
            ["hnsw", "flat"],
            MINILM,
            ("hnsw", "efSearch=64", "bm25+minilm(depth=50)"),
        ),
        ("flat+(depth=20)", ["flat"], LOCAL, ("flat", "", "local(depth=20)")),
        ("flat+bm25+(depth=20)", ["flat"], LOCAL, ("flat", "", "bm25+local(depth=20)")),
        ("my(fast)", ["my(fast)", "my"], None, ("my(fast)", "", "")),
        ("my+own(nprobe=8)+bm25", ["my", "my+own"], None, ("my+own", "nprobe=8", "bm25")),
        ("hnsw2(efSearch=8)", ["hnsw", "hnsw2"], None, ("hnsw2", "efSearch=8", "")),
        ("gone(efSearch=8)+bm25", [], None, ("gone", "efSearch=8", "bm25")),
    ],
)
def test_an_index_falls_into_index_operating_point_and_stages(
    index: str, indexes: list[str], reranker: dict[str, Any] | None, expected: tuple[str, str, str]
) -> None:
    upgraded = upgraded_point(point(index), {"index": {key: {} for key in indexes}, "reranker": reranker})
    assert (upgraded["index"], upgraded["operating_point"], upgraded["stages"]) == expected
    assert (upgraded["task"], upgraded["engine"]) == ("retrieval", "faiss")


def test_points_without_vectors_have_no_dims() -> None:
    upgraded = upgraded_point(point("bm25", dims=0, quantization="none"), {"index": {"flat": {}}})
    assert (upgraded["dims"], upgraded["engine"], upgraded["index"]) == (None, "bm25s", "bm25")
    assert label_of(upgraded) == "c bm25"
    reranked = upgraded_point(point("bm25+ms-marco-MiniLM-L6-v2(depth=50)", dims=0), {"reranker": MINILM})
    assert label_of(reranked) == "c bm25+minilm(depth=50)"


def test_a_quantizer_of_ones_own_is_no_engine_that_others_use() -> None:
    config = {"quantization": {"int8": {"_target_": "mine.Quantizer"}}}
    assert upgraded_point(point("flat"), config)["engine"] == "own"


def test_the_first_runs_served_all_of_top_k_and_kept_documents_whole() -> None:
    upgraded = upgraded_point(point("flat", bytes_per_vector=256.0), {})
    assert (upgraded["serve_k"], upgraded["chunking"]) == (100, "none")
    assert (upgraded["chunks_per_document"], upgraded["bytes_per_document"]) == (1.0, 256.0)


def write_version1(folder: Path, points: list[dict[str, Any]], config: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True)
    corpora = [{"name": "c", "fingerprint": "f", "documents": 9}]
    machine = {"packages": {}, "cpu": {"logical_cores": 2}, "ram_bytes": 9, "gpu": [], "threads": {}}
    head = {"environment": machine, "models": [{"name": "m", "revision": "r"}], "corpora": corpora, "embeddings": []}
    about = {"schema_version": 1, "config": {"measures": ["nDCG@10"], **config}, **head, "points": points}
    (folder / "run.json").write_text(json.dumps(about))
    return folder


def test_stages_take_the_place_of_fuse_and_reranker_in_the_config(tmp_path: Path) -> None:
    config = {"model": {"name": "m", "fuse": "bm25"}, "reranker": MINILM, "top_k": 50}
    run = read_run(write_version1(tmp_path / "run", [point("flat+bm25")], config))
    upgraded = run.about["config"]
    assert list(upgraded["stages"]) == ["bm25", "minilm"]
    assert upgraded["stages"]["bm25"]["model"]["options"] == {"language": "en", "k1": 1.5, "b": 0.75}
    assert upgraded["stages"]["minilm"] == MINILM
    assert (upgraded["model"], upgraded["serve_k"]) == ({"name": "m"}, 50)
    assert "reranker" not in upgraded
    assert run.stored_config["reranker"] == MINILM


@pytest.mark.parametrize(
    "points",
    [
        [{**point("flat"), "dims": "wide"}],
        [{"model": "m"}],
        [point("flat)(")],
        [7],
        7,
    ],
)
def test_a_damaged_run_is_one_line(points: Any, tmp_path: Path) -> None:
    folder = write_version1(tmp_path / "run", points, {})
    with pytest.raises(UserError, match=r"run\.json is damaged") as refused:
        read_run(folder)
    assert "\n" not in str(refused.value)


def test_a_damaged_table_is_one_line(tmp_path: Path) -> None:
    folder = write_version1(tmp_path / "run", [point("flat")], {})
    table = pd.DataFrame({"corpus": ["c"], "dims": [8], "quantization": ["x"], "index": ["flat)("]})
    table = table.assign(search_ms=1.0, encode_query_ms=1.0)
    table.to_parquet(folder / "latencies.parquet")
    with pytest.raises(UserError, match=r"latencies\.parquet can't be read: 'flat\)\(' is no index with its stages"):
        read_run(folder).latencies()


@pytest.mark.parametrize("folder", [BM25, CHUNKED], ids=["without vectors", "with vectors"])
def test_a_baseline_of_version_1_gates_a_run_of_today_as_it_gates_itself(folder: Path, tmp_path: Path) -> None:
    baseline = read_run(folder)
    candidate = read_run(written_today(baseline, tmp_path))
    assert not candidate.is_version1
    assert candidate.about["schema_version"] == 2
    assert [key_of(p) for p in candidate.about["points"]] == [key_of(p) for p in baseline.about["points"]]
    config = compose("gate", ["baseline=x", "measures=[nDCG@10,R@100]", "resamples=200"])
    itself, today = decide(config, baseline, baseline), decide(config, baseline, candidate)
    assert today.verdict == itself.verdict
    assert today.quality == itself.quality
    assert today.resources == itself.resources
    assert today.spaces == itself.spaces
    assert (today.unpaired, today.differences) == ((), ())


def written_today(run: StoredRun, results: Path) -> Path:
    """The same run, as RunWriter writes it."""
    about, canary = run.about, run.canary()
    tables = {name: run.table(name) for name in ("queries", "latencies")}
    rows = {name: rows_by_point(table) for name, table in tables.items()}
    with RunWriter(results, "today", save_rankings=False) as writer:
        for corpus in about["corpora"]:
            of_corpus = canary[canary["corpus"] == corpus["name"]]
            sides = [canary_of(of_corpus, corpus["name"], side) for side in ("document", "query")]
            passes = tuple(e for e in about["embeddings"] if e["corpus"] == corpus["name"])
            writer.add(CorpusRecord(about["models"][0], corpus, (), passes, tuple(sides)))
        for stored in about["points"]:
            queries, latencies = (tables[name].iloc[rows[name][key_of(stored)]] for name in ("queries", "latencies"))
            measures = about["config"]["measures"]
            setting = Setting(**{name: stored[name] for name in COLUMNS})
            facts = {name: stored.get(name, "") for name in POINT_FACTS}
            figures = {name: stored[name] for name in (*measures, *FIGURES) if name in stored}
            writer.add(
                PointRecord(
                    Point(setting, **facts, figures=figures, unmeasured=stored["unmeasured"], laws=stored["laws"]),
                    query_ids=tuple(queries["query_id"]),
                    per_query={name: queries[name].to_numpy() for name in measures},
                    first_relevant_rank=queries["first_relevant_rank"].to_numpy(),
                    latencies_ms={name: latencies[name].to_numpy() for name in ("search_ms", "encode_query_ms")},
                    ranking=NO_RANKING,
                    document_ids=(),
                    clusters=tuple(queries["cluster"]) if queries["cluster"].notna().all() else None,
                )
            )
        head = {name: about[name] for name in ("created_at", "finished", "config", "environment")}
        return writer.finish(head)


def canary_of(canary: pd.DataFrame, corpus: str, side: str) -> Canary:
    """Of a model without vectors it is empty."""
    texts = canary[canary["side"] == side]
    rows = [np.frombuffer(vector, dtype="<f2") for vector in texts["vector"]]
    vectors = np.stack(rows) if rows else np.empty((0, 0), dtype=np.float16)
    return Canary(corpus, side, tuple(texts["id"]), tuple(texts["text_sha256"]), vectors)
