"""A gate says what the baseline's threshold would do with the candidate's scores, and where it has to move."""

import csv
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evalkit
from evalkit.__main__ import main
from evalkit.gate.thresholds import Accepted, ThresholdResult, accepted, threshold_sentence
from evalkit.measures.thresholds import decisions

WORDS = ("car", "door", "shirt", "boat", "lamp", "chair", "hat", "wall", "cup", "tree", "dog", "shoe")


@pytest.fixture
def pairs(tmp_path: Path) -> dict[str, Any]:
    """Labelled pairs: the same thing in other words, or another thing."""
    rows = [(f"a red {word}", f"the {word} is red", "yes") for word in WORDS]
    rows += [(f"a red {word}", f"a red {other}", "no") for word, other in pairwise(WORDS)]
    with (tmp_path / "pairs.csv").open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([("a", "b", "same"), *rows])
    return {"table": {"pairs": str(tmp_path / "pairs.csv"), "first": "a", "second": "b", "label": "same", "name": "p"}}


def evaluate(tmp_path: Path, corpus: dict[str, Any], dims: int) -> evalkit.Run:
    where = {"results_dir": tmp_path / "results", "store": {"path": tmp_path / "store"}}
    return evalkit.run(model="wordllama", task="pairs", corpus=corpus, dims=dims, **where)


def test_the_old_threshold_is_applied_to_the_new_scores(
    tmp_path: Path, pairs: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = (evaluate(tmp_path, pairs, dims) for dims in (256, 16))
    words = [f"baseline={before.folder}", f"candidate={after.folder}", "match=[corpus,quantization,index]"]
    main(["gate", *words, "limits=null", f"reports_dir={tmp_path / 'reports'}"])
    told = json.loads((tmp_path / "reports" / "gate" / "gate.json").read_text())
    assert {result["measure"] for result in told["quality"]} == {"average_precision"}
    (result,) = told["thresholds"]
    old = before.points["threshold"].item()
    scores, is_right = (after.queries[name].to_numpy() for name in ("score", "is_right"))
    assert result["baseline"] == old
    assert result["candidate"] == after.points["threshold"].item()
    assert result["now"] == {"share": (scores >= old).mean(), "wrong": (is_right[scores >= old] == 0).mean()}
    assert result["before"]["share"] == (before.queries["score"] >= old).mean()
    said = " ".join(capsys.readouterr().err.split())
    assert f"from {old:.4f} to {result['candidate']:.4f}" in said


def test_the_same_run_again_keeps_its_threshold(tmp_path: Path, pairs: dict[str, Any]) -> None:
    run = evaluate(tmp_path, pairs, 256)
    words = [f"baseline={run.folder}", f"candidate={run.folder}", f"reports_dir={tmp_path / 'reports'}"]
    assert main(["gate", *words]) == 0
    told = json.loads((tmp_path / "reports" / "gate" / "gate.json").read_text())
    assert told["thresholds"][0]["before"] == told["thresholds"][0]["now"]
    assert "threshold" not in told["to_do"]


def test_a_figure_that_a_task_has_not_is_said_to_be_none_of_its(
    tmp_path: Path, pairs: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run = evaluate(tmp_path, pairs, 256)
    words = [f"baseline={run.folder}", f"candidate={run.folder}", f"reports_dir={tmp_path / 'reports'}"]
    main(["gate", *words])
    assert "not measured in the baseline: task=pairs has no such figure" in " ".join(capsys.readouterr().err.split())


def test_a_candidate_is_evaluated_for_the_baselines_task_on_the_same_file_alone(
    tmp_path: Path, pairs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    baseline = evaluate(tmp_path, {"table": {**pairs["table"], "pairs": "pairs.csv"}}, 256)
    words = ["gate", f"baseline={baseline.folder}", "dims=64", "match=[corpus,quantization]", "results_dir=results"]
    assert main(words) in (0, 1)
    told = json.loads(Path("reports/gate/gate.json").read_text())
    assert [(each["measure"], each["queries"]) for each in told["quality"]] == [("average_precision", 23)]
    with Path("pairs.csv").open("a", encoding="utf-8") as opened:
        opened.write("another,pair,no\n")
    capsys.readouterr()
    assert main(words) == 2
    assert "another fingerprint than what was measured" in capsys.readouterr().err


def test_a_measure_of_another_task_leaves_nothing_to_compare(
    tmp_path: Path, pairs: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    run = evaluate(tmp_path, pairs, 256)
    words = [f"baseline={run.folder}", f"candidate={run.folder}", f"reports_dir={tmp_path / 'reports'}"]
    assert main(["gate", *words, "measures=[accuracy]"]) == 2
    assert "task=pairs has none of the measures" in capsys.readouterr().err


def test_sentences_say_whether_the_threshold_moves() -> None:
    def result(candidate: float | None, low: float | None, high: float | None) -> ThresholdResult:
        return ThresholdResult("s", "pairs", 0.8, candidate, low, high, Accepted(0.3, 0.01), Accepted(0.1, None))

    assert threshold_sentence(result(0.7, 0.65, 0.75)) == (
        "s: the threshold moves from 0.8000 to 0.7000 (0.650 to 0.750); the old one accepted 30% (1% of these "
        "wrongly) of pairs and accepts 10% now"
    )
    assert "may stay" in threshold_sentence(result(0.79, 0.75, 0.85))
    assert "none serves any more" in threshold_sentence(result(None, None, None))
    assert result(0.9, 0.82, None).must_move
    assert not result(0.9, 0.7, None).must_move


def test_what_is_accepted_of_ties_and_of_nothing() -> None:
    scores, is_right = np.array([0.5, 0.5, 0.4]), np.array([True, False, True])
    assert accepted(scores, is_right, 0.5) == Accepted(2 / 3, 0.5)
    assert accepted(scores, is_right, 0.6) == Accepted(0.0, None)


@pytest.mark.parametrize("items", [40, 400])
def test_an_old_threshold_of_the_same_kind_of_items_seldom_has_to_move(items: int) -> None:
    """The interval is the candidate's: of 60 samples of one distribution, its true threshold lies outside few."""
    generator = np.random.default_rng(items)

    def drawn(size: int) -> tuple[np.ndarray, np.ndarray]:
        is_right = generator.random(size) < 0.5
        return generator.standard_normal(size) + 2 * is_right, is_right

    def middle(scores: np.ndarray, is_right: np.ndarray) -> float:
        return float((scores[is_right].mean() + scores[~is_right].mean()) / 2)

    outside = 0
    for seed in range(60):
        found = decisions(middle, *drawn(items), seed)
        outside += not found.low <= 1.0 <= found.high
    assert outside <= 8
