"""Scores of single pairs against plain NumPy and against the ranking of an exact search."""

from pathlib import Path

import numpy as np
import pytest

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.measures import memory
from evalkit.measures.memory import PeakMemory
from evalkit.measures.overlap import rounding
from evalkit.measures.ranking import tie_order
from evalkit.search import (
    DocumentSearcher,
    ExactDocumentScores,
    ExactScores,
    Vectors,
    build,
    chunk_order,
    cut,
)
from evalkit.search import exact_scores as module
from evalkit.vectors.stored import open_npy

DIMS, CHUNKS, DOCUMENTS = 24, 300, 40


@pytest.fixture
def vectors() -> tuple[np.ndarray, Vectors]:
    """Queries, and documents that are stored wider and in half precision."""
    rng = np.random.default_rng(2)
    stored = rng.normal(size=(CHUNKS, 32)).astype(np.float16)
    return cut(rng.normal(size=(7, 32)), DIMS), Vectors(stored, DIMS)


def test_a_pair_scores_its_inner_product_at_the_width_that_is_searched(vectors: tuple[np.ndarray, Vectors]) -> None:
    queries, documents = vectors
    asked, rows = np.array([0, 6, 6, 3]), np.array([299, 0, 5, 5])
    wide = documents.matrix[rows, :DIMS].astype(np.float64)
    expected = (queries[asked] * wide / np.linalg.norm(wide, axis=1, keepdims=True)).sum(axis=1)
    np.testing.assert_allclose(ExactScores(queries, documents)(asked, rows), expected, atol=1e-7)
    assert ExactScores(queries, documents)(asked[:0], rows[:0]).shape == (0,)


@pytest.mark.parametrize("top_chunks", [1, 3])
@pytest.mark.parametrize("in_order", [True, False])
def test_a_document_scores_as_exact_search_ranks_it(
    top_chunks: int, in_order: bool, vectors: tuple[np.ndarray, Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAIRS", 16)  # pairs come in many blocks
    queries, chunks = vectors
    document = np.random.default_rng(3).integers(0, DOCUMENTS, CHUNKS)
    document[:DOCUMENTS] = np.arange(DOCUMENTS)
    if in_order:
        document.sort()
    place = tie_order([f"d{row}" for row in range(DOCUMENTS)])
    flat = build(chunks, chunk_order(document, place), QuantizationConfig("Flat"), IndexConfig("{quantization}"))
    ranking = DocumentSearcher(flat, document, place, top_chunks).rank(queries, DOCUMENTS)
    scores = ExactDocumentScores(ExactScores(queries, chunks), document, top_chunks)
    asked = np.repeat(np.arange(7), DOCUMENTS)
    np.testing.assert_allclose(scores(asked, ranking.rows.ravel()), ranking.scores.ravel(), atol=rounding(DIMS))
    assert scores(asked[:0], asked[:0]).shape == (0,)


@pytest.mark.skipif(not memory.CLEAR_REFS.exists(), reason="memory is read from /proc")
def test_pairs_of_vectors_on_disk_leave_nothing_in_memory_that_a_later_point_would_count(tmp_path: Path) -> None:
    rows = 400_000
    np.save(tmp_path / "large.npy", np.random.default_rng(0).random((rows, 64), dtype=np.float32))  # 102 MB
    scores = ExactScores(cut(np.ones((1, 64)), 64), Vectors(open_npy(tmp_path / "large.npy"), 64))
    some = np.arange(0, rows, 8)
    scores(np.zeros(5_000, dtype=np.int64), some[:5_000])
    with PeakMemory() as before:
        pass
    assert len(scores(np.zeros(len(some), dtype=np.int64), some)) == len(some)
    with PeakMemory() as after:
        pass
    assert before.peak_rss_bytes is not None
    assert after.peak_rss_bytes is not None
    assert after.peak_rss_bytes - before.peak_rss_bytes < 30 * 2**20
