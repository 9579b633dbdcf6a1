"""Data that hardly tells anything apart is judged all the same: no run is lost to it after all the work."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evalkit
from evalkit.arrays import numbers_of
from evalkit.measures.classification import Labelled, by_centre
from evalkit.tasks.pairs import cosines_of

FEW: dict[str, dict[str, Any]] = {
    "classification": {"draws": 2, "shots": [1]},
    "clustering": {"draws": 2, "draw_texts": 40},
}
MAIN = {"classification": "accuracy", "clustering": "v_measure"}


def judged(tmp_path: Path, kind: str, rows: list[tuple[str, str]], **settings: Any) -> evalkit.Run:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows))
    return evalkit.run(
        model="wordllama",
        corpus={"table": {"train": str(file), "test": str(file), "label": "label"}},
        task={kind: FEW[kind]},
        results_dir=tmp_path / "results",
        store={"path": tmp_path / "store"},
        runtime={"latency_calls": 5},
        **settings,
    )


@pytest.mark.parametrize("kind", FEW)
def test_texts_of_one_vector_are_judged(tmp_path: Path, kind: str) -> None:
    run = judged(tmp_path, kind, [("the same text", "ab"[row % 2]) for row in range(12)], dims=[1, 256])
    assert len(run.points) == 2
    assert np.isfinite(run.points[MAIN[kind]]).all()


@pytest.mark.parametrize("kind", FEW)
def test_labels_that_differ_by_a_nul_at_their_end_are_two(tmp_path: Path, kind: str) -> None:
    rows = [(f"a {thing} {row}", label) for row in range(6) for thing, label in (("cat", "x"), ("tax return", "x\0"))]
    run = judged(tmp_path, kind, rows)
    assert run.points[MAIN[kind]].item() > 0.9


def test_names_are_numbered_in_the_order_of_sorting_at_no_cost_of_the_longest() -> None:
    first, second = numbers_of(["b", "a\0", "L" * 10_000_000, *["a"] * 100_000], ["z", "b"])
    assert first[:4].tolist() == [3, 2, 0, 1]
    assert second.tolist() == [4, 3]


def test_centres_in_one_place_tell_the_first_label() -> None:
    vectors = np.ones((4, 3), dtype=np.float32)
    told = by_centre(Labelled(vectors, np.array([1, 0, 1, 0])), Labelled(vectors, np.array([0, 0, 0, 1])))
    assert told.right.tolist() == [1, 1, 1, 0]


def test_pairs_of_equal_texts_have_no_correlation_that_rounding_made(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("first,second,score\n" + "".join(f"some text {row},some text {row},{row}\n" for row in range(8)))
    run = evalkit.run(
        model="wordllama",
        corpus={"table": {"pairs": str(file), "first": "first", "second": "second", "score": "score"}},
        task="pairs",
        results_dir=tmp_path / "results",
        store={"path": tmp_path / "store"},
    )
    assert run.points["spearman"].isna().all()


def test_codes_that_differ_in_as_many_bits_have_one_cosine() -> None:
    """Their sums round differently in float32."""
    bits = np.where(np.random.default_rng(0).random((2_000, 100)) < 0.5, -0.1, 0.1).astype(np.float32)
    first, second = np.arange(1_000), np.arange(1_000, 2_000)
    by_cosine = cosines_of(bits, first, second)
    differing = (bits[first] != bits[second]).sum(axis=1)
    assert len(np.unique(by_cosine)) == len(np.unique(differing))
    assert np.allclose(by_cosine, 1 - 2 * differing / 100)


def test_what_has_no_direction_has_a_cosine_of_zero() -> None:
    vectors = np.array([[0.0, 0.0], [3.0, 4.0]], dtype=np.float32)
    assert cosines_of(vectors, np.array([0, 1]), np.array([1, 1])).tolist() == [0.0, 1.0]
