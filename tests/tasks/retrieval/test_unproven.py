"""What can't be shown to be in use has no figure, behind a stage neither; the rest of its run is as good as ever."""

from pathlib import Path

from evalkit.__main__ import main
from evalkit.reports.data.one_run import report_of_run
from evalkit.results.reader import read_run, rows_by_point, stored_runs
from evalkit.results.setting import KEY, label_of

REASON = "full_scan_threshold"


def test_an_index_that_is_not_used_has_no_quality_behind_a_stage_either(tiny_run: list[str], tmp_path: Path) -> None:
    """Qdrant compares all vectors of a segment below its threshold, whatever graph it was told to make."""
    unused = ["index=[flat,qdrant_hnsw]", "index.qdrant_hnsw.options.full_scan_threshold=10000"]
    small = ["index.qdrant_hnsw.search.ef=[16]", "runtime.latency_calls=5", "at_workload_seconds=0"]
    assert main([*tiny_run, *unused, *small, "stages=bm25"]) == 0
    run = read_run(stored_runs(tmp_path / "results")[-1])
    measures = run.about["config"]["measures"]
    of_engine = {name: [p for p in run.about["points"] if p["engine"] == name] for name in ("faiss", "qdrant")}
    assert [len(points) for points in of_engine.values()] == [2, 2]
    for point in of_engine["qdrant"]:
        figures = [name for name in run.points() if point.get(name) is None]
        assert {*measures, "search_ms_p95", "index_bytes", "cost_month_usd"} <= set(figures)
        assert (point["queries"], point["laws"]) == (0, {})
        assert REASON in point["unmeasured"][measures[0]]
    for table in (run.table("queries"), run.rankings()):
        assert {row[-1] for row in rows_by_point(table)} == {"", "bm25"}
        assert {row[KEY.index("engine")] for row in rows_by_point(table)} == {"faiss"}
    assert main(["export", f"results_dir={tmp_path / 'results'}", f"output_dir={tmp_path / 'exports'}"]) == 0
    assert len(list((tmp_path / "exports").rglob("*.run"))) == 2
    assert len([file for file in (tmp_path / "exports").rglob("*.json") if "model_meta" not in file.name]) == 2
    assert set(map(label_of, of_engine["faiss"])) == {
        label_of(point) for point in run.about["points"] if point[measures[0]] is not None
    }
    report = report_of_run(run)
    assert report.quality.compared == 1  # the two of FAISS with each other
    assert sum(REASON in line for line in report.warnings) == 1
