"""Runs to one table: the newest of each setting, labels that tell namesakes apart, a line for what can't be read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalkit.config import ReportConfig
from evalkit.errors import UserError
from evalkit.reports.data.gather import gather
from evalkit.reports.data.report import make_report
from tests.reports.conftest import WriteRun, noisy

Config = Callable[..., ReportConfig]
ONE = {"c": {(64, "float32"): noisy(0.5)}}


def test_the_newest_of_two_runs_of_one_setting_counts_and_that_is_said(write_run: WriteRun, config: Config) -> None:
    write_run("b", {"c": {(64, "float32"): noisy(0.7)}}, created_at="2026-02-01")
    write_run("a", {"c": {(64, "float32"): noisy(0.5), (32, "int8"): noisy(0.4)}}, created_at="2026-03-01")
    found = gather(config())
    assert found.points.set_index("dims")["nDCG@10"].round(2).to_dict() == {64: 0.5, 32: 0.4}
    assert any("1 settings were measured again later" in p and "not b" in p for p in found.problems)


def test_namesakes_are_told_apart_by_organisation_then_revision(write_run: WriteRun, config: Config) -> None:
    write_run("a", ONE, model="one/m")
    write_run("b", ONE, model="other/m")
    write_run("c", ONE, model="x", revision="0123456789abcdef0123")
    write_run("d", ONE, model="x", revision="fedcba9876543210fedc")
    assert sorted(gather(config()).points["model"]) == ["one/m", "other/m", "x · 0123456", "x · fedcba9"]


def test_one_name_for_two_corpora_is_two_corpora(write_run: WriteRun, config: Config) -> None:
    write_run("a", ONE, fingerprint=lambda corpus: "1" * 64)
    write_run("b", ONE, model="n", fingerprint=lambda corpus: "2" * 64)
    assert sorted(gather(config()).points["corpus"]) == ["c · 1111111", "c · 2222222"]


def test_corpora_on_which_no_setting_is_whole_are_ranked_one_by_one(write_run: WriteRun, config: Config) -> None:
    write_run("a", {"x": {(64, "float32"): noisy(0.5)}, "y": {(32, "int8"): noisy(0.4)}})
    report = make_report(config())
    assert [scope.name for scope in report.scopes] == ["x", "y"]
    assert report.table[["dims", "quantization"]].to_numpy().tolist() == [[64, "float32"]]
    write_run("b", {"y": {(64, "float32"): noisy(0.5)}})
    assert [scope.name for scope in make_report(config()).scopes] == ["mean of 2 corpora", "x", "y"]


def test_a_model_that_was_measured_at_a_sample_alone_is_left_out_with_a_word(
    write_run: WriteRun, config: Config
) -> None:
    write_run("a", ONE)
    write_run("b", ONE, corpus_size="500")
    for size in ("300", "500"):
        write_run(f"of {size}", ONE, model="n", corpus_size=size)
    found = gather(config())
    assert found.points["model"].tolist() == ["m"]
    assert found.problems == ("n was measured at 300 documents, 500 documents of c only, and is left out there.",)
    at_500 = gather(config("corpus_size=500"))
    assert (sorted(at_500.points["model"]), at_500.problems) == (["m", "n"], ())


def test_costs_are_worked_out_anew_for_all_runs_alike(write_run: WriteRun, config: Config) -> None:
    write_run("a", ONE)
    write_run("b", ONE, model="n")
    dear = gather(config("pricing.usd_per_hour=10")).points["cost_embed_once_usd"]
    assert dear.tolist() == pytest.approx([1e6 * 200 / 5_000 / 3_600 * 10] * 2)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run: (run / "run.json").write_text("{"), "damaged"),
        (lambda run: (run / "run.json").write_bytes(b"\xff\xfe"), "damaged"),
        (lambda run: edited(run, lambda about: about.update(schema_version=99)), "schema 99"),
        (lambda run: edited(run, lambda about: [p.pop("dims") for p in about["points"]]), "points[0].dims is missing"),
        (lambda run: edited(run, lambda about: about.update(points=[])), "no points"),
        (lambda run: edited(run, lambda about: about.pop("environment")), "environment is missing"),
        (lambda run: edited(run, lambda about: about.update(points=7)), "left out"),
        (lambda run: edited(run, lambda about: about["points"][0].update(dims="wide")), "left out"),
    ],
)
def test_a_bad_run_is_one_line_and_the_rest_is_reported(
    damage: Callable[[Path], object], said: str, write_run: WriteRun, config: Config
) -> None:
    write_run("good", ONE)
    damage(write_run("bad", ONE, model="n"))
    report = make_report(config())
    assert report.gathered.points["model"].tolist() == ["m"]
    (line,) = [problem for problem in report.gathered.problems if "bad" in problem]
    assert said in line
    assert "\n" not in line


def edited(run: Path, change: Callable[[dict], object]) -> None:
    file = run / "run.json"
    about = json.loads(file.read_text())
    change(about)
    file.write_text(json.dumps(about))


@pytest.mark.parametrize("content", [b"not parquet", None])
def test_a_run_without_its_per_query_values_is_shown_without_intervals(
    content: bytes | None, write_run: WriteRun, config: Config
) -> None:
    write_run("good", ONE)
    file = write_run("bad", {"c": {(64, "float32"): noisy(0.6)}}, model="n") / "queries.parquet"
    file.write_bytes(content) if content else file.unlink()
    report = make_report(config())
    best = report.words(report.answers[0])
    assert (best.setting, best.quality) == ("n · 64 dims · float32 · exact", "nDCG@10 0.6000")
    assert "not tested" in best.standing
    assert any("bad has no intervals and tests" in warning for warning in report.warnings)


def test_a_run_with_fewer_columns_is_still_ranked(write_run: WriteRun, config: Config) -> None:
    write_run("good", ONE)
    lacking = write_run("old", ONE, model="n")
    edited(lacking, lambda about: [p.pop(name) for p in about["points"] for name in ("tokens_per_second", "laws")])
    points = gather(config()).points.set_index("model")
    assert points["cost_month_usd"].isna().to_dict() == {"m": False, "n": True}
    assert points["nDCG@10"].notna().all()


def test_an_interrupted_run_counts_with_a_word(write_run: WriteRun, config: Config) -> None:
    write_run("a", ONE, finished=False)
    assert gather(config()).problems == ("a was interrupted: only its finished points are here.",)


def test_no_run_is_a_users_mistake(config: Config, results: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        gather(config())
    (results / "broken").mkdir(parents=True)
    (results / "broken" / "run.json").write_text("{")
    with pytest.raises(UserError, match="broken is left out"):
        gather(config())


def test_named_runs_alone_are_reported_and_a_misspelt_name_is_refused(
    write_run: WriteRun, config: Config, results: Path
) -> None:
    write_run("first", ONE)
    write_run("second", ONE, model="n")
    assert gather(config("runs=[second]")).points["model"].tolist() == ["n"]
    assert gather(config(f"runs=['{results / 'first'}']")).points["model"].tolist() == ["m"]
    with pytest.raises(UserError, match="secnd"):
        gather(config("runs=[secnd]"))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("measure=nDCG@5", "nDCG@10"),
        ("cost=cost_mont_usd", "cost_month_usd"),
        ("within=2", "between 0 and 1"),
        ("alpha=0", "between 0 and 1"),
        ("workload.documents=0", "from 1 to 1,000,000,000,000,000"),
        ("pricing.usd_per_hour=-1", "from 0 to 1,000,000"),
    ],
)
def test_a_bad_setting_is_refused_with_the_way_out(
    override: str, said: str, write_run: WriteRun, config: Config
) -> None:
    write_run("a", ONE)
    with pytest.raises(UserError, match=said):
        make_report(config(override))


def test_means_of_older_runs_come_from_their_single_calls(write_run: WriteRun, config: Config) -> None:
    folder = write_run("a", {"c": {(64, "float32"): noisy(0.5)}})
    about = json.loads((folder / "run.json").read_text())
    for point in about["points"]:
        for name in ("search_ms_mean", "encode_query_ms_mean", "query_ms_mean"):
            point.pop(name, None)
    (folder / "run.json").write_text(json.dumps(about))
    calls = pd.read_parquet(folder / "latencies.parquet")
    expected = (calls["search_ms"] + calls["encode_query_ms"]).mean()
    found = make_report(config()).gathered.points
    assert found["query_ms_mean"].tolist() == pytest.approx([expected])


def test_costs_follow_the_laws_to_the_size_of_the_reports_own_workload(write_run: WriteRun, config: Config) -> None:
    """0.3 ms and 2 ns per vector of one core of two, and 8.4 ms of both cores."""
    write_run("a", ONE)
    for documents in (1_000_000, 100_000_000):
        found = gather(config(f"workload.documents={documents}", "pricing.usd_per_hour=1")).points.iloc[0]
        search_ms = 0.3 + documents * 2e-6
        assert found["search_ms_mean_at_workload"] == pytest.approx(search_ms)
        assert found["query_ms_p95_at_workload"] == pytest.approx(0.4 + documents * 3e-6 + 9.5)
        assert found["cost_queries_month_usd"] == pytest.approx((8.4 + search_ms / 2) * 1e6 / 3.6e6)


def test_a_run_without_laws_has_bytes_and_no_cost_of_queries_and_that_is_said(
    write_run: WriteRun, config: Config
) -> None:
    folder = write_run("a", ONE)
    edited(folder, lambda about: [point.pop("laws") for point in about["points"]])
    report = make_report(config("workload.documents=5000"))
    (point,) = report.gathered.points.to_dict("records")
    assert point["index_bytes_at_workload"] == 387_072 + 4_000 * 384
    assert (np.isnan(point["cost_queries_month_usd"]), point["cost_storage_month_usd"] > 0) == (True, True)
    said = "1 of 1 points (flat) have no milliseconds for 5,000 documents, and so no monthly cost"
    assert any(said in warning for warning in report.warnings)


@pytest.mark.parametrize("law", [{"terms": {"eval": 1}}, {"nothing": 1}, "import os", {"terms": {"one": "1"}}])
def test_a_law_that_is_none_leaves_its_run_out(law: Any, write_run: WriteRun, config: Config) -> None:
    write_run("good", ONE, model="n")
    edited(write_run("bad", ONE), lambda about: about["points"][0].update(laws={"search_ms_mean": [law]}))
    found = gather(config())
    assert found.points["model"].tolist() == ["n"]
    assert found.problems[0].startswith("bad is left out")
