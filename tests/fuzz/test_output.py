"""Names of the characters that media act on: every medium shows them, and so do the files of a gate and a report."""

import csv
import json
from itertools import count
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from evalkit.config.compose import compose
from evalkit.reports.data.report import make_report
from evalkit.reports.views.html import html_page
from evalkit.reports.views.markdown import markdown
from tests.fuzz.rule import Ending, ended, fuzz
from tests.hostile import (
    CHECKS,
    PAYLOADS,
    ci_commands,
    is_formula,
    moves_the_cursor,
    page_of,
    sought,
    stated_cell,
    stated_line,
    tags,
    wrongly_shown,
)
from tests.reports.conftest import WriteRun, results, write_run  # noqa: F401  (fixtures)

PIECES = st.one_of(
    st.sampled_from(PAYLOADS),
    st.sampled_from(
        ["::", "##", "[", "]", "@", "#", "1", "a", " ", "\t", "\n", "\r", "\x1b", "\u202e", "\u2028", "\u200d"]
    ),
    st.sampled_from("<>&|`*_~\\$!%^:;.,-+={}()'\"/?"),
    st.sampled_from(["http:", "//", "www", "GH-", "SQ-", "deadbeef", "0123456", "<!--", "-->", "]]>"]),
    st.sampled_from(["語", "é", "\u0301", "😀", "\u200d"]),
    st.text(max_size=3),
)
NAMES = st.lists(PIECES, min_size=1, max_size=8).map("".join)
STORED = NAMES.filter(lambda name: not any("\ud800" <= c <= "\udfff" or c == "\0" for c in name))  # as Parquet can
NUMBERS = count()
CANARY = np.random.default_rng(0).normal(size=(12, 8))


@fuzz(whole=3_000, sample=40)
@given(NAMES)
def test_every_medium_shows_any_name(name: str) -> None:
    assert [found for check in CHECKS for found in wrongly_shown(check, [name])] == []


@pytest.fixture
def plain_gate(write_run: WriteRun, tmp_path: Path) -> Path:  # noqa: F811
    """The folder of a gate between runs of plain names."""
    called("gate", [stored(write_run, "plain", worse) for worse in (0.0, 0.2)], tmp_path / "plain")
    return tmp_path / "plain" / "gate"


@pytest.fixture
def plain_report(write_run: WriteRun, tmp_path: Path) -> Path:  # noqa: F811
    """The folder of a report on plain names, without its chart."""
    report = make_report(compose("report", [f"runs=['{stored(write_run, 'plain', 0.0)}']"]))
    (tmp_path / "index.md").write_text(markdown(report))
    (tmp_path / "index.html").write_text(html_page(report, "<svg></svg>"))
    return tmp_path


def stored(write: WriteRun, name: str, worse: float) -> Path:
    scores = [0.2 - worse, 0.4, 0.6 - worse, 0.9 - worse, 1.0 - worse, 0.5]
    queries = [f"{name}{i}" for i in range(len(scores))]
    settings = {name: {(64, name): scores}, "other": {(64, name): scores, (32, name): scores}}
    return write(
        f"run{next(NUMBERS)}",
        settings,
        model=f"org/{name.replace('/', '_')}",
        revision=f"r{name}",
        query_ids=queries,
        texts=dict.fromkeys(queries, name),
        runtime={"device": "cpu", "runtime": name},
        prompts={"query": name, "document": ""},
        timing={"seconds": 1.0, "cached": False},
        canary=CANARY,
    )


def called(command: str, runs: list[Path], folder: Path) -> Ending:
    baseline, candidate = (f"'{run}'" for run in runs)
    words = {
        "gate": ["gate", f"baseline={baseline}", f"candidate={candidate}", "resamples=200"],
        "report": ["report", f"runs=[{baseline}]"],
    }
    end = ended([*words[command], f"reports_dir={folder}"])
    assert end.code in (0, 1, 3), end
    for log in (end.out, end.err):
        assert ci_commands(log) == []
        assert moves_the_cursor(log) == []
    return end


def assert_page(hostile: Path, harmless: Path) -> None:
    page, plain = (page_of(file.read_text(encoding="utf-8")) for file in (hostile, harmless))
    assert tags(page) == tags(plain)
    assert list(sought(page)) == []


@fuzz(whole=120, sample=2)
@given(STORED)
def test_a_gate_shows_any_name(write_run: WriteRun, plain_gate: Path, tmp_path: Path, name: str) -> None:  # noqa: F811
    folder = tmp_path / f"gate{next(NUMBERS)}"
    called("gate", [stored(write_run, name, worse) for worse in (0.0, 0.2)], folder)
    assert_page(folder / "gate" / "gate.md", plain_gate / "gate.md")
    cases = ET.parse(folder / "gate" / "gate.junit.xml").getroot().iter("testcase")  # noqa: S314
    assert any(stated_line(name) in case.get("name", "") for case in cases)
    quality = json.loads((folder / "gate" / "gate.json").read_text(encoding="utf-8"))["quality"]
    assert {each["corpus"] for each in quality} == {name, "other"}


@fuzz(whole=20, sample=1)
@given(STORED)
def test_a_report_shows_any_name(write_run: WriteRun, plain_report: Path, tmp_path: Path, name: str) -> None:  # noqa: F811
    folder = tmp_path / f"report{next(NUMBERS)}"
    run = stored(write_run, name, 0.0)
    called("report", [run, run], folder)
    assert_page(folder / "index.md", plain_report / "index.md")
    page, plain = (BeautifulSoup((f / "index.html").read_text(), "html.parser") for f in (folder, plain_report))
    for chart in (*page.select(".static svg *"), *plain.select(".static svg *")):
        chart.extract()
    assert [tag.name for tag in page.find_all(True)] == [tag.name for tag in plain.find_all(True)]
    assert stated_line(name) in [option.get_text() for option in page.select("#scope option")]
    assert stated_line(name) in json.loads(page.select("#data")[0].get_text())["names"]["corpus"]
    ET.parse(folder / "index.svg")  # noqa: S314
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["corpus_name"].removeprefix("'") for row in rows} == {stated_cell(name).removeprefix("'"), "other"}
    assert [cell for row in rows for cell in row.values() if is_formula(cell)] == []
