"""How a run ends: its table with the report's intervals, the answer in the report's words, and last its folder."""

import re
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.config.compose import compose
from evalkit.reports.data import report as reports
from evalkit.reports.data.intervals import intervals
from evalkit.reports.data.report import Report, make_report
from evalkit.results.reader import stored_runs

GRID = ["dims=[8,32]", "quantization=[float32,int8]"]


@pytest.fixture
def arguments(colours: Path, tmp_path: Path) -> list[str]:
    """BM25 on the tiny corpus, which takes no model."""
    return [
        *("model=bm25", "corpus=beir", f"corpus.beir.path={colours}", "top_k=10", "measures=[nDCG@10,R@10]"),
        *(f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path / 'store'}", "at_workload_seconds=0"),
    ]


def report_of_only_run(tmp_path: Path, *overrides: str) -> Report:
    (folder,) = stored_runs(tmp_path / "results")
    return make_report(compose("report", [f"runs=[{folder}]", *overrides]))


def test_a_run_ends_with_the_answer_of_its_report(
    tiny_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*tiny_run, *GRID]) == 0
    captured = capsys.readouterr()
    report = report_of_only_run(tmp_path)
    assert report.sentence.answer.startswith("Use ")
    lines = captured.err.splitlines()
    assert len(report.sentence.lines) == 3
    assert lines[-4:-1] == report.sentence.lines
    assert lines[-1].endswith("this run's results in")
    assert captured.out == f"{report.gathered.runs[0].folder}\n"


def test_the_answer_has_the_runs_own_prices(
    tiny_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workload = ["workload.documents=12000000", "workload.queries_per_month=3000000"]
    assert main([*tiny_run, *GRID, *workload]) == 0
    answer = capsys.readouterr().err.splitlines()[-4]
    assert report_of_only_run(tmp_path, *workload).sentence.answer == answer
    assert "for 12 M documents and 3 M queries" in answer or "$" not in answer


def test_every_interval_in_the_table_is_the_reports(
    tiny_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*tiny_run, *GRID, "measures=[RR@10]"]) == 0
    text = capsys.readouterr().err
    report = report_of_only_run(tmp_path, "measure=RR@10")
    bounds = intervals(report)
    assert len(bounds) == 4
    points = {point["key"]: point for point in report.gathered.points.to_dict("records")}
    for key, (low, high) in bounds.items():
        mean = points[key]["RR@10"]
        assert low < mean < high
        assert re.search(rf"{mean:.4f} (±{mean - low:.3f}|\[{low:.3f}, {high:.3f}\])", text)


def test_a_single_setting_is_told_and_not_recommended(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    line, warning = capsys.readouterr().err.splitlines()[-3:-1]
    assert warning.startswith("Warning: quality was measured among 12 documents, and the workload has 1 M: ")
    quality = report_of_only_run(tmp_path).quality
    sure = rf"\({quality.low[0]:.3f} to {quality.high[0]:.3f} at 95% confidence\)"
    assert re.fullmatch(rf"BM25: nDCG@10 {quality.mean[0]:.4f} {sure}, [\d,]+ B per vector(, \$.* queries)?\.", line)


def test_several_corpora_are_answered_by_their_mean(
    arguments: list[str], colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conf" / "corpus").mkdir(parents=True)
    (tmp_path / "conf" / "corpus" / "again.yaml").write_text(f"again: {{source: beir, name: again, path: {colours}}}\n")
    two = ["--config-dir", str(tmp_path / "conf"), "corpus=[beir,again]"]
    assert main([*(word for word in arguments if word != "corpus=beir"), *two]) == 0
    text = capsys.readouterr().err
    report = report_of_only_run(tmp_path)
    assert report.scopes[0].name == "mean of 2 corpora"
    assert f"nDCG@10 {report.quality.mean[0]:.4f}" in text.splitlines()[-3]
    assert "on the mean of 2 corpora" in text.splitlines()[-3]
    assert sum(" · 6 queries" in line for line in text.splitlines()) == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [(ZeroDivisionError("by nought"), "ZeroDivisionError: by nought"), (KeyError("dims"), "KeyError: 'dims'")],
)
def test_a_run_is_kept_and_shown_whatever_its_answer_fails_of(
    error: Exception,
    said: str,
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*_: object) -> Report:
        raise error

    monkeypatch.setattr(reports, "make_report", fails)
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert f"evalkit: warning: there are no intervals and no answer in words: {said}\n" in captured.err
    assert "BM25" in captured.err
    assert captured.out == f"{stored_runs(tmp_path / 'results')[0]}\n"
