"""What is judged is what a user is served: candidates, graphs that look at more when asked for more, what follows."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.errors import UserError
from evalkit.measures.ranking import behind, order, tie_order
from evalkit.search import DocumentSearcher, OperatingPoint, Ranking, Searcher, Vectors, build, chunk_order, cut
from evalkit.search import operating_points as points_of
from evalkit.search.operating import check_breadth

FLAT = IndexConfig("{quantization}")
GRAPH = IndexConfig("HNSW8_{quantization}", "BHNSW8", search={"efSearch": [10]}, build_threads=1)
CLUSTERS = IndexConfig("IVF16,{quantization}", "BIVF16", search={"nprobe": [3]})


def vectors(rows: int, dims: int, seed: int) -> np.ndarray:
    return cut(np.random.default_rng(seed).normal(size=(rows, dims)).astype(np.float32), dims)


DOCUMENTS, QUERIES = vectors(900, 32, 0), vectors(25, 32, 1)
IDS = np.array([f"d{i}" for i in range(900)])


def searcher(quantization: QuantizationConfig, index: IndexConfig = FLAT, served: int = 10) -> Searcher:
    """At its first operating point."""
    made = build(Vectors(DOCUMENTS, 32), tie_order(IDS), quantization, index)
    return made.at(next(points_of("name", index, quantization, served)))


def by_hand(query: np.ndarray, candidates: int) -> tuple[list[int], list[int]]:
    """Of sign bits re-ordered by float vectors: (the candidates, best first; the others by Hamming distance).

    Equal scores come by descending id, as in trec_eval. Plain NumPy and sorted(), no part of the package.
    """
    hamming = ((DOCUMENTS > 0) != (query > 0)).sum(axis=1)
    coarse = sorted(range(900), key=lambda row: (-hamming[row], IDS[row]), reverse=True)
    exact = DOCUMENTS.astype(np.float64) @ query.astype(np.float64)
    return sorted(coarse[:candidates], key=lambda row: (exact[row], IDS[row]), reverse=True), coarse[candidates:]


@pytest.mark.parametrize(
    ("rescore", "candidates"),
    [
        (RescoreConfig("float32"), 40),
        (RescoreConfig("float32", factor=2), 20),
        (RescoreConfig("float32", candidates=150), 150),
    ],
)
def test_the_best_candidates_of_the_codes_are_reordered_and_the_rest_follow(
    rescore: RescoreConfig, candidates: int
) -> None:
    made = searcher(QuantizationConfig("BFlat", rescore))
    ranking = made.rank(QUERIES, 100, served=10)
    for rows, query in zip(ranking.rows.tolist(), QUERIES, strict=True):
        first, rest = by_hand(query, candidates)
        assert rows == [*first, *rest][:100]
    assert (np.diff(ranking.scores, axis=1) <= 0).all()
    assert (np.diff(ranking.scores[:, candidates - 1 :], axis=1) < 0).all()


@pytest.mark.parametrize("candidates", [10, 11, 37, 40, 400])
def test_what_is_timed_reorders_just_as_many_candidates(candidates: int) -> None:
    """Also through FAISS's own IndexRefine, which takes a factor and rounds it down."""
    made = searcher(QuantizationConfig("SQ4", RescoreConfig("float32", candidates=candidates)))
    coarse = searcher(QuantizationConfig("SQ4")).rank(QUERIES, candidates)
    assert made.rescoring.search(QUERIES, 10, candidates) is not None
    for rows, query, given_ in zip(made.find(QUERIES, 10).rows, QUERIES, coarse.rows, strict=True):
        assert rows.tolist() == given_[np.argsort(-(DOCUMENTS[given_] @ query))][:10].tolist()


def test_a_graph_is_judged_by_the_search_that_is_served() -> None:
    """Asked for 100, FAISS walks a graph of sign bits further, and finds better ones than those get who ask for 10."""
    made = searcher(QuantizationConfig("BFlat"), GRAPH)
    served, ranking, deeper = made.find(QUERIES, 10), made.rank(QUERIES, 100, served=10), made.find(QUERIES, 100)
    assert [set(rows) for rows in ranking.rows[:, :10].tolist()] == [set(rows) for rows in served.rows.tolist()]
    assert deeper.scores[:, :10].mean() > ranking.scores[:, :10].mean() + 0.01
    for rows, all_ in zip(ranking.rows.tolist(), deeper.rows.tolist(), strict=True):
        assert set(rows[10:]) <= set(all_)
    assert (np.diff(ranking.scores, axis=1) <= 0).all()


@pytest.mark.parametrize("rescore", [None, RescoreConfig("float32")])
def test_a_graphs_candidates_are_those_of_a_search_for_as_many(rescore: RescoreConfig | None) -> None:
    made = searcher(QuantizationConfig("SQ8", rescore), replace(GRAPH, search={"efSearch": [40]}))
    ranking = made.rank(QUERIES, 100, served=10)
    np.testing.assert_array_equal(ranking.rows[:, :10], made.find(QUERIES, 10).rows)


@pytest.mark.parametrize(
    ("quantization", "index"),
    [*product(["Flat", "SQ8", "RaBitQ", "PQ8x4fs", "BFlat"], [CLUSTERS]), *product(["Flat", "SQ8", "PQ8np"], [GRAPH])],
    ids=lambda value: value if isinstance(value, str) else value.faiss[:4],
)
def test_other_indexes_find_the_same_however_many_are_asked_for(quantization: str, index: IndexConfig) -> None:
    made = searcher(QuantizationConfig(quantization), index)
    ten, hundred = made.find(QUERIES, 10), made.find(QUERIES, 100)
    np.testing.assert_array_equal(ten.scores, hundred.scores[:, :10])


def test_a_document_that_is_left_out_makes_room_for_one_more() -> None:
    made = searcher(QuantizationConfig("Flat"), GRAPH)
    eleven = made.find(QUERIES, 11).rows
    ranking = made.rank(QUERIES, 50, excluded=eleven[:, 3], served=10)
    np.testing.assert_array_equal(ranking.rows[:, :10], np.delete(eleven, 3, axis=1))


def of_chunks(quantization: QuantizationConfig) -> DocumentSearcher:
    """900 chunks of 300 documents."""
    document, place = np.repeat(np.arange(300), 3), tie_order(IDS[:300])
    chunks = build(Vectors(DOCUMENTS, 32), chunk_order(document, place), quantization, FLAT)
    return DocumentSearcher(chunks, document, place, top_chunks=1).at(next(points_of("flat", FLAT, quantization, 5)))


def test_documents_of_chunks_are_served_from_reordered_chunks() -> None:
    """8 candidates are 24 chunks, whatever depth the ranking has."""
    made = of_chunks(QuantizationConfig("BFlat", RescoreConfig("float32", candidates=8)))
    document, place = made.document, made.place
    ranking = made.rank(QUERIES, 60, served=5)
    for rows, query in zip(ranking.rows.tolist(), QUERIES, strict=True):
        hamming = ((DOCUMENTS > 0) != (query > 0)).sum(axis=1)
        coarse = sorted(range(900), key=lambda row: (hamming[row], place[document[row]], row))
        first = sorted(coarse[:24], key=lambda row: -float(DOCUMENTS[row] @ query))
        assert rows == list(dict.fromkeys(document[[*first, *coarse]].tolist()))[:60]


def test_what_is_timed_of_chunks_is_what_is_judged() -> None:
    made = of_chunks(QuantizationConfig("SQ4", RescoreConfig("float32", candidates=8)))
    np.testing.assert_array_equal(made.find(QUERIES, 5).rows, made.rank(QUERIES, 60, served=5).rows[:, :5])


def test_candidates_of_few_documents_are_searched_deeper() -> None:
    """One document has all the chunks that are nearest to the query."""
    near = cut(QUERIES[:1] + 0.01 * vectors(200, 32, 5), 32)
    document = np.concatenate([np.zeros(200, dtype=np.int64), 1 + np.arange(700)])
    place = tie_order(IDS[:701])
    quantization = QuantizationConfig("BFlat", RescoreConfig("float32"))
    chunks = build(Vectors(np.vstack([near, DOCUMENTS[:700]]), 32), chunk_order(document, place), quantization, FLAT)
    made = DocumentSearcher(chunks, document, place, top_chunks=1)
    assert made.find(QUERIES[:1], 10).rows.min() >= 0


def test_a_ladder_of_candidates_is_a_list_of_operating_points() -> None:
    index = IndexConfig("HNSW8,{quantization}", search={"efSearch": [64, 128]})
    ladder = QuantizationConfig("SQ8", RescoreConfig(factor=[2, 4, 4, 10]))
    assert [(p.name, p.candidates) for p in points_of("flat", FLAT, ladder, serve_k=5)] == [
        ("flat(candidates=10)", 10),
        ("flat(candidates=20)", 20),
        ("flat(candidates=50)", 50),
    ]
    assert [p.name for p in points_of("hnsw", index, ladder, serve_k=5)] == [
        f"hnsw(efSearch={ef}, candidates={n})" for ef, n in product((64, 128), (10, 20, 50))
    ]
    single = QuantizationConfig("SQ8", RescoreConfig(candidates=[30]))
    assert list(points_of("flat", FLAT, single, serve_k=5)) == [OperatingPoint("flat", {}, 30)]


def test_a_name_that_would_not_say_what_was_searched_is_refused() -> None:
    check_breadth(OperatingPoint("hnsw(efSearch=40)", {"efSearch": 40}, 40), asked=40)
    check_breadth(OperatingPoint("ivf(nprobe=4)", {"nprobe": 4}, 40), asked=40)
    with pytest.raises(UserError, match="efSearch=39 keeps fewer candidates than the 40 results"):
        check_breadth(OperatingPoint("hnsw(efSearch=39)", {"efSearch": 39}, 40), asked=40)


@settings(deadline=None)
@given(
    served=st.lists(st.integers(0, 30), unique=True, max_size=8),
    deeper=st.lists(st.integers(0, 30), unique=True, min_size=8, max_size=20),
    scale=st.sampled_from([1e-3, 1.0, 1e9]),
    seed=st.integers(0, 1_000),
)
def test_what_follows_keeps_its_order_whatever_its_ids_are(
    served: list[int], deeper: list[int], scale: float, seed: int
) -> None:
    """Read back by score and any ids, as trec_eval does, the ranking is the one that was written."""
    rng = np.random.default_rng(seed)
    scores = [np.sort(rng.normal(size=len(rows)) * scale)[::-1].astype(np.float32) for rows in (served, deeper)]
    place = rng.permutation(31)
    first = order(np.array([served + [-1] * (8 - len(served))]), np.resize(scores[0], (1, 8)), place)
    joined = behind(first, order(np.array([deeper]), scores[1][None], place))
    behind_served = [row for row in joined.rows[0].tolist() if row >= 0]
    followers = [row for row in order(np.array([deeper]), scores[1][None], place).rows[0].tolist() if row not in served]
    assert behind_served == [*[r for r in first.rows[0].tolist() if r >= 0], *followers][: len(deeper)]
    again = order(joined.rows, joined.scores, place)
    assert again.rows.tolist() == joined.rows.tolist()


def test_a_ranking_that_begins_with_what_is_served_keeps_its_scores() -> None:
    deeper = Ranking(np.array([[4, 2, 7], [4, 2, 7]]), np.array([[0.9, 0.8, 0.7]] * 2, np.float32))
    served = Ranking(np.array([[4], [2]]), np.array([[0.9], [0.8]], np.float32))
    joined = behind(served, deeper)
    assert joined.rows.tolist() == [[4, 2, 7], [2, 4, 7]]
    np.testing.assert_allclose(joined.scores, [[0.9, 0.8, 0.7], [0.8, -1, -2]], rtol=1e-6)
