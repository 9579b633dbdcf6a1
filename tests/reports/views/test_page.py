"""The page as a file: safe, self-contained, small, true to the runs; and the command that writes it."""

import base64
import csv
import errno
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evalkit.__main__ import main
from evalkit.config import ReportConfig
from evalkit.corpora.lint import Finding
from evalkit.formats.media import escape_controls, script_json
from evalkit.reports.data.report import make_report
from evalkit.reports.views.figures import rounded
from evalkit.reports.views.files import write_files
from evalkit.reports.views.html import SCRIPTS
from evalkit.reports.views.marks import SHAPES, marks, svg_path
from evalkit.system.files import writing
from tests.reports.conftest import WriteRun, noisy

Config = Callable[..., ReportConfig]
ROOT = Path(__file__).resolve().parents[3]
VENDOR = ROOT / "evalkit" / "reports" / "views" / "assets" / "vendor"
NASTY = "</script><script>alert('x')</script><img src=x onerror=alert(1)>\u2028$\\alpha$ & \"quoted\" | `code` [a](http://b)"


@pytest.fixture
def nasty_page(write_run: WriteRun, config: Config, tmp_path: Path) -> Path:
    """The page of a run whose every string tries to be markup, script or mathematics."""
    write_run(
        "a",
        {f"corpus {NASTY}": {(64, f"quantization {NASTY}"): noisy(0.5), (32, "int8"): noisy(0.4)}},
        model=f"org/model {NASTY}",
        texts={"q0": f"query {NASTY}"},
        lint=[Finding("check", 1, 2, f"lint {NASTY}", (NASTY,))],
        runtime={"device": "cpu", "runtime": NASTY},
    )
    return write_files(make_report(config()), tmp_path / "reports")


class Tags(HTMLParser):
    """Every tag with its attributes, and the text of script elements."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def test_nothing_from_data_becomes_markup_or_script(nasty_page: Path) -> None:
    found = Tags(nasty_page)
    assert not [attributes for _, attributes in found.tags if any(name.startswith("on") for name in attributes)]
    assert "img" not in {tag for tag, _ in found.tags}
    assert len(found.scripts) == 1 + len(SCRIPTS)
    assert json.loads(found.scripts[0])["names"]["quantization"] == [f"quantization {escape_controls(NASTY)}", "int8"]


def test_the_policy_allows_just_the_pages_own_scripts(nasty_page: Path) -> None:
    found = Tags(nasty_page)
    (policy,) = [a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy"]
    sums = {f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in found.scripts[1:]}
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts["default-src"] == "'none'"
    assert set(parts["script-src"].split()) == sums


def test_nothing_is_loaded_from_anywhere(nasty_page: Path) -> None:
    found = Tags(nasty_page)
    links = [
        (tag, a) for tag, a in found.tags for name in ("src", "href", "xlink:href", "data", "action") if a.get(name)
    ]
    assert [(tag, a) for tag, a in links if not str(a.get("xlink:href") or a.get("href")).startswith("#")] == []
    assert "@import" not in nasty_page.read_text()


def test_markdown_and_csv_hold_the_same_strings_safely(nasty_page: Path) -> None:
    text = nasty_page.with_suffix(".md").read_text()
    assert "<script>" not in text
    assert "<img" not in text
    assert "](http" not in text
    with nasty_page.with_suffix(".csv").open(newline="") as file:
        models = {row["model_name"] for row in csv.DictReader(file)}
    assert models == {escape_controls(f"org/model {NASTY}")}


def test_json_in_a_script_reads_back_and_cant_end_the_element() -> None:
    text = script_json({"</script>": ["<!--", "\u2028", "&", 1.5, None]})
    assert json.loads(text) == {"</script>": ["<!--", "\\u2028", "&", 1.5, None]}
    assert not set(text) & set("<>&\u2028")


def test_numbers_keep_seven_digits_and_what_is_unknown_is_null() -> None:
    assert rounded(np.array([1 / 3, np.nan, 2.0, 123456789.0])) == [0.3333333, None, 2, 123456800]


def test_the_csv_has_every_point_with_its_costs(write_run: WriteRun, config: Config, tmp_path: Path) -> None:
    write_run("a", {"x": {(64, "float32"): noisy(0.5), (32, "int8"): noisy(0.4)}, "y": {(64, "float32"): noisy(0.5)}})
    report = make_report(config())
    found = pd.read_csv(write_files(report, tmp_path / "reports").with_suffix(".csv"))
    assert len(found) == 3
    assert found["cost_month_usd"].tolist() == pytest.approx(report.gathered.points["cost_month_usd"].tolist())
    assert found["nDCG@10"].tolist() == pytest.approx([0.5, 0.4, 0.5])


def test_the_static_chart_has_units_and_every_name(write_run: WriteRun, config: Config, tmp_path: Path) -> None:
    write_run("a", {"x": {(64, "float32"): noisy(0.5), (32, "int8"): noisy(0.4)}})
    svg = write_files(make_report(config()), tmp_path / "reports").with_suffix(".svg").read_text()
    texts = set(re.findall(r">([^<>]+)</text>", svg))
    assert {
        "cost per month, $",
        "exact",
        "nDCG@10",
        "m",
        "float32",
        "int8",
        "64 dims",
        "32 dims",
        "Pareto front",
    } <= texts
    assert not any("$\\" in text for text in texts)


def test_two_reports_of_the_same_runs_are_the_same_file(write_run: WriteRun, config: Config, tmp_path: Path) -> None:
    write_run("a", {"x": {(64, "float32"): noisy(0.5)}})
    pages = [write_files(make_report(config()), tmp_path / name).read_bytes() for name in ("one", "two")]
    assert pages[0] == pages[1]


def test_marks_differ_by_colour_shape_and_size() -> None:
    found = marks(["m", "n"], ["float32", "int8", "pq"], [768, 64, 256], ["flat"])
    assert len(set(found.colours.values())) == 2
    assert len(set(found.shapes.values())) == 3
    assert found.sizes[64] < found.sizes[256] < found.sizes[768]
    assert marks(["m"], ["q"], [64], ["flat"]).sizes[64] > 0
    assert len({svg_path(shape) for shape in SHAPES}) == len(SHAPES)


def test_the_bundled_scripts_are_the_published_ones() -> None:
    """Name, version, licence and sha256 of each are written down beside it."""
    listed = dict(re.findall(r"\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|", (VENDOR / "README.md").read_text()))
    scripts = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in VENDOR.glob("*.js")}
    assert listed == scripts


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize("script", sorted(VENDOR.parent.glob("*.js")), ids=lambda file: file.name)
def test_the_pages_own_scripts_parse(script: Path) -> None:
    done = subprocess.run(["node", "--check", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_writes_four_files_and_ends_with_the_page(
    write_run: WriteRun, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run("a", {"x": {(64, "float32"): noisy(0.5)}})
    folder = tmp_path / "reports"
    assert main(["report", str(run), f"results_dir={results}", f"reports_dir={folder}"]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{folder / 'index.html'}\n"
    assert captured.err.startswith("Use m at 64 dims, float32: the best quality (nDCG@10 0.5")
    assert "Best quality: m · 64 dims · float32 · exact" in captured.err
    assert sorted(file.name for file in folder.iterdir()) == ["index.csv", "index.html", "index.md", "index.svg"]


@pytest.mark.parametrize("arguments", [[], ["nosuchrun"], ["measur=x"], ["measure=nDCG@11"], ["cost=cheap"]])
def test_a_mistake_is_one_message_exit_code_2_and_no_file(
    arguments: list[str], write_run: WriteRun, results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if arguments:
        write_run("a", {"x": {(64, "float32"): noisy(0.5)}})
    assert main(["report", *arguments, f"results_dir={results}", f"reports_dir={tmp_path / 'reports'}"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) <= 2
    assert not (tmp_path / "reports").exists()


def test_a_report_imports_nothing_heavy(write_run: WriteRun, results: Path, tmp_path: Path) -> None:
    write_run("a", {"x": {(64, "float32"): noisy(0.5)}})
    code = f"""
import sys
from evalkit.__main__ import main
assert main(["report", "results_dir={results}", "reports_dir={tmp_path / "reports"}"]) == 0
print(sorted({{"torch", "faiss", "transformers", "sentence_transformers", "mteb", "datasets"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_thousand_points_fit_into_three_megabytes(write_run: WriteRun, config: Config, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    settings = {(dims, f"q{i}"): rng.random(225) for dims in (64, 128, 256, 384, 512) for i in range(20)}
    for i in range(5):
        write_run(f"run{i}", {"x": settings, "y": settings}, model=f"org/model{i}")
    report = make_report(config())
    assert len(report.gathered.points) == 1_000
    assert write_files(report, tmp_path / "reports").stat().st_size < 3_000_000


def test_the_example_is_the_report_of_the_example_runs(tmp_path: Path) -> None:
    arguments = [f"results_dir={ROOT / 'results' / 'examples'}", f"reports_dir={tmp_path}"]
    assert main(["report", *arguments]) == 0
    example = ROOT / "reports" / "example"
    texts = ((folder / "index.md").read_text().splitlines() for folder in (example, tmp_path))
    kept, made = ([line for line in text if not line.startswith("| BM25 |")] for text in texts)
    assert made == kept
    key = ["model", "corpus", "dims", "quantization_name", "index"]
    tables = (
        pd.read_csv(folder / "index.csv").fillna({"dims": 0.0}).astype({"dims": float})
        for folder in (example, tmp_path)
    )
    kept, made = (table.set_index(key).sort_index().drop(columns=["quantization", "index_name"]) for table in tables)
    pd.testing.assert_frame_equal(made[kept.columns], kept)


def half_written(file: Path, text: str) -> None:
    """``files.write_text`` on a disk that is full after half of ``text``."""
    with writing(file) as opened:
        opened.write(text[: len(text) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_page_whole_and_nothing_else(
    write_run: WriteRun, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run("a", {"x": {(64, "float32"): noisy(0.5)}})
    page = write_files(make_report(config()), tmp_path / "reports")
    before = {file.name: file.read_bytes() for file in page.parent.iterdir()}
    write_run("b", {"x": {(64, "float32"): noisy(0.6)}}, model="n")

    report = make_report(config())
    monkeypatch.setattr("evalkit.reports.views.files.write_text", half_written)
    with pytest.raises(OSError, match="No space left"):
        write_files(report, tmp_path / "reports")
    assert {file.name: file.read_bytes() for file in page.parent.iterdir()} == before
