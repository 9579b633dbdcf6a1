"""What a gate says of many comparisons, of queries that depend on each other, and where there are too few of them."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.config import GateConfig
from evalkit.config.compose import compose
from evalkit.gate import Verdict, decide
from evalkit.gate.output import markdown
from tests.conftest import ROOT
from tests.gate.conftest import MakeRun

RNG = np.random.default_rng(5)


@pytest.fixture
def config() -> GateConfig:
    return compose("gate", ["baseline=x"])


def settings(count: int) -> list[tuple[int, str]]:
    return [(dims, "x") for dims in range(1, count + 1)]


@pytest.mark.parametrize("comparisons", [1, 20, 101, pytest.param(1_000, marks=pytest.mark.verify)])
def test_a_candidate_that_finds_nothing_is_a_regression_however_many_comparisons_there_are(
    make_run: MakeRun, config: GateConfig, comparisons: int
) -> None:
    scores = {setting: RNG.beta(0.7, 0.7, 20) for setting in settings(comparisons)}
    decision = decide(config, make_run(scores), make_run({setting: np.zeros(20) for setting in scores}))
    assert decision.verdict is Verdict.REGRESSION
    assert np.mean([q.drop_is_shown for q in decision.quality]) > 0.5
    assert len(markdown(decision)) < 65_536


def test_two_stored_runs_of_80_points_and_two_measures_through_the_command(make_run: MakeRun, tmp_path: Path) -> None:
    measures = ("nDCG@10", "R@100")
    scores = {setting: RNG.beta(2, 2, 300) for setting in settings(80)}
    make_run(scores, name="before", measures=measures)
    make_run({setting: np.zeros(300) for setting in scores}, name="after", measures=measures)
    arguments = ["gate", "baseline=before", "candidate=after", "measures=[nDCG@10,R@100]", "results_dir=results"]
    code = f"""
from evalkit.__main__ import main
from evalkit.measures.memory import peak_rss_since_reset_bytes
print(main({arguments}), peak_rss_since_reset_bytes())
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    exit_code, peak_bytes = done.stdout.splitlines()[-1].split()
    assert exit_code == "1", done.stderr
    assert int(peak_bytes) < 500e6
    stored = json.loads((tmp_path / "reports" / "gate" / "gate.json").read_text())
    assert stored["verdict"] == "regression"
    assert sum(q["drop_is_shown"] for q in stored["quality"]) == 160
    assert max(q["p_drop"] for q in stored["quality"]) < 0.001


@pytest.mark.parametrize(
    ("scores", "resamples", "words"),
    [
        (np.ones(4), 5_000, "4 judged queries are too few"),
        (np.ones(9), 5_000, "9 judged queries are too few"),
        (np.concatenate([np.ones(4), np.zeros(46)]), 5_000, "50 judged queries of which 4 had a score to lose"),
        (np.ones(50), 100, "resamples=100 can show nothing at alpha=0.001"),
    ],
)
def test_too_few_to_show_any_drop_is_inconclusive_and_never_a_pass(
    make_run: MakeRun, config: GateConfig, scores: np.ndarray, resamples: int, words: str
) -> None:
    strict = replace(config, resamples=resamples, alpha=0.001 if resamples == 100 else 0.05)
    run = make_run({(8, "x"): scores})
    decision = decide(strict, run, run)
    assert (decision.verdict, decision.exit_code) == (Verdict.INCONCLUSIVE, 3)
    assert words in decision.reasons[0]


def test_ten_queries_can_show_that_everything_is_lost(make_run: MakeRun, config: GateConfig) -> None:
    run = make_run({(8, "x"): np.ones(10)})
    assert decide(config, run, run).verdict is Verdict.PASS
    assert decide(config, run, make_run({(8, "x"): np.zeros(10)})).verdict is Verdict.REGRESSION


def test_few_queries_do_not_hide_a_drop_that_is_shown(make_run: MakeRun, config: GateConfig) -> None:
    decision = decide(config, make_run({(8, "x"): np.ones(6)}), make_run({(8, "x"): np.zeros(6)}))
    assert decision.verdict is Verdict.REGRESSION


def test_a_baseline_that_finds_nothing_has_nothing_to_lose(make_run: MakeRun, config: GateConfig) -> None:
    run = make_run({(8, "x"): np.zeros(50), (9, "x"): RNG.beta(2, 2, 50)})
    assert decide(config, run, run).verdict is Verdict.PASS


def test_dependent_queries_count_as_clusters(make_run: MakeRun, config: GateConfig) -> None:
    """Six documents with 20 questions each: a drop in all questions on five of them is five events, not a hundred."""
    clusters = [f"d{i // 20}" for i in range(240)]
    scores = np.ones(240)
    after = scores - 0.2 * (np.arange(240) < 80)
    apart = decide(config, make_run({(8, "x"): scores}), make_run({(8, "x"): after}))
    together = decide(
        config, make_run({(8, "x"): scores}, clusters=clusters), make_run({(8, "x"): after}, clusters=clusters)
    )
    assert apart.verdict is Verdict.REGRESSION
    assert together.quality[0].p_drop == pytest.approx(2**-4, rel=0.1)
    assert (apart.quality[0].clusters, together.quality[0].clusters) == (None, 12)
    assert "240 queries in 12 clusters" in markdown(together)
    assert "wasn't modelled" in markdown(apart)


@pytest.mark.parametrize(("before", "after", "expected"), [(True, True, 12), (True, False, 12), (False, True, 12)])
def test_either_runs_clusters_are_used(
    make_run: MakeRun, config: GateConfig, before: bool, after: bool, expected: int
) -> None:
    clusters = [f"d{i // 20}" for i in range(240)]
    scores = {(8, "x"): RNG.beta(2, 2, 240)}
    runs = [make_run(scores, clusters=clusters if has else None) for has in (before, after)]
    assert decide(config, *runs).quality[0].clusters == expected


def test_one_changed_query_of_many_is_no_sharp_instrument(make_run: MakeRun, config: GateConfig) -> None:
    """Where one of 1,185 queries moved, no drop of that size would have been shown, and the gate doesn't say so."""
    scores = RNG.choice([0, 0.63, 1], 1_185)
    after = scores.copy()
    after[np.argmax(scores)] = 0.63
    (quality,) = decide(config, make_run({(8, "x"): scores}), make_run({(8, "x"): after})).quality
    assert quality.p_drop == pytest.approx(0.5, abs=0.03)
    assert (quality.evidence.detectable_drop or 0) > 5 * scores.mean() / 1_185


def test_non_inferior_adjusts_nothing_as_all_must_pass(make_run: MakeRun, config: GateConfig) -> None:
    strict = replace(config, policy="non_inferior", tolerance=0.05)
    scores = {setting: RNG.beta(2, 2, 200) for setting in settings(30)}
    after = {setting: np.clip(values + RNG.normal(0, 0.05, 200), 0, 1) for setting, values in scores.items()}
    decision = decide(strict, make_run(scores), make_run(after))
    assert decision.verdict is Verdict.PASS
    assert all(q.p_safe == q.evidence.p_safe <= 0.05 for q in decision.quality)
    assert "none is adjusted" in markdown(decision)
