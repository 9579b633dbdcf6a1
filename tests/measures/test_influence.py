"""Influences against the derivative of scikit-learn's weighted figures, and their spread against a bootstrap's."""

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, average_precision_score, f1_score, v_measure_score

from evalkit.measures import influence

STEP = 1e-6
Drawn = tuple[np.ndarray, np.ndarray]


def grouped(seed: int, items: int = 60) -> Drawn:
    generator = np.random.default_rng(seed)
    labels = generator.integers(4, size=items)
    return labels, np.where(generator.random(items) < 0.6, labels, generator.integers(5, size=items))


def scored(seed: int, items: int = 60, ties: int = 10) -> Drawn:
    generator = np.random.default_rng(seed)
    is_match = generator.random(items) < 0.4
    return np.round((generator.standard_normal(items) + is_match) * ties) / ties, is_match


@pytest.mark.parametrize("seed", range(5))
def test_macro_f1(seed: int) -> None:
    labels, told = grouped(seed)

    def figure(weights: np.ndarray) -> float:
        return float(f1_score(labels, told, average="macro", sample_weight=weights))

    assert influence.of_macro_f1(labels, told) == pytest.approx(derivative(figure, len(labels)), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_f1(seed: int) -> None:
    cosines, is_match = scored(seed)
    is_found = cosines > 0.5

    def figure(weights: np.ndarray) -> float:
        return float(f1_score(is_match, is_found, sample_weight=weights))

    assert influence.of_f1(is_match, is_found) == pytest.approx(derivative(figure, len(cosines)), abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_average_precision(seed: int) -> None:
    cosines, is_match = scored(seed)

    def figure(weights: np.ndarray) -> float:
        return float(average_precision_score(is_match, cosines, sample_weight=weights))

    expected = derivative(figure, len(cosines))
    assert influence.of_average_precision(cosines, is_match) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("of", "score"),
    [(influence.of_v_measure, v_measure_score), (influence.of_adjusted_rand, adjusted_rand_score)],
)
@pytest.mark.parametrize("seed", range(3))
def test_spread_is_a_bootstraps(of: Callable[..., np.ndarray], score: Callable[..., float], seed: int) -> None:
    """scikit-learn takes no weights here, so means over resampled items are compared with the score of these items."""
    labels, groups = grouped(seed, 400)
    values = score(labels, groups) + of(labels, groups)
    assert values.mean() == pytest.approx(score(labels, groups), abs=1e-12)
    generator = np.random.default_rng(1)
    drawn = [generator.integers(len(labels), size=len(labels)) for _ in range(400)]
    scores = np.array([score(labels[rows], groups[rows]) for rows in drawn])
    means = np.array([values[rows].mean() for rows in drawn])
    assert np.corrcoef(scores, means)[0, 1] > 0.97
    assert means.std() == pytest.approx(scores.std(), rel=0.1)


@pytest.mark.parametrize("of", [influence.of_v_measure, influence.of_adjusted_rand])
def test_one_group_and_one_label_move_nothing(of: Callable[..., np.ndarray]) -> None:
    assert of(np.zeros(5), np.zeros(5)).tolist() == [0] * 5


def derivative(figure: Callable[[np.ndarray], float], items: int) -> np.ndarray:
    """n times the change of ``figure`` with the weight of each item, which is 1."""
    weights = np.ones(items)
    before = figure(weights)
    moved = np.empty(items)
    for item in range(items):
        more = weights.copy()
        more[item] += STEP
        moved[item] = (figure(more) - before) / STEP * items
    return moved
