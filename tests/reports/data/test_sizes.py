"""What a report says of other sizes: curves where full precision was measured, nothing that the queries can't tell."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evalkit.config import ReportConfig
from evalkit.reports.data.report import make_report
from evalkit.reports.views.size_parts import size_notes, size_parts, size_rows
from tests.reports.conftest import Cell, WriteRun, noisy

Config = Callable[..., ReportConfig]
FULL, SMALL, NARROW = (64, "float32"), (64, "int8"), (32, "int8")
FAR = "workload.documents=9000"


def measured(write_run: WriteRun, at_sizes: Mapping[str, Mapping[Cell, Any]]) -> None:
    for number, (size, settings) in enumerate(at_sizes.items()):
        about = {"native_dims": 64}
        write_run(f"run{number}", {"c": settings}, corpus_size=size, about_model=about)


def test_curves_are_at_the_sizes_of_full_precision_of_the_settings_that_have_all(
    write_run: WriteRun, config: Config
) -> None:
    both = {FULL: noisy(0.6), SMALL: noisy(0.59, seed=1)}
    measured(write_run, {"100": both, "300": {SMALL: noisy(0.58)}, "full": {**both, NARROW: noisy(0.5)}})
    (curves,) = make_report(config()).size_curves
    assert curves.sizes == (100, 1000)
    assert [name.split(" · ")[1:3] for name in curves.names] == [["64 dims", "float32"], ["64 dims", "int8"]]
    np.testing.assert_allclose(curves.quality[:, :, 0], [[0.6, 0.6], [0.59, 0.59]], atol=0.01)


def test_no_curve_is_drawn_where_full_precision_has_one_size(write_run: WriteRun, config: Config) -> None:
    measured(write_run, {"100": {SMALL: noisy(0.6)}, "full": {FULL: noisy(0.6), SMALL: noisy(0.59)}})
    assert make_report(config()).size_curves == []


def test_what_enough_queries_show_is_expected_at_the_workload(write_run: WriteRun, config: Config) -> None:
    both = {FULL: noisy(0.6), SMALL: noisy(0.61, seed=1)}
    measured(write_run, {"100": both, "full": both})
    report = make_report(config(FAR))
    (line,) = report.sentence.at_size
    assert line.startswith("At 9,000 documents m at 64 dims, int8")
    (part,) = size_parts(report)
    assert "nan" not in part["svg"].lower()
    assert "–" not in [row[-1] for row in part["rows"]]


def test_full_precision_keeps_all_of_itself_and_nothing_is_expected_of_that(
    write_run: WriteRun, config: Config
) -> None:
    both = {FULL: noisy(0.6), SMALL: noisy(0.4, seed=1)}
    measured(write_run, {"100": both, "full": both})
    report = make_report(config(FAR))
    assert report.sentence.at_size == ()
    (part,) = size_parts(report)
    assert [row[-1] for row in part["rows"] if "float32" in row[0]] == ["100.0% (100.0 – 100.0)"]


def test_quality_itself_is_not_predicted_with_distractors(write_run: WriteRun, config: Config) -> None:
    both = {FULL: noisy(0.6), SMALL: noisy(0.58, seed=1)}
    measured(write_run, {"100": both, "full": both})
    (alone,) = make_report(config(FAR)).size_curves
    enlarged = replace(alone, distractors="others")
    assert np.isfinite(alone.scores_at(9000)).all()
    assert np.isnan(enlarged.scores_at(9000)).all()
    np.testing.assert_array_equal(enlarged.shares_at(9000), alone.shares_at(9000))
    assert [row[3] for row in size_rows(enlarged)] == ["–", "–"]
    assert "quality itself is not predicted" in " ".join(size_notes(enlarged, "nDCG@10"))


@pytest.mark.parametrize(
    ("full", "small"),
    [
        pytest.param(np.eye(8)[0], 1.07 * np.eye(8)[0], id="one query of eight"),
        pytest.param(np.zeros(8), np.zeros(8), id="full precision finds nothing"),
        pytest.param(np.zeros(8), np.eye(8)[0], id="another setting finds something"),
    ],
)
def test_nothing_is_expected_where_the_queries_tell_nothing(
    full: Any, small: Any, write_run: WriteRun, config: Config
) -> None:
    both = {FULL: full, SMALL: small}
    measured(write_run, {"100": both, "full": both})
    report = make_report(config(FAR))
    assert report.sentence.at_size == ()
    (part,) = size_parts(report)
    assert {row[-1] for row in part["rows"] if "float32" not in row[0]} == {"–"}
    assert not any("nan" in cell for row in part["rows"] for cell in row)
    assert part["svg"]


def test_the_warning_of_a_far_larger_workload_is_of_the_smallest_corpus(write_run: WriteRun, config: Config) -> None:
    file = write_run("a", {"c": {FULL: noisy(0.6)}, "d": {FULL: noisy(0.6)}}) / "run.json"
    about = json.loads(file.read_text())
    about["corpora"][1]["documents"] = 40_000
    file.write_text(json.dumps(about))
    (warning,) = make_report(config("workload.documents=50000")).sentence.at_size
    assert warning.startswith("Warning: quality was measured among 1,000 documents of c, and the workload has 50,000")
    assert make_report(config("workload.documents=10000")).sentence.at_size == ()
