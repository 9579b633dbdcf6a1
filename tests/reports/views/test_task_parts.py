"""The page and the Markdown of runs with several tasks, and exports and lists of what searches nothing."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import ReportConfig
from evalkit.reports.data.one_run import judged_alone
from evalkit.reports.data.report import Report, make_report
from evalkit.reports.views.files import write_files
from evalkit.reports.views.notebook import run_html
from evalkit.reports.views.task_parts import part_headers, part_rows, share_words, uses_rows
from evalkit.results.exports import export_mteb, export_trec
from evalkit.results.listing import listed
from evalkit.results.reader import read_run
from tests.reports.conftest import WriteRun, noisy

Config = Callable[..., ReportConfig]
CELLS = ((64, "float32"), (64, "int8"), (32, "int8"))
NAMES = ("64 dims · float32", "64 dims · int8", "32 dims · int8")


def sized(_: str, cell: tuple[int, str]) -> dict[str, Any]:
    return {"bytes_per_vector": cell[0] * (4.0 if cell[1] == "float32" else 1.0), "threshold": 0.7 + cell[0] / 1000}


@pytest.fixture
def runs(write_run: WriteRun) -> tuple[Path, Path]:
    """A run of pairs and one of classification, of the same model."""
    values = {cell: noisy(0.7 - number / 37, seed=number) for number, cell in enumerate(CELLS)}
    rights = {cell: (scores > 0.6).astype(float) for cell, scores in values.items()}
    pairs = write_run("pairs", {"sts": values}, task="pairs", measure="spearman", figures=sized)
    texts = {"q0": "<b>&"}
    run = {"texts": texts, "task": "classification", "measure": "accuracy", "figures": sized}
    return pairs, write_run("texts", {"bank": rights}, **run)


@pytest.fixture
def report(runs: tuple[Path, Path], config: Config) -> Report:
    assert len(runs) == 2
    return make_report(config())


def test_a_part_has_a_row_for_each_setting_with_intervals_and_thresholds(report: Report) -> None:
    (part,) = report.others
    assert part_headers(part) == ["setting", "accuracy", "threshold", "size per vector, B"]
    rows = {cells[0]: cells[1:] for cells in part_rows(part)}
    assert set(rows) == {f"m · {name}" for name in NAMES}
    quality, row = part.quality, 1
    expected = f"{quality.mean[row]:.4f} ({quality.low[row]:.3f} – {quality.high[row]:.3f})"
    assert rows[f"m · {NAMES[row]}"] == [expected, "0.7640", "64"]


def test_the_page_and_the_markdown_have_every_task_and_what_each_use_keeps(report: Report, tmp_path: Path) -> None:
    page = write_files(report, tmp_path / "out").read_text(encoding="utf-8")
    markdown = (tmp_path / "out" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r'<h2 id="task-(\w+)">(\w+)</h2>', page) == [("classification", "Classification")]
    assert '<h2 id="uses-title">What each use keeps</h2>' in page
    for heading in ("## What each use keeps", "## Classification"):
        assert heading in markdown.splitlines()
    (uses,) = report.uses
    for cell in next(iter(uses_rows(uses))):
        assert cell in markdown
    csv = (tmp_path / "out" / "index.csv").read_text(encoding="utf-8").splitlines()
    assert len(csv) == 1 + 2 * len(CELLS)
    assert page.count("<svg") >= 2


def test_a_share_that_was_not_measured_is_a_dash() -> None:
    assert share_words(None) == "–"


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium (apt-get install chromium)")
@pytest.mark.parametrize("task", ["pairs", "classification"])
def test_the_browser_says_of_a_task_what_python_says(
    runs: tuple[Path, Path], config: Config, tmp_path: Path, task: str
) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    assert len(runs) == 2
    report = make_report(config(f"task={task}"))
    page_file = write_files(report, tmp_path / task)
    flags = ["--headless", "--no-sandbox", "--disable-gpu"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), headless=True, args=flags)
        page = browser.new_page(viewport={"width": 390, "height": 800})
        heard: list[str] = []
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.goto(page_file.as_uri(), timeout=300_000)
        assert page.locator("#answer").text_content() == report.sentence.answer
        assert page.locator("#how-sure").text_content() == report.sentence.how_sure
        said = page.evaluate("answers(rowsLeft(rows())).map(answer => words(answer, rowsLeft(rows())))")
        assert said == [vars(report.words(answer)) for answer in report.answers]
        page.locator("[data-limit=bytes_per_vector]").fill("64")
        assert page.locator("#answer").text_content().startswith("Use m at 64 dims, int8: the best quality")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert heard == []
        browser.close()


def test_what_searches_nothing_is_listed_shown_and_exported(runs: tuple[Path, Path], tmp_path: Path) -> None:
    pairs, texts = (read_run(folder) for folder in runs)
    best = {run.name: (run.measure, run.best) for run in listed(runs[0].parent)}
    assert best["pairs"] == ("spearman", {"sts": pytest.approx(0.7, abs=0.02)})
    judged = judged_alone(texts)
    assert judged.sentence.answer.startswith("Use m at 64 dims")
    assert len(judged.intervals) == len(CELLS)
    html = run_html(pairs, judged.sentence)
    assert "spearman" in html
    assert html.count("<tr>") == 1 + len(CELLS)
    assert list(export_trec(pairs, tmp_path / "trec")) == []
    files = list(export_mteb(pairs, tmp_path / "mteb"))
    scores = [json.loads(file.read_text(encoding="utf-8"))["scores"]["test"][0] for file in files]
    assert [score["main_score"] for score in scores] == [score["spearman"] for score in scores]
    assert np.allclose(sorted(score["main_score"] for score in scores), [0.646, 0.673, 0.7], atol=0.02)
