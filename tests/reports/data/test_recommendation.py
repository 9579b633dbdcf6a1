"""One setting under constraints: the best of what meets them, what binds, how sure it is, and what is near."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import RecommendConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.reports.data.recommendation import Recommendation, recommend, sends_texts
from evalkit.reports.views.recommendation import answer, as_json, lines, notes
from evalkit.results.reader import read_run
from tests.reports.conftest import Cell, WriteRun, noisy

SMALL, MIDDLE, LARGE = (64, "int8"), (128, "int8"), (256, "int8")
ALL = {SMALL: noisy(0.5, 200), MIDDLE: noisy(0.6, 200, seed=1), LARGE: noisy(0.7, 200, seed=2)}


def by_dims(corpus: str, cell: Cell) -> Mapping[str, Any]:
    """Bytes as dims, and a slower search the wider the vectors; nothing was timed at 256."""
    dims = float(cell[0] or 0)
    return {"bytes_per_document": dims, "search_ms_p95": None if dims == 256 else dims / 10}


@pytest.fixture
def config(results: Path) -> RecommendConfig:
    return compose("recommend", [f"results_dir={results}", "by=bytes_per_document"])


@pytest.fixture
def three(write_run: WriteRun, config: RecommendConfig) -> RecommendConfig:
    write_run("run", {"c": ALL}, figures=by_dims)
    return config


def dims(result: Recommendation, row: int | None) -> int | None:
    return None if row is None else int(result.table.iloc[row]["dims"])


def test_the_smallest_that_meets_every_constraint_is_recommended_with_the_next_as_runner_up(
    three: RecommendConfig,
) -> None:
    result = recommend(three, ["nDCG@10>=0.55"])
    assert (dims(result, result.row), dims(result, result.runner_up)) == (128, 256)
    assert answer(result).startswith("Use m at 128 dims, int8: bytes_per_document 128 B, the smallest of the 2 that ")
    assert result.meeting == 2
    assert result.run is not None
    assert result.run.name == "run"


def test_a_constraint_binds_where_the_answer_is_another_without_it(three: RecommendConfig) -> None:
    result = recommend(three, ["nDCG@10>=0.55", "bytes_per_document<=200B"])
    quality, size = result.verdicts
    assert dims(result, result.row) == 128
    assert dims(result, quality.without) == 64
    assert size.without == result.row
    assert [constraint["binds"] for constraint in as_json(result)["constraints"]] == [True, False]
    assert list(lines(result, size)) == [
        "bytes_per_document<=200B",
        "measured 128 B",
        "excludes 1 of 3; without it: the same answer",
    ]
    assert list(lines(result, quality))[-1].endswith("without it: m at 64 dims, int8, bytes_per_document 64 B")


def test_a_figure_that_is_null_meets_no_constraint_and_that_is_said(three: RecommendConfig) -> None:
    result = recommend(three, ["search_ms_p95>=0"])
    (timed,) = result.verdicts
    assert (result.meeting, timed.excluded, timed.unknown) == (2, 1, 1)
    assert list(lines(result, timed))[-1].startswith("excludes 1 of 3 (1 has no search_ms_p95); ")


def test_what_has_no_figure_to_rank_by_is_not_ranked(three: RecommendConfig) -> None:
    result = recommend(replace(three, by="search_ms_p95"), ["nDCG@10>=0.55"])
    assert (dims(result, result.row), result.runner_up, result.unranked) == (128, None, 1)
    assert "1 setting that meets them has no search_ms_p95 and can't be ranked by it." in list(notes(result))


def test_quality_may_be_what_is_ranked_by(three: RecommendConfig) -> None:
    result = recommend(replace(three, by="nDCG@10"), ["bytes_per_document<200"])
    assert dims(result, result.row) == 128
    assert "the best by nDCG@10 of the 2" in answer(result)


def test_a_share_of_the_best_is_shown_or_only_measured(write_run: WriteRun, config: RecommendConfig) -> None:
    base = noisy(0.7, 400)
    noise = np.random.default_rng(1).normal(size=400) * 0.2
    write_run("sure", {"c": {SMALL: base - 0.002, LARGE: base}}, figures=by_dims)
    sure = recommend(config, ["nDCG@10>=0.98*best"])
    assert dims(sure, sure.row) == 64
    assert sure.verdicts[0].certainty.startswith("shown: it loses at most ")
    write_run("unsure", {"c": {SMALL: base + noise - noise.mean() - 0.002, LARGE: base}}, figures=by_dims)
    unsure = recommend(config, ["nDCG@10>=0.98*best"], ["unsure"])
    assert dims(unsure, unsure.row) == 64
    assert unsure.verdicts[0].certainty.startswith("not shown: it may lose up to ")
    assert unsure.verdicts[0].holds
    best = recommend(config, ["nDCG@10>=best"])
    assert best.verdicts[0].certainty == "it is the best"


def test_a_number_is_shown_where_the_interval_lies_above_it(three: RecommendConfig) -> None:
    result = recommend(three, ["nDCG@10>=0.55"])
    row, quality = result.row, result.report.quality
    assert result.verdicts[0].certainty == (
        f"shown: its 95% interval is {quality.low[row]:.4f} – {quality.high[row]:.4f}"
    )
    close = recommend(three, [f"nDCG@10>={quality.mean[row] - 0.001:.4f}"])
    assert close.row == row
    assert close.verdicts[0].certainty.startswith("not shown: its 95% interval is ")


def test_without_a_constraint_nearly_the_best_quality_is_asked_for(three: RecommendConfig) -> None:
    result = recommend(three, [])
    assert [verdict.constraint.text for verdict in result.verdicts] == ["nDCG@10>=0.99*best"]
    assert dims(result, result.row) == 256


def test_where_nothing_meets_them_it_is_said_which_excludes_most_and_what_is_nearest(three: RecommendConfig) -> None:
    result = recommend(three, ["nDCG@10>=0.65", "bytes_per_document<=130"])
    assert result.row is None
    assert answer(result) == "No setting meets both constraints (3 settings on c)."
    assert dims(result, result.nearest) == 128
    assert [verdict.holds for verdict in result.verdicts] == [False, True]
    said = list(notes(result))
    assert said[0] == "nDCG@10>=0.65 excludes most: 2 of 3."
    assert said[1] == "Nearest: m at 128 dims, int8, with 0.6000 where nDCG@10 must be >= 0.6500."
    assert as_json(result)["recommended"] is None
    assert as_json(result)["nearest"]["dims"] == 128


def test_where_no_setting_has_all_figures_none_is_near(write_run: WriteRun, config: RecommendConfig) -> None:
    write_run("run", {"c": {LARGE: noisy(0.7), SMALL: noisy(0.5)}}, figures=by_dims)
    result = recommend(replace(config, by="search_ms_p95"), ["dims>100"])
    assert result.row is None
    assert dims(result, result.nearest) == 64
    alone = recommend(replace(config, by="search_ms_p95"), ["dims>100", "search_ms_p95<1"])
    assert dims(alone, alone.nearest) == 64


def test_settings_that_lack_a_corpus_are_said_to_be_left_out(write_run: WriteRun, config: RecommendConfig) -> None:
    write_run("a", {"c": ALL, "d": {SMALL: noisy(0.5)}}, figures=by_dims)
    result = recommend(config, ["dims>0"])
    assert result.settings == 1
    assert any(note.startswith("2 more are left out: not measured on all of c, d") for note in notes(result))


@pytest.mark.parametrize(
    ("model", "sends"),
    [
        ({"kind": "sentence_transformers", "path": "x"}, False),
        ({"kind": "bm25"}, False),
        ({"kind": "openai"}, True),
        ({"kind": "openai", "url": None}, True),
        ({"kind": "cohere"}, True),
        ({"kind": "openai_compatible", "url": "http://localhost:8080/v1"}, False),
        ({"kind": "openai_compatible", "url": "http://127.0.0.1:8080/v1"}, False),
        ({"kind": "openai_compatible", "url": "http://[::1]/v1"}, False),
        ({"kind": "openai_compatible", "url": "http://localhost.example.org/v1"}, True),
        ({"kind": "openai_compatible", "url": "http://10.0.0.7/v1"}, True),
        ({"kind": "openai_compatible", "url": "http://[bad"}, True),
        ({"kind": "of a later version"}, True),
        ({}, True),
    ],
)
def test_local_is_what_no_text_leaves_the_machine_for(write_run: WriteRun, model: dict[str, Any], sends: bool) -> None:
    assert sends_texts(read_run(write_run("run", {"c": {SMALL: [1.0, 0.0]}}, run_config={"model": model}))) is sends


def test_models_that_texts_are_sent_to_are_left_out_of_local_ones_and_of_what_is_best(
    write_run: WriteRun, config: RecommendConfig
) -> None:
    local, hosted = {"model": {"kind": "wordllama"}}, {"model": {"kind": "openai"}}
    write_run("a", {"c": {SMALL: noisy(0.5)}}, model="ours", figures=by_dims, run_config=local)
    write_run("b", {"c": {SMALL: noisy(0.9)}}, model="theirs", figures=by_dims, run_config=hosted)
    everywhere = recommend(config, ["nDCG@10>=0.98*best"])
    assert everywhere.table.iloc[everywhere.row]["model"] == "theirs"
    at_home = recommend(replace(config, runs="local"), ["nDCG@10>=0.98*best"])
    assert at_home.table.iloc[at_home.row]["model"] == "ours"
    assert at_home.settings == 1
    with pytest.raises(UserError, match="runs=local leaves no setting"):
        recommend(replace(config, runs="local"), [], ["b"])
    with pytest.raises(UserError, match="runs=here is no place"):
        recommend(replace(config, runs="here"), [])


def test_what_neither_way_is_better_or_nobody_measured_is_nothing_to_rank_by(three: RecommendConfig) -> None:
    with pytest.raises(UserError, match="neither way is better"):
        recommend(replace(three, by="dims"), [])
    with pytest.raises(UserError, match="no run has measured load_ms_p95_4"):
        recommend(replace(three, by="load_ms_p95_4"), [])
