"""How far scores are from those of whole vectors, beside NumPy."""

from collections.abc import Callable

import numpy as np
import pytest

from evalkit.measures.ranking import Ranking
from evalkit.search import Vectors
from evalkit.search.engines.score_differences import (
    Scorer,
    cosines,
    inner_products,
    largest_difference,
    squared_distances,
)

DOCUMENTS = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)


def by(scores: np.ndarray, k: int) -> Ranking:
    rows = np.argsort(-scores, axis=1)[:, :k]
    return Ranking(rows, np.take_along_axis(scores, rows, axis=1).astype(np.float32))


def products(queries: np.ndarray) -> np.ndarray:
    return queries @ DOCUMENTS.T


def angles(queries: np.ndarray) -> np.ndarray:
    return products(queries) / np.linalg.norm(queries, axis=1)[:, None] / np.linalg.norm(DOCUMENTS, axis=1)


def distances(queries: np.ndarray) -> np.ndarray:
    return -((queries[:, None] - DOCUMENTS[None]) ** 2).sum(axis=2)


@pytest.mark.parametrize(
    ("score", "of_numpy"), [(inner_products, products), (cosines, angles), (squared_distances, distances)]
)
@pytest.mark.parametrize(("off", "least", "most"), [(0.0, 0.0, 2e-6), (0.01, 0.0009, 0.0101)])
def test_scores_of_whole_vectors_differ_by_nothing_and_codes_by_what_they_are_off(
    score: Scorer, of_numpy: Callable[[np.ndarray], np.ndarray], off: float, least: float, most: float
) -> None:
    """Vectors are not of unit length, as those of others may be."""

    def search(queries: np.ndarray, k: int) -> Ranking:
        return by(of_numpy(queries) + off, k)

    assert least <= largest_difference(Vectors(DOCUMENTS, 8), search, DOCUMENTS.__getitem__, score) <= most


def test_what_was_not_found_is_not_compared_and_vectors_that_are_gone_prove_nothing() -> None:
    vectors = Vectors(DOCUMENTS, 8)

    def short(queries: np.ndarray, k: int) -> Ranking:
        ranking = by(products(queries), k)
        ranking.rows[:, 3:], ranking.scores[:, 3:] = -1, -np.inf
        return ranking

    assert largest_difference(vectors, short, DOCUMENTS.__getitem__) <= 2e-6
    assert np.isnan(largest_difference(vectors, short, lambda rows: DOCUMENTS[rows][1:]))
