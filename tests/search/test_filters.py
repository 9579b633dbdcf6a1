"""Searching among some of the documents: what FAISS finds so is what plain NumPy finds among them."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.config import IndexConfig
from evalkit.errors import UserError
from evalkit.measures.ranking import Ranking, behind, tie_order
from evalkit.search import DocumentSearcher, Searcher, Vectors, build, chunk_order, cut, operating_points, plan
from evalkit.search.engine import Filter
from evalkit.search.filters import by_chance, by_value, keep_chunks, labels_of
from tests.search.engines.contract import ASKED, DIMS, DOCUMENTS, MATRIX, QUANTIZATIONS, best_by_numpy

PLACE = tie_order([f"d{i}" for i in range(DOCUMENTS)])
FLAT = IndexConfig("{quantization}")
GRAPH = IndexConfig("HNSW16,{quantization}", "BHNSW16", search={"efSearch": [16, DOCUMENTS]}, build_threads=1)
LISTS = IndexConfig("IVF8,{quantization}", "BIVF8", search={"nprobe": [1, 8]})
EVERYTHING_SEEN = {"flat": FLAT, "hnsw": GRAPH, "ivf": LISTS}


def keeping(rows: Sequence[int]) -> Filter:
    return Filter("label_0", 1, np.array(sorted(rows), dtype=np.int64))


def at_last_point(index: IndexConfig, quantization: str = "float32") -> Searcher:
    """At its broadest operating point, at which floats miss nothing."""
    made = build(Vectors(MATRIX, DIMS), PLACE, QUANTIZATIONS[quantization], index)
    return made.at(list(operating_points("name", index, QUANTIZATIONS[quantization], 10))[-1])


SEARCHERS = {name: at_last_point(index) for name, index in EVERYTHING_SEEN.items()}


@pytest.mark.parametrize("name", EVERYTHING_SEEN)
@settings(max_examples=20, deadline=None)
@given(rows=st.sets(st.integers(0, DOCUMENTS - 1), min_size=1, max_size=300), k=st.integers(1, 30))
def test_an_index_that_sees_everything_finds_what_numpy_finds_among_what_passes(
    name: str, rows: set[int], k: int
) -> None:
    # A graph is only sure to be walked whole where as much is asked of it as there is.
    searcher = SEARCHERS[name].filtered(Filter(f"drawn {sorted(rows)}", 1, keeping(list(rows)).passing))
    found = searcher.rank(ASKED, k)
    expected = best_by_numpy(min(k, len(rows)), np.array(sorted(rows)))
    assert found.rows[:, : len(rows)].tolist() == expected.tolist()
    assert (found.rows[:, len(rows) :] == -1).all()
    assert [set(row) - {-1} for row in searcher.find(ASKED, k).rows.tolist()] == [set(row) for row in expected.tolist()]


def test_a_filtered_search_keeps_the_operating_point_that_is_set() -> None:
    """FAISS's own parameters of a search are nprobe 1 and efSearch 16, whatever the index was set to."""
    passing = keeping(range(0, DOCUMENTS, 2))
    made = build(Vectors(MATRIX, DIMS), PLACE, QUANTIZATIONS["float32"], LISTS)
    points = list(operating_points("ivf", LISTS, QUANTIZATIONS["float32"], 10))
    asked = cut(np.random.default_rng(3).normal(size=(25, DIMS)), DIMS).astype(np.float32)  # far from every list
    few, all_lists = (made.at(point).filtered(passing).rank(asked, 10).rows.tolist() for point in points)
    again = made.at(points[0]).filtered(passing).rank(asked, 10).rows.tolist()
    scores = asked.astype(np.float64) @ MATRIX[passing.passing].astype(np.float64).T
    exact = passing.passing[np.argsort(-scores, axis=1)[:, :10]].tolist()
    assert all_lists == exact
    assert few != exact
    assert again == few


def test_a_graph_collapses_under_a_narrow_filter_and_fills_nothing_up() -> None:
    passing = keeping(range(0, DOCUMENTS, 50))
    made = build(Vectors(MATRIX, DIMS), PLACE, QUANTIZATIONS["float32"], GRAPH)
    narrow = made.at(next(operating_points("hnsw", GRAPH, QUANTIZATIONS["float32"], 10))).filtered(passing)
    served, ranking = narrow.find(ASKED, 10), narrow.rank(ASKED, 100, served=10)
    came_back = (served.rows >= 0).sum(axis=1)
    assert came_back.min() < 10
    is_short = came_back < 10
    assert ((ranking.rows >= 0).sum(axis=1)[is_short] == came_back[is_short]).all()
    assert np.isin(ranking.rows[ranking.rows >= 0], passing.passing).all()


def test_what_was_served_short_ends_there_only_where_it_is_said_to() -> None:
    served = Ranking(np.array([[3, -1], [3, 4]]), np.array([[0.9, -np.inf], [0.9, 0.8]], dtype=np.float32))
    deeper = Ranking(np.array([[3, 5, 6], [3, 5, 4]]), np.array([[0.9, 0.7, 0.6]] * 2, dtype=np.float32))
    assert behind(served, deeper).rows.tolist() == [[3, 5, 6], [3, 4, 5]]
    assert behind(served, deeper, ends=True).rows.tolist() == [[3, -1, -1], [3, 4, 5]]


@pytest.mark.parametrize(
    ("quantization", "index"),
    [
        *product(["float16", "int8", "int8_rescore", "rabitq"], EVERYTHING_SEEN),
        *product(["binary", "binary_rescore"], ["flat", "hnsw"]),  # IndexBinaryIVF takes no filter: refused
    ],
)
def test_codes_are_filtered_as_they_rank_all_documents(quantization: str, index: str) -> None:
    """What passes, in the order that the same index gives among all documents."""
    searcher = at_last_point(EVERYTHING_SEEN[index], quantization)
    passing = keeping(range(0, DOCUMENTS, 3))
    everything = searcher.coarse(ASKED, DOCUMENTS).rows
    filtered = searcher.filtered(passing).coarse(ASKED, DOCUMENTS).rows
    for all_rows, rows in zip(everything, filtered, strict=True):
        expected = all_rows[np.isin(all_rows, passing.passing)]
        assert rows[: len(expected)].tolist() == expected.tolist()
        assert (rows[len(expected) :] == -1).all()


@pytest.mark.parametrize("quantization", ["int8_rescore", "binary_rescore"])
def test_rescoring_is_of_what_passes(quantization: str) -> None:
    searcher = at_last_point(FLAT, quantization).filtered(keeping(range(0, DOCUMENTS, 40)))
    assert searcher.keep
    expected = best_by_numpy(10, searcher.keep.passing)
    assert searcher.rank(ASKED, 10).rows.tolist() == expected.tolist()
    assert searcher.find(ASKED, 10).rows.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("quantization", "index", "native"),
    [
        ("lsh", FLAT, "IndexLSH"),
        ("pq", FLAT, "IndexPQ"),
        ("opq", FLAT, "IndexPQ"),
        ("pq_fast", FLAT, "IndexPQFastScan"),
        ("binary", LISTS, "IndexBinaryIVF"),
    ],
)
def test_what_faiss_can_not_filter_says_so_before_anything_is_built(
    quantization: str, index: IndexConfig, native: str
) -> None:
    assert plan(DIMS, DOCUMENTS, QUANTIZATIONS[quantization], index).no_filter == f"FAISS's {native} takes no filter"
    assert plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], index).no_filter == ""


def test_vectors_on_disk_are_filtered_alike() -> None:
    on_disk = build(Vectors(MATRIX, DIMS), PLACE, QUANTIZATIONS["float32"], FLAT, memory_bytes=1)
    assert on_disk.on_disk
    passing = keeping([0, 5, *range(300, 320), DOCUMENTS - 1])
    found = on_disk.filtered(passing).rank(ASKED, 30).rows
    assert found[:, :23].tolist() == best_by_numpy(23, passing.passing).tolist()
    assert (found[:, 23:] == -1).all()


@pytest.mark.parametrize("index", ["flat", "hnsw"])
def test_documents_are_ranked_by_the_chunks_of_those_that_pass(index: str) -> None:
    document = np.arange(DOCUMENTS) // 4
    place = tie_order([f"d{i}" for i in range(DOCUMENTS // 4)])
    chunks = build(
        Vectors(MATRIX, DIMS), chunk_order(document, place), QUANTIZATIONS["float32"], EVERYTHING_SEEN[index]
    )
    point = list(operating_points("n", EVERYTHING_SEEN[index], QUANTIZATIONS["float32"], 10))[-1]
    searcher = DocumentSearcher(chunks.at(point), document, place, top_chunks=1)
    passing = keeping(range(0, DOCUMENTS // 4, 20))
    assert keep_chunks(passing, document).passing.tolist() == [r for r in range(DOCUMENTS) if (r // 4) % 20 == 0]
    scores = (ASKED.astype(np.float64) @ MATRIX.astype(np.float64).T).reshape(len(ASKED), -1, 4).max(axis=2)
    expected = passing.passing[np.argsort(-scores[:, passing.passing], axis=1)]
    count = len(passing.passing)
    found = searcher.filtered(passing).rank(ASKED, 20)
    assert found.rows[:, :count].tolist() == expected.tolist() if index == "flat" else True
    assert np.isin(found.rows[found.rows >= 0], passing.passing).all()
    assert (found.rows[:, count:] == -1).all()


def test_chance_is_nested_reproducible_and_close_to_its_share() -> None:
    ids = [f"doc {i}" for i in range(20_000)]
    half, tenth, hundredth = by_chance([0.5, 0.1, 0.01], 0, ids)
    assert set(hundredth.keep.passing) < set(tenth.keep.passing) < set(half.keep.passing)
    assert [each.name for each in (half, tenth, hundredth)] == ["random<0.5", "random<0.1", "random<0.01"]
    assert [each.selectivity for each in (half, tenth)] == pytest.approx([0.5, 0.1], abs=0.01)
    (other,) = by_chance([0.1], 7, ids)
    assert other.name == "random<0.1 (seed 7)"
    assert other.digest != tenth.digest == by_chance([0.1], 0, ids)[0].digest
    (backwards,) = by_chance([0.1], 0, ids[::-1])
    assert {ids[::-1][row] for row in backwards.keep.passing} == {ids[row] for row in tenth.keep.passing}
    assert backwards.digest == tenth.digest


def test_labels_are_what_an_engine_chooses_by() -> None:
    values = ["de", None, "en", "de", "fr"]
    ids = list("abcde")
    filters = by_value("lang", values, ["de", "en"], ids)
    assert [(each.name, each.keep.passing.tolist()) for each in filters] == [("lang=de", [0, 3]), ("lang=en", [2])]
    labels = labels_of(filters, 5)
    assert {column: codes.tolist() for column, codes in labels.items()} == {"label_0": [1, 0, 2, 1, 0]}
    for each in filters:
        assert np.flatnonzero(labels[each.keep.column] == each.keep.value).tolist() == each.keep.passing.tolist()
    columns = labels_of(by_chance([0.9, 0.2], 0, ids), 5)
    assert set(columns) == {"label_0", "label_1"}
    assert not (columns["label_1"] & ~columns["label_0"]).any()


def test_an_unknown_parameter_is_still_refused() -> None:
    with pytest.raises(UserError, match="no parameter"):
        plan(DIMS, DOCUMENTS, QUANTIZATIONS["float32"], IndexConfig("{quantization}", search={"nprobe": [1]}))
