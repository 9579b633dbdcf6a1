"""Overlap against every order of ties in turn: documents of equal score stand for each other, and no others do."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.measures.overlap import ExactSearch, rounding

GRADES = st.lists(st.integers(0, 3), min_size=1, max_size=6)
DEPTHS = st.integers(1, 8)


def ranked(scores: np.ndarray, depth: int, among: np.ndarray | None = None) -> np.ndarray:
    """The best ``depth`` rows of each query by plain sorting, ties by row, filled up with -1."""
    keys = scores if among is None else among
    rows = np.argsort(-keys, axis=1, kind="stable")[:, :depth]
    return np.pad(rows, ((0, 0), (0, depth - rows.shape[1])), constant_values=-1)


def exact_search(scores: np.ndarray, rows: np.ndarray, tolerance: float = 0.0) -> ExactSearch:
    return ExactSearch(rows, lambda queries, documents: scores[queries, documents].astype(np.float64), tolerance)


def best_share(scores: list[int], found: list[int], k: int) -> float:
    """The largest share of the first ``k`` that was found, over every order of all documents by their scores."""
    best_first = sorted(scores, reverse=True)
    orders = (order for order in permutations(range(len(scores))) if [scores[row] for row in order] == best_first)
    return max(len(set(found[:k]) & set(order[:k])) / min(k, len(scores)) for order in orders)


@settings(deadline=None, max_examples=150)
@given(GRADES, DEPTHS, st.data())
def test_overlap_is_the_largest_share_under_any_order_of_ties(scores: list[int], k: int, data: st.DataObject) -> None:
    found = data.draw(st.permutations(range(len(scores))))[: data.draw(st.integers(0, len(scores)))]
    padded = np.array([[*found, *[-1] * (len(scores) - len(found))]], dtype=np.int64)
    matrix = np.array([scores], dtype=np.float32)
    exact = exact_search(matrix, ranked(matrix, k))
    assert exact.overlap_at(k, padded).tolist() == [pytest.approx(best_share(scores, found, k))]


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 40))
def test_overlap_is_the_same_whichever_ties_come_first(seed: int, documents: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 4, (5, documents)).astype(np.float32)
    other = scores + rng.random(scores.shape) / 2  # another order of the ties
    found = ranked(scores, k, among=rng.random(scores.shape))
    shares = exact_search(scores, ranked(scores, k)).overlap_at(k, found)
    assert shares.tolist() == exact_search(scores, ranked(scores, k, among=other)).overlap_at(k, found).tolist()
    assert (shares <= 1).all()
    assert exact_search(scores, ranked(scores, k)).overlap_at(k, ranked(scores, k, among=other)).tolist() == [1] * 5


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 40))
def test_without_ties_it_is_the_share_of_ids(seed: int, documents: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(documents, dtype=np.float32), (5, 1)), axis=1)
    exact, found = ranked(scores, k), ranked(scores, k, among=rng.random(scores.shape))
    both = zip(exact.tolist(), found.tolist(), strict=True)
    expected = [len({*first} & {*second} - {-1}) / min(k, documents) for first, second in both]
    assert exact_search(scores, exact).overlap_at(k, found).tolist() == pytest.approx(expected)


def test_ten_copies_of_the_last_do_not_stand_for_those_before_it() -> None:
    """All ten score as the tenth of exact search does, and six better documents were missed."""
    scores = np.array([[9, 8, 7, 6, 5, 4, *[3] * 20]], dtype=np.float32)
    exact = exact_search(scores, ranked(scores, 10))
    assert exact.overlap_at(10, np.arange(16, 26)[None]).tolist() == [0.4]
    assert exact.overlap_at(10, np.array([[0, 1, 2, 3, 4, 5, 22, 23, 24, 25]])).tolist() == [1]


def test_a_shorter_list_an_empty_one_and_a_repeated_row() -> None:
    scores = np.array([[3, 2, 1], [3, 2, 1], [3, 1, 1], [3, 2, 1]], dtype=np.float32)
    exact = exact_search(scores, np.array([[0, 1, 2], [0, 1, 2], [0, 1, -1], [0, 1, 2]]))
    found = np.array([[0, -1, -1], [-1, -1, -1], [2, 2, 2], [1, 1, 1]])
    assert exact.overlap_at(3, found).tolist() == [1 / 3, 0, 1 / 2, 1 / 3]
    assert exact.overlap_at(2, found).tolist() == [1 / 2, 0, 1 / 2, 1 / 2]
    assert exact.overlap_at(1, found).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("dims", [32, 384, 3_072])
def test_copies_are_ties_however_engines_sum_and_other_documents_are_not(dims: int) -> None:
    """FAISS by one query and by many, in float32, at every place of a block; float64 as the truth."""
    import faiss

    rng = np.random.default_rng(1)
    raw = rng.normal(size=(64 + 1, dims)).astype(np.float32)
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    queries, copies = unit[1:], np.repeat(unit[:1], 1_500, axis=0)
    true = queries.astype(np.float64) @ unit[0].astype(np.float64)
    together, _ = faiss.knn(queries, copies, len(copies), metric=faiss.METRIC_INNER_PRODUCT)
    alone = np.vstack([faiss.knn(q[None], copies, len(copies), metric=faiss.METRIC_INNER_PRODUCT)[0] for q in queries])
    for scores in (together, alone, queries @ copies.T):
        assert np.abs(scores - true[:, None]).max() < rounding(dims) / 2
    assert rounding(dims) < 2e-5
