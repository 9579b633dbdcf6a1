"""Every measured figure that is better one way or the other can be plotted, ranked by, and read in the CSV."""

import csv
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evalkit.config import ReportConfig
from evalkit.errors import UserError
from evalkit.reports.data.report import check, make_report
from evalkit.reports.views.files import write_files
from evalkit.results.columns import DIRECTED, FIGURES
from evalkit.results.headings import heading
from tests.reports.conftest import WriteRun, noisy

Config = Callable[..., ReportConfig]
SCORES = {"c": {(64, "float32"): noisy(0.5), (32, "float32"): noisy(0.4)}}
WITHOUT_STAGE = [name for name in DIRECTED if name.startswith("rerank_")]


class Options(HTMLParser):
    """The titles of a page's options by their text, and of the heads of its tables."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.titles: dict[str, str] = {}
        self.title: str | None = None
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.title = dict(attributes).get("title") if tag in ("option", "th") else None

    def handle_data(self, data: str) -> None:
        if self.title is not None:
            self.titles.setdefault(data, self.title)


def test_every_directed_figure_is_an_axis_a_cost_and_a_column(
    write_run: WriteRun, config: Config, tmp_path: Path
) -> None:
    write_run("a", SCORES, figures=lambda corpus, cell: dict.fromkeys(FIGURES, cell[0]))
    report = make_report(config())
    page = write_files(report, tmp_path / "reports")
    titles = Options(page).titles
    with page.with_suffix(".csv").open(newline="") as file:
        columns = set(csv.DictReader(file).fieldnames or ())
    for name, figure in DIRECTED.items():
        assert titles[heading(name)] == figure.about
        assert name in columns
        by_figure = replace(report, config=replace(report.config, cost=name))
        check(by_figure.config)
        assert by_figure.front.any()
    better_and_dearer = replace(report, config=replace(report.config, cost="rerank_ms_p95"))
    assert better_and_dearer.front.tolist() == [True, True]
    better_and_quicker = replace(report, config=replace(report.config, cost="load_queries_per_second_8"))
    assert better_and_quicker.front.tolist() == [True, False]


def test_a_figure_that_no_run_has_is_no_axis_and_refused_with_the_nearest_that_one_has(
    write_run: WriteRun, config: Config, tmp_path: Path
) -> None:
    write_run("a", SCORES)
    titles = Options(write_files(make_report(config()), tmp_path / "reports")).titles
    assert not set(map(heading, WITHOUT_STAGE)) & set(titles)
    with pytest.raises(UserError, match=r"no run has measured search_ms_p99\.\n.*Did you mean 'search_ms_p95'"):
        make_report(config("cost=search_ms_p99"))
    with pytest.raises(UserError, match="better side"):
        make_report(config("cost=training_vectors"))


def test_a_figure_that_is_null_everywhere_makes_an_empty_front_and_no_error(
    write_run: WriteRun, config: Config, tmp_path: Path
) -> None:
    write_run("a", SCORES, figures=lambda corpus, cell: {"load_ms_p95_8": None})
    report = make_report(config("cost=load_ms_p95_8"))
    write_files(report, tmp_path / "reports")
    assert not report.front.any()
    assert "query under load, p95, 8 clients" in (tmp_path / "reports" / "index.md").read_text()


def test_points_without_vectors_have_no_dims_in_any_file(write_run: WriteRun, config: Config, tmp_path: Path) -> None:
    write_run("words", {"c": {(None, "none"): noisy(0.6)}}, model="bm25", engine="bm25s", index="bm25")
    write_run("vectors", SCORES)
    page = write_files(make_report(config()), tmp_path / "reports")
    (row,) = [line for line in page.with_suffix(".md").read_text().splitlines() if line.startswith("| BM25 |")]
    assert row.startswith("| BM25 | – | – | BM25 | 0.6")
    with page.with_suffix(".csv").open(newline="") as file:
        dims = {row["model"]: (row["dims"], row["quantization_name"]) for row in csv.DictReader(file)}
    assert dims == {"bm25": ("", "none"), "m": ("32", "float32")}
    assert "0 dims" not in page.with_suffix(".svg").read_text()
    assert '"dims":[64,32,null]' in page.read_text()
