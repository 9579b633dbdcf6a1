"""Whoever reads the timings of a run is told that its machine was busy: report, terminal, who makes it a baseline."""

from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.commands.outcome import busy_lines
from evalkit.config.compose import compose
from evalkit.reports.data.report import make_report
from evalkit.results.busy import busy_timings, timed_by
from evalkit.results.reader import read_run, stored_runs
from evalkit.scaling.kept import AtSize, kept
from evalkit.system import busy
from tests.gate.conftest import MakeRun

SCORES = np.random.default_rng(5).beta(2, 2, 200)
BUSY = {"seconds": 5.0, "waited": 0.62, "steal": 0.0, "load_1m": 4.0}
WHAT = "searching c 8 x flat: it waited for a core 62% of the time"


def test_a_busy_run_is_no_baseline_unless_it_is_allowed(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run({(8, "x"): SCORES}, name="busy", load=BUSY)
    where = f"results_dir={tmp_path / 'results'}"
    assert main(["baseline", "accept", "busy", where]) == 2
    told = capsys.readouterr().err
    assert f"busy was timed on a busy machine ({WHAT}): its speed and costs are no baseline." in told
    assert "allow_busy=true" in told
    assert not (tmp_path / "results" / "baselines").exists()
    assert main(["baseline", "accept", "busy", "allow_busy=true", where]) == 0
    assert busy_timings(read_run(tmp_path / "results" / "baselines" / "main").about) == [WHAT]


def test_a_quiet_run_is_a_baseline(make_run: MakeRun, tmp_path: Path) -> None:
    make_run({(8, "x"): SCORES}, name="quiet", load={**BUSY, "waited": 0.01})
    assert main(["baseline", "accept", "quiet", f"results_dir={tmp_path / 'results'}"]) == 0


def test_a_report_says_which_run_was_busy(make_run: MakeRun) -> None:
    quiet, busy = make_run({(8, "x"): SCORES}), make_run({(4, "x"): SCORES}, load=BUSY)
    report = make_report(compose("report", [f"runs=['{quiet.folder}','{busy.folder}']"]))
    (warning,) = [line for line in report.warnings if "busy" in line]
    assert warning.startswith(f"{busy.name}: its machine was busy with other work (searching c 4 x flat: it waited")


def test_a_run_says_it_in_one_line() -> None:
    def points(*loads: dict[str, float]) -> list[SimpleNamespace]:
        settings = {"corpus": "c", "dims": 8, "quantization": "x", "engine": "faiss", "index": "flat"}
        row = {**settings, "operating_point": "", "stages": ""}
        return [SimpleNamespace(entry=lambda load=load: {**row, "load": load}) for load in loads]

    record = SimpleNamespace(
        embeddings=({"corpus": "c", "side": "document", "load": BUSY}, {"corpus": "c", "side": "query"})
    )
    (line,) = busy_lines(SimpleNamespace(records=[record], points=points(BUSY, {})))
    assert line.startswith("the machine was busy with other work: encoding documents of c: it waited")
    assert "(and 1 more)" in line
    assert list(busy_lines(SimpleNamespace(records=[], points=points({}, {})))) == []


@pytest.mark.parametrize(
    ("column", "parts"),
    [
        ("search_ms_p95", {"search"}),
        ("search_ms_mean_at_workload", {"search"}),
        ("build_seconds", {"search"}),
        ("encode_query_ms_p95", {"query"}),
        ("query_ms_p95", {"query", "search"}),
        ("documents_per_second", {"document"}),
        ("cost_embed_once_usd", {"document"}),
        ("cost_month_usd", {"document", "query", "search"}),
    ],
)
def test_each_figure_comes_from_its_timings(column: str, parts: set[str]) -> None:
    assert set(timed_by(column)) == parts


def test_a_run_keeps_what_else_its_machine_did(tiny_run: list[str], tmp_path: Path) -> None:
    assert main(tiny_run) == 0
    about = read_run(*stored_runs(tmp_path / "results")).about
    (point,) = about["points"]
    assert {"seconds", "load_1m", "steal", "waited", "p95_to_p50"} == set(point["load"])
    assert point["load"]["p95_to_p50"] == pytest.approx(point["search_ms_p95"] / point["search_ms_p50"])
    assert all(set(side["load"]) == {"seconds", "load_1m", "steal", "waited"} for side in about["embeddings"])


def test_laws_of_a_busy_machine_are_measured_twice_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []

    def measure() -> list[AtSize]:
        measured.append(1)
        return [AtSize(own={"search_ms_mean": 1.0})]

    hours = count(0, 3_600 * 10**9)
    with monkeypatch.context() as disturbed:
        disturbed.setattr(busy, "waited_ns", lambda: {"1": next(hours)})
        (at_size,) = kept(tmp_path, {"a": 1}, 1, measure)
    assert busy.busy_words(at_size.load)
    assert len(measured) == 2
    monkeypatch.setattr(busy, "waited_ns", lambda: {"1": 0})
    for _ in range(2):
        assert not busy.busy_words(kept(tmp_path, {"a": 1}, 1, measure)[0].load)
        assert len(measured) == 3
