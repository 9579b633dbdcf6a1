"""Engines are one more axis of a report: told apart in every view, and the cheapest is sought across them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.config import IndexConfig, ReportConfig
from evalkit.reports.data.gather import gather
from evalkit.reports.data.quality import certainty
from evalkit.reports.data.report import make_report
from evalkit.reports.views.files import write_files
from evalkit.reports.views.tables import heats
from tests.reports.conftest import Cell, WriteRun, noisy

Config = Callable[..., ReportConfig]
CELL = (64, "float32")
SCORES = {"c": {CELL: noisy(0.7, 200)}}
BY_ENGINE = {"faiss": 512.0, "pgvector": 2_048.0, "qdrant": 128.0}


def bytes_of(engine: str) -> Callable[[str, Cell], Mapping[str, Any]]:
    each = BY_ENGINE[engine]
    return lambda corpus, cell: {
        "bytes_per_vector": each,
        "bytes_per_document": each,
        "index_bytes": int(1_000 * each),
    }


def write_engines(write_run: WriteRun) -> None:
    for engine in BY_ENGINE:
        write_run(engine, SCORES, engine=engine, figures=bytes_of(engine))


def test_the_cheapest_as_good_is_sought_across_engines(write_run: WriteRun, config: Config) -> None:
    write_engines(write_run)
    report = make_report(config("cost=bytes_per_vector"))
    assert report.gathered.points["index"].tolist() == ["flat", "pgvector flat", "qdrant flat"]
    assert "qdrant flat" in report.sentence.answer


def test_every_view_names_the_engines(write_run: WriteRun, config: Config, tmp_path: Path) -> None:
    write_engines(write_run)
    folder = tmp_path / "report"
    write_files(make_report(config()), folder)
    written = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    texts = {name: text.decode() for name, text in written.items() if name.endswith((".html", ".md", ".csv"))}
    assert {Path(name).suffix for name in texts} == {".html", ".md", ".csv"}
    for name, text in texts.items():
        assert "qdrant flat" in text, name
        assert "pgvector flat" in text or name.endswith(".md"), name  # which has what is worth its cost alone


def test_one_heat_map_has_every_engine(write_run: WriteRun, config: Config) -> None:
    """One that lacks a cell has a dash there."""
    write_run("faiss", {"c": {CELL: noisy(0.7, 200), (32, "int8"): noisy(0.5, 200)}})
    write_run("qdrant", SCORES, engine="qdrant")
    (heat,) = heats(make_report(config()))
    assert heat["columns"] == ["float32", "int8"]
    cells = {
        (index["name"], row["dims"]): [cell and cell["text"] for cell in row["cells"]]
        for index in heat["indexes"]
        for row in index["rows"]
    }
    assert list(cells) == [("exact", 32), ("exact", 64), ("qdrant flat", 64)]
    assert cells["exact", 32][0] is None and cells["exact", 64][1] is None
    assert cells["qdrant flat", 64] == [cells["exact", 64][0], None]


def test_two_versions_of_an_engine_are_one_setting_and_options_tell_two(write_run: WriteRun, config: Config) -> None:
    """The key of a database's index has its engine before it."""
    index = asdict(IndexConfig(engine="pgvector", options={"m": 16}))
    for name, m in (("a", 16), ("b", 16), ("c", 32)):
        settings = {**index, "options": {"m": m}, "url": f"postgresql://{name}", "timeout_seconds": float(m)}
        stored = {"index": {"pgvector_hnsw": settings}}
        write_run(name, SCORES, engine="pgvector", index="hnsw", run_config=stored)
    names = ["pgvector hnsw · options m 16", "pgvector hnsw · options m 32"]
    assert sorted(gather(config()).points["index"].unique()) == names


def test_a_run_from_before_databases_is_one_with_a_run_of_today(write_run: WriteRun, config: Config) -> None:
    older = {"faiss": "{quantization}", "binary": "{quantization}", "nlist": None, "search": {}, "build_threads": None}
    for name, settings in (("a", older), ("b", asdict(IndexConfig(faiss="{quantization}")))):
        write_run(name, SCORES, run_config={"index": {"flat": settings}})
    assert gather(config()).points["index"].unique().tolist() == ["flat"]


def test_versions_of_an_engine_are_named(write_run: WriteRun, config: Config) -> None:
    """Whether they are of two settings, or the newer one counts instead of the older."""
    for name, version, cell in (("a", "0.8.3", CELL), ("b", "0.8.4", CELL), ("c", "0.8.5", (32, "float32"))):
        write_run(name, {"c": {cell: noisy(0.7)}}, engine="pgvector", engine_version=version)
    warnings = make_report(config()).warnings
    assert "pgvector searched in 0.8.3 then, and in 0.8.4 now." in warnings
    assert "pgvector: points are from 2 versions: 0.8.4; 0.8.5." in warnings


def test_one_version_is_not_worth_a_line(write_run: WriteRun, config: Config) -> None:
    for name, engine, cell in (("a", "pgvector", CELL), ("b", "pgvector", CELL), ("c", "faiss", CELL)):
        write_run(name, {"c": {cell: noisy(0.7)}}, engine=engine, engine_version=f"{engine} 1")
    write_run("old", {"c": {(None, "none"): noisy(0.7)}}, engine="bm25s", engine_version="")
    assert [line for line in make_report(config()).warnings if "version" in line or "searched" in line] == []


def test_what_is_not_proven_answers_nothing_and_its_reason_is_said(write_run: WriteRun, config: Config) -> None:
    write_run("a", {"c": {CELL: noisy(0.7)}})
    reason = "searches without the index: Seq Scan"
    write_run("b", {"c": {CELL: noisy(0.7)}}, engine="pgvector", index="hnsw", unproven=reason)
    report = make_report(config())
    unproven = int(report.table.index[report.table["index"] == "pgvector hnsw"][0])
    assert report.table.loc[unproven, ["cost_month_usd", "query_ms_p95_at_workload", "nDCG@10"]].isna().all()
    assert {answer.row for answer in report.answers} == {1 - unproven}
    assert (report.quality.others, report.quality.alike(0.05), bool(report.front[unproven])) == (0, 0, False)
    line = f"Not ranked, as without nDCG@10: m · 64 dims · float32 · pgvector hnsw on c: {reason}."
    assert line in report.warnings


def test_without_a_judged_query_nothing_is_known_of_a_mean() -> None:
    nothing = certainty(np.array([0.9, 0.8]), [np.empty((2, 0))], 0.05)
    assert np.isnan([*nothing.low, *nothing.high, *nothing.p_as_good]).all()
    assert (nothing.alike(0.05), nothing.compared) == (0, 0)
