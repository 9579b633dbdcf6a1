"""What pgvector finds of real collections, beside NumPy and FAISS."""

from pathlib import Path

import numpy as np
import pytest

from evalkit.search import cut
from tests.tasks.retrieval.test_grid import NDCG, measured, stored


@pytest.mark.parametrize("name", ["xquad-en", pytest.param("cranfield", marks=pytest.mark.verify)])
def test_exact_search_equals_a_matrix_product_and_a_sort_to_the_last_rank(
    shared_data: Path, session_store: Path, tmp_path: Path, name: str
) -> None:
    run, corpus = measured(shared_data, session_store, tmp_path / "results", name, "index=[pgvector_exact]")
    documents, queries = (cut(side, 384).astype(np.float64) for side in stored(session_store, corpus))
    product = queries @ documents.T
    place = {id_: i for i, id_ in enumerate(corpus.documents.ids)}
    rows = run.rankings()["document_id"].map(place).to_numpy().reshape(len(queries), -1)
    assert rows.shape[1] == min(100, len(documents))
    assert all(len(set(ranked)) == len(ranked) for ranked in rows.tolist())
    expected = -np.sort(-product, axis=1)[:, : rows.shape[1]]
    np.testing.assert_allclose(np.take_along_axis(product, rows, axis=1), expected, atol=1e-6)


@pytest.mark.verify
def test_every_quantization_and_index_is_as_good_as_faiss_own_of_the_same_kind(
    shared_data: Path, session_store: Path, tmp_path: Path
) -> None:
    settings = (
        "quantization=[float32,float16,binary,binary_rescore]",
        "index=[flat,hnsw,ivf,pgvector_exact,pgvector_hnsw,pgvector_ivfflat]",
    )
    run, _ = measured(shared_data, session_store, tmp_path / "results", "cranfield", *settings)
    points = run.points()
    best = points.groupby(["quantization", "engine", "index"], observed=True)[NDCG].max()
    of_faiss = {"exact": "flat", "hnsw": "hnsw", "ivfflat": "ivf"}
    for quantization in ("float32", "float16", "binary", "binary_rescore"):
        for index, other in of_faiss.items():
            difference = best[quantization, "pgvector", index] - best[quantization, "faiss", other]
            assert abs(difference) <= (0.02 if index != "exact" else 1e-9), (quantization, index)
