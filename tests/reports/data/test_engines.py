"""Engines are one more axis of a report: told apart in every view, and the cheapest is sought across them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalkit.config import IndexConfig, ReportConfig
from evalkit.reports.data.gather import gather
from evalkit.reports.data.report import make_report
from evalkit.reports.views.files import write_files
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
