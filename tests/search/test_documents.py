"""Documents ranked by their chunks, against a plain loop over all of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.measures.ranking import tie_order
from evalkit.search import DocumentSearcher, Vectors, build, chunk_order, cut

FLAT = IndexConfig("{quantization}")
HNSW = IndexConfig("HNSW16,{quantization}", search={"efSearch": [16]})


def searcher(
    vectors: np.ndarray,
    document: np.ndarray,
    top_chunks: int,
    factory: str = "Flat",
    index: IndexConfig = FLAT,
    rescore: RescoreConfig | None = None,
) -> DocumentSearcher:
    place = tie_order([f"d{i}" for i in range(document.max() + 1)])
    quantization = QuantizationConfig(factory, rescore)
    chunks = build(Vectors(vectors, vectors.shape[1]), chunk_order(document, place), quantization, index)
    return DocumentSearcher(chunks, document, place, top_chunks)


def by_hand(scores: np.ndarray, document: np.ndarray, top_chunks: int) -> tuple[list[int], list[float]]:
    """Documents by the mean of their best chunks; of equal ones the higher id first, as trec_eval orders them."""
    means = [
        float(np.float32(np.mean(np.sort(scores[document == row].astype(np.float64))[::-1][:top_chunks])))
        for row in range(document.max() + 1)
    ]
    ranked = sorted(range(len(means)), key=lambda row: f"d{row}", reverse=True)
    ranked.sort(key=lambda row: -means[row])
    return ranked, [means[row] for row in ranked]


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=25),
    top_chunks=st.integers(1, 4),
    k=st.integers(1, 12),
    seed=st.integers(0, 1_000),
    coarse=st.booleans(),
)
def test_documents_are_ranked_by_the_mean_of_their_best_chunks(
    counts: list[int], top_chunks: int, k: int, seed: int, coarse: bool
) -> None:
    """``coarse`` vectors have few different scores, so that ties reach across every depth."""
    rng = np.random.default_rng(seed)
    document = np.repeat(np.arange(len(counts)), counts)
    raw = rng.integers(0, 2, (len(document), 4)) if coarse else rng.normal(size=(len(document), 4))
    vectors, queries = cut(raw.astype(np.float32), 4), cut(rng.normal(size=(5, 4)).astype(np.float32), 4)
    made = searcher(vectors, document, top_chunks)
    ranking = made.rank(queries, k)
    scores = np.full((5, len(document)), np.nan, dtype=np.float32)
    every = made.chunks.rank(queries, len(document))  # FAISS's own inner products, so that ties are the same ones
    np.put_along_axis(scores, every.rows, every.scores, axis=1)
    for query in range(5):
        rows, means = by_hand(scores[query], document, top_chunks)
        assert ranking.rows[query].tolist() == rows[:k]
        np.testing.assert_array_equal(ranking.scores[query], np.array(means[:k], dtype=np.float32))


def test_one_document_that_has_all_the_best_chunks_takes_one_place() -> None:
    """The ten nearest chunks are one document's: a search that stopped there would find nothing else."""
    rng = np.random.default_rng(3)
    query = cut(rng.normal(size=(1, 8)).astype(np.float32), 8)
    close, far = query + 0.01 * rng.normal(size=(200, 8)), rng.normal(size=(300, 8))
    document = np.concatenate([np.zeros(200, dtype=np.int64), 1 + np.arange(300) // 3])
    made = searcher(cut(np.vstack([close, far]).astype(np.float32), 8), document, top_chunks=1)
    ranking = made.rank(query, 10)
    assert ranking.rows[0, 0] == 0
    assert len(set(ranking.rows[0].tolist())) == 10


@pytest.mark.parametrize("top_chunks", [1, 3])
def test_what_is_timed_finds_what_is_judged(top_chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in blocks of few queries, as a large corpus would be searched."""
    rng = np.random.default_rng(4)
    document = np.repeat(np.arange(80), rng.integers(1, 12, 80))
    raw = rng.normal(size=(80, 8))[document] + rng.normal(size=(len(document), 8))
    vectors, queries = (cut(each.astype(np.float32), 8) for each in (raw, rng.normal(size=(9, 8))))
    made = searcher(vectors, document, top_chunks)
    judged = made.rank(queries, 10)
    assert made.find(queries, 10).rows.tolist() == judged.rows.tolist()
    monkeypatch.setattr("evalkit.search.documents.CELLS", 1)
    assert made.rank(queries, 10).rows.tolist() == judged.rows.tolist()


def test_the_document_that_is_the_query_is_left_out() -> None:
    rng = np.random.default_rng(5)
    vectors = cut(rng.normal(size=(40, 8)).astype(np.float32), 8)
    document = np.arange(40) // 4
    made = searcher(vectors, document, top_chunks=1)
    whole = made.rank(vectors[:3], 5)
    less = made.rank(vectors[:3], 5, excluded=np.array([0, -1, 0]))
    assert whole.rows[:, 0].tolist() == [0, 0, 0]
    assert less.rows[0].tolist() == made.rank(vectors[:3], 6).rows[0, 1:].tolist()
    assert less.rows[1].tolist() == whole.rows[1].tolist()


@pytest.mark.parametrize(
    ("factory", "index", "rescore"),
    [("SQ8", FLAT, None), ("BFlat", FLAT, RescoreConfig("float32", 4)), ("Flat", HNSW, None)],
)
def test_any_index_gives_documents_once_and_best_first(
    factory: str, index: IndexConfig, rescore: RescoreConfig | None
) -> None:
    rng = np.random.default_rng(9)
    document = np.sort(rng.integers(0, 120, 600))
    document = np.unique(document, return_inverse=True)[1]
    vectors, queries = (cut(rng.normal(size=(n, 16)).astype(np.float32), 16) for n in (600, 7))
    made = searcher(vectors, document, top_chunks=2, factory=factory, index=index, rescore=rescore)
    ranking = made.rank(queries, 20)
    found_by_server = made.find(queries, 20)
    scores, rows = found_by_server.scores, found_by_server.rows
    for row in range(7):
        found = ranking.rows[row][ranking.rows[row] >= 0].tolist()
        assert len(found) == len(set(found)) >= 15
        assert (np.diff(ranking.scores[row][: len(found)]) <= 0).all()
        assert len(set(rows[row].tolist()) & set(found)) >= 10
    assert (np.diff(np.where(np.isfinite(scores), scores, -9), axis=1) <= 0).all()
