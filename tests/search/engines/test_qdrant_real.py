"""Qdrant's own code on real collections: exact search is NumPy's, and codes lose about what FAISS's lose."""

from pathlib import Path

import numpy as np
import pytest

from evalkit.vectors.cut import cut
from tests.tasks.retrieval.test_grid import measured, stored

NDCG = "nDCG@10"
COLLECTIONS = ["xquad-en", pytest.param("cranfield", marks=pytest.mark.verify)]
QUANTIZATIONS = ("float32", "float16", "int8", "int8_rescore", "binary", "binary_rescore")
LEARNED = ("pq", "pq_rescore")  # of FAISS from at least 256 documents, which XQuAD has not


@pytest.mark.parametrize("name", COLLECTIONS)
def test_exact_search_equals_a_matrix_product_and_a_sort_to_the_last_rank(
    shared_data: Path, session_store: Path, tmp_path: Path, name: str
) -> None:
    run, corpus = measured(shared_data, session_store, tmp_path / "results", name, "index=qdrant_exact")
    documents, queries = (cut(side, 384).astype(np.float64) for side in stored(session_store, corpus))
    ranking = run.rankings()
    assert set(ranking["engine"]) == {"qdrant"}
    place = {document: row for row, document in enumerate(corpus.documents.ids)}
    rows = ranking["document_id"].map(place).to_numpy().reshape(len(queries), -1)
    assert rows.shape[1] == min(100, len(documents))
    product = queries @ documents.T
    expected = -np.sort(-product, axis=1)[:, : rows.shape[1]]
    np.testing.assert_allclose(np.take_along_axis(product, rows, axis=1), expected, atol=1e-6)


@pytest.mark.verify
@pytest.mark.parametrize(
    ("name", "quantizations"), [("xquad-en", QUANTIZATIONS), ("cranfield", (*QUANTIZATIONS, *LEARNED))]
)
def test_every_quantization_of_every_index_is_as_good_as_faisss(
    shared_data: Path, session_store: Path, tmp_path: Path, name: str, quantizations: tuple[str, ...]
) -> None:
    grid = [f"quantization=[{','.join(quantizations)}]", "index=[flat,hnsw,qdrant_exact,qdrant_hnsw]"]
    run, _ = measured(shared_data, session_store, tmp_path / "results", name, *grid)
    points = run.points()
    best = points.groupby(["quantization", "engine", "index"])[NDCG].max()
    ours = {"flat": "exact", "hnsw": "hnsw"}
    losses = {
        (quantization, index): best[quantization, "faiss", index] - best[quantization, "qdrant", ours[index]]
        for quantization in quantizations
        for index in ours
    }
    assert {cell: loss for cell, loss in losses.items() if not abs(loss) < 0.02} == {}
    overlaps = points[points["engine"] == "qdrant"].groupby("quantization")["overlap@10"].max()
    assert overlaps["float32"] == 1.0
    assert overlaps.notna().all()
