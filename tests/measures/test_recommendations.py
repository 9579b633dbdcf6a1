"""What is recommended, against a plain loop over users and items."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.measures import recommendations
from evalkit.measures.recommendations import (
    coverage,
    means_of,
    most_taken,
    nearest,
    percentiles,
    popularity_bias,
    taken_by_users,
)


def some_histories(generator: np.random.Generator, users: int, items: int) -> list[np.ndarray]:
    return [generator.choice(items, generator.integers(1, items), replace=False) for _ in range(users)]


def by_loop(scores: np.ndarray, histories: list[np.ndarray], k: int) -> list[list[int]]:
    """For each user the items from the best down, those of the history aside; equal ones in the items' order."""
    lists = []
    for own, history in zip(scores.tolist(), histories, strict=True):
        left = [item for item in range(len(own)) if item not in history.tolist()]
        best = sorted(left, key=lambda item: (-own[item], item))[:k]
        lists.append(best + [-1] * (k - len(best)))
    return lists


@given(st.integers(0, 10_000), st.integers(2, 30), st.integers(1, 12))
def test_the_nearest_are_those_of_a_loop_where_codes_tie(seed: int, items: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    codes = np.where(generator.standard_normal((items, 8)) > 0, 1.0, -1.0).astype(np.float32)
    histories = some_histories(generator, 9, items)
    queries = codes[[history[-1] for history in histories]]
    same_bits = (codes.astype(int) @ queries.astype(int).T).T
    assert nearest(3 * codes, queries, histories, k).tolist() == by_loop(same_bits, histories, k)


@given(st.integers(0, 10_000))
def test_the_mean_of_a_history_is_that_of_directions(seed: int) -> None:
    generator = np.random.default_rng(seed)
    items = (generator.standard_normal((20, 5)) * generator.uniform(0.5, 3, (20, 1))).astype(np.float32)
    histories = some_histories(generator, 7, 20)
    unit = items / np.linalg.norm(items, axis=1, keepdims=True)
    means = np.array([np.mean([unit[row] for row in history], axis=0) for history in histories])
    np.testing.assert_allclose(means_of(items, histories), means, atol=1e-6)
    cosines = means / np.linalg.norm(means, axis=1, keepdims=True) @ unit.T
    assert nearest(items, means_of(items, histories), histories, 4).tolist() == by_loop(cosines, histories, 4)


@given(st.integers(0, 10_000))
def test_the_most_taken_are_those_of_a_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    histories = some_histories(generator, 8, 15)
    counts = np.array([sum(item in history.tolist() for history in histories) for item in range(15)])
    np.testing.assert_array_equal(taken_by_users(histories, 15), counts)
    assert most_taken(counts, histories, 5).tolist() == by_loop(np.tile(counts, (8, 1)), histories, 5)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    items = generator.standard_normal((50, 6)).astype(np.float32)
    histories = some_histories(generator, 23, 50)
    whole = nearest(items, means_of(items, histories), histories, 10)
    monkeypatch.setattr(recommendations, "BLOCK_BYTES", 4 * 50 * 4)  # four users
    np.testing.assert_array_equal(nearest(items, means_of(items, histories), histories, 10), whole)


def test_what_is_popular_and_what_is_covered_by_hand() -> None:
    counts = np.array([3, 0, 1, 1])
    assert percentiles(counts).tolist() == [3.5 / 4, 0.5 / 4, 2 / 4, 2 / 4]
    recommended = np.array([[0, 2], [0, -1]])
    assert coverage(recommended, 4) == 2 / 4
    assert popularity_bias(recommended, np.array([1, 3]), counts) == pytest.approx((3.5 + 2 + 3.5) / 12 - 2.5 / 8)
