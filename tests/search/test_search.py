"""The cut, the quantizations, the total order and the rescoring, against plain NumPy."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.measures.ranking import order, tie_order, without
from evalkit.search import Ranking, Searcher, Vectors, build, cut
from evalkit.vectors.sign_bits import sign_bits

Matrix = np.ndarray
FLAT = IndexConfig("{quantization}")
FACTORIES = ["Flat", "SQfp16", "SQbf16", "SQ8", "BFlat"]


def vectors(rows: int, dims: int, seed: int = 0) -> Matrix:
    return cut(np.random.default_rng(seed).normal(size=(rows, dims)).astype(np.float32), dims)


def searcher(documents: Matrix, factory: str, rescore: RescoreConfig | None = None) -> Searcher:
    place = tie_order([f"d{i}" for i in range(len(documents))])
    whole = Vectors(documents, documents.shape[1])
    return build(whole, place, QuantizationConfig(factory, rescore), FLAT)


def exact(documents: Matrix, queries: Matrix, k: int) -> Matrix:
    return np.argsort(-(queries @ documents.T), axis=1, kind="stable")[:, :k]


@given(st.integers(1, 32), st.integers(0, 100))
def test_trap_1_a_cut_vector_is_unit_length_again(dims: int, seed: int) -> None:
    whole = np.random.default_rng(seed).normal(size=(9, 32)).astype(np.float32)
    short = cut(whole, dims)
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(short, whole[:, :dims] / np.linalg.norm(whole[:, :dims], axis=1)[:, None], rtol=1e-5)


def test_a_vector_whose_leading_components_are_zero_stays_zero() -> None:
    assert cut(np.array([[0, 0, 1]], np.float32), 2).tolist() == [[0, 0]]


@pytest.mark.parametrize("dims", [384, 50, 8, 1])
def test_float32_search_equals_a_matrix_product_and_a_sort(dims: int) -> None:
    documents, queries = vectors(2_000, dims), vectors(37, dims, seed=1)
    ranking = searcher(documents, "Flat").rank(queries, 100)
    expected = queries @ documents.T
    np.testing.assert_allclose(
        ranking.scores, -np.sort(-expected, axis=1)[:, :100], atol=1e-6
    )  # in 1 dimension all scores tie, so compare scores, and rows where they differ
    if dims > 1:
        assert (ranking.rows == exact(documents, queries, 100)).mean() > 0.999


@pytest.mark.parametrize(
    ("factory", "rescore", "expected"),
    [
        ("Flat", None, 4 * 100),
        ("SQfp16", None, 2 * 100),
        ("SQbf16", None, 2 * 100),
        ("SQ8", None, 100),
        ("BFlat", None, 13),  # 100 bits fill 13 bytes
        ("SQ8", RescoreConfig("float32"), 100 + 400),
        ("BFlat", RescoreConfig("float32"), 13 + 400),
        ("BFlat", RescoreConfig("float16"), 13 + 200),
        ("BFlat", RescoreConfig("int8"), 13 + 100),
    ],
)
def test_trap_4_bytes_per_vector_count_everything_that_is_kept(
    factory: str, rescore: RescoreConfig | None, expected: int
) -> None:
    made = searcher(vectors(300, 100), factory, rescore)
    assert made.built.bytes_per_vector == expected
    assert made.built.index_bytes is not None
    assert made.built.index_bytes > 300 * expected


def test_index_bytes_are_those_of_the_serialized_index() -> None:
    import faiss

    made = searcher(vectors(300, 64), "SQ8")
    assert made.built.index_bytes == len(faiss.serialize_index(made.index.main.index))


def test_trap_2_int8_is_calibrated_once_on_documents_and_queries_stay_float() -> None:
    documents, queries = vectors(500, 16), vectors(20, 16, seed=1) * 0.01
    low, high = documents.min(axis=0), documents.max(axis=0)
    codes = np.round((documents - low) / (high - low) * 255)
    decoded = low + codes / 255 * (high - low)
    ranking = searcher(documents, "SQ8").rank(queries, 10)
    best = np.take_along_axis(queries @ decoded.T, ranking.rows, axis=1)
    np.testing.assert_allclose(ranking.scores, best, atol=1e-4)
    assert (ranking.rows[:, 0] == exact(decoded, queries, 1)[:, 0]).mean() >= 0.9


def test_trap_3_a_single_query_is_searched_as_in_a_batch() -> None:
    documents, queries = vectors(500, 64), vectors(30, 64, seed=1)
    for factory in FACTORIES:
        made = searcher(documents, factory)
        together = made.rank(queries, 20)
        alone = np.vstack([made.rank(queries[i : i + 1], 20).rows for i in range(30)])
        assert (alone == together.rows).mean() > 0.99, factory


def test_trap_4_rescoring_is_on_dequantized_vectors() -> None:
    documents, queries = vectors(400, 32), vectors(10, 32, seed=1)
    scaled = cut(documents * np.linspace(0.1, 3, 32, dtype=np.float32), 32)
    rescored = searcher(scaled, "BFlat", RescoreConfig("int8", factor=40)).rank(queries, 10)
    assert np.mean([len(set(a) & set(b)) for a, b in zip(rescored.rows, exact(scaled, queries, 10), strict=True)]) > 9


def test_trap_5_binary_is_the_hamming_distance_of_signs() -> None:
    documents, queries = vectors(300, 50), vectors(10, 50, seed=1)
    ranking = searcher(documents, "BFlat").rank(queries, 300)
    hamming = ((documents > 0)[None] != (queries > 0)[:, None]).sum(axis=2)
    np.testing.assert_allclose(
        ranking.scores, 1 - 2 * np.take_along_axis(hamming, ranking.rows, axis=1) / 50, atol=1e-6
    )
    assert sign_bits(documents).shape == (300, 7)


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("rescore", [None, RescoreConfig("float32", 4)])
def test_trap_7_a_k_larger_than_the_corpus_returns_each_document_once(
    factory: str, rescore: RescoreConfig | None
) -> None:
    made = searcher(vectors(5, 16), factory, rescore)
    queries = vectors(3, 16, seed=1)
    for rows in (made.rank(queries, 100).rows, made.find(queries, 100).rows):
        assert np.sort(rows, axis=1).tolist() == [[0, 1, 2, 3, 4]] * 3


def test_trap_7_padding_goes_last_and_is_never_a_document() -> None:
    ranking = order(np.array([[-1, 2, 0, -1]]), np.array([[9.0, 0.1, 0.5, 8.0]]), np.arange(3))
    assert ranking.rows.tolist() == [[0, 2, -1, -1]]
    assert ranking.scores[0, 2:].tolist() == [-np.inf, -np.inf]


@given(st.permutations([f"d{i}" for i in range(12)]))
def test_trap_8_ties_are_ordered_by_descending_id_as_in_trec_eval(ids: list[str]) -> None:
    ranking = order(np.arange(12)[None], np.zeros((1, 12), np.float32), tie_order(ids))
    assert [ids[row] for row in ranking.rows[0]] == sorted(ids, reverse=True)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 60), st.integers(0, 1000), st.sampled_from([1, 4, 8]))
def test_trap_8_ties_across_the_last_place_do_not_depend_on_the_order_of_documents(
    k: int, seed: int, dims: int
) -> None:
    documents, queries = vectors(400, dims, seed), vectors(3, dims, seed + 1)
    ids = np.array([f"d{i}" for i in range(400)])
    shuffled = np.random.default_rng(seed).permutation(400)
    quantization = QuantizationConfig("BFlat")
    one = build(Vectors(documents, dims), tie_order(ids), quantization, FLAT).rank(queries, k)
    other = build(Vectors(documents[shuffled], dims), tie_order(ids[shuffled]), quantization, FLAT).rank(queries, k)
    assert ids[one.rows].tolist() == ids[shuffled][other.rows].tolist()
    scores = 1 - 2 * ((documents > 0)[None] != (queries > 0)[:, None]).sum(axis=2) / dims
    by_hand = [sorted(range(400), key=lambda i: (s[i], ids[i]), reverse=True)[:k] for s in scores]
    assert one.rows.tolist() == by_hand


def test_trap_9_values_outside_the_calibrated_range_are_clipped() -> None:
    documents = vectors(300, 16)
    made = searcher(documents, "SQ8")
    outside = np.full((1, 16), 5.0, np.float32)
    made.index.main.add(outside)
    stored = made.index.main.reconstruct(np.array([300]))[0]
    np.testing.assert_allclose(stored, documents.max(axis=0), atol=0.02)


def test_trap_15_an_excluded_row_is_dropped_and_the_list_filled_up() -> None:
    documents = vectors(50, 16)
    made = searcher(documents, "Flat")
    excluded = np.array([0, -1, 2])
    ranking = made.rank(documents[:3], 10, excluded)
    assert ranking.rows.shape == (3, 10)
    assert ranking.rows[1, 0] == 1
    assert not (ranking.rows[[0, 2]] == excluded[[0, 2], None]).any()
    np.testing.assert_array_equal(ranking.rows[0], made.rank(documents[:1], 11).rows[0, 1:])


def test_without_shortens_lists_that_lack_the_excluded_row_too() -> None:
    ranking = Ranking(np.array([[3, 1, 2], [2, 0, 1]]), np.array([[3, 2, 1], [3, 2, 1]], np.float32))
    assert without(ranking, np.array([1, 5]), 2).rows.tolist() == [[3, 2], [2, 0]]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_more_oversampling_never_lowers_the_overlap_with_exact_search(seed: int) -> None:
    documents, queries = vectors(300, 24, seed), vectors(5, 24, seed + 1)
    wanted = exact(documents, queries, 10)

    def overlap(factor: int) -> float:
        rows = searcher(documents, "BFlat", RescoreConfig("float32", factor)).rank(queries, 10).rows
        return float(np.mean([len(set(a) & set(b)) for a, b in zip(rows, wanted, strict=True)]))

    overlaps = [overlap(factor) for factor in (1, 2, 4, 8, 30)]
    assert overlaps == sorted(overlaps)
    assert overlaps[-1] == 10


def test_a_rescored_result_is_a_permutation_of_candidates() -> None:
    documents, queries = vectors(300, 24), vectors(5, 24, seed=1)
    candidates = searcher(documents, "BFlat").rank(queries, 40).rows
    rescored = searcher(documents, "BFlat", RescoreConfig("float32", 4)).rank(queries, 10).rows
    assert all(set(a) <= set(b) for a, b in zip(rescored.tolist(), candidates.tolist(), strict=True))


@pytest.mark.parametrize("rescore", [None, RescoreConfig("float16", 3)])
def test_what_is_timed_finds_what_is_ranked(rescore: RescoreConfig | None) -> None:
    documents, queries = vectors(500, 64), vectors(20, 64, seed=1)
    made = searcher(documents, "SQ8", rescore)
    found, ranking = made.find(queries, 10), made.rank(queries, 10)
    assert (found.rows == ranking.rows).mean() > 0.98
    np.testing.assert_allclose(found.scores, ranking.scores, atol=1e-5)


@pytest.mark.parametrize(("store", "quantize"), [("float32", lambda v: v), ("float16", lambda v: v.astype(np.float16))])
def test_rescored_scores_are_inner_products_with_the_kept_copy(
    store: str, quantize: Callable[[Matrix], Matrix]
) -> None:
    documents, queries = vectors(200, 32), vectors(4, 32, seed=1)
    ranking = searcher(documents, "BFlat", RescoreConfig(store, 50)).rank(queries, 5)
    kept = quantize(documents).astype(np.float32)
    np.testing.assert_allclose(ranking.scores, np.take_along_axis(queries @ kept.T, ranking.rows, axis=1), atol=1e-6)
