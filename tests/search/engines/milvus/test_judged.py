"""Milvus Lite on judged corpora: NumPy's own ranking without approximation, FAISS's quality with it."""

from pathlib import Path

import numpy as np
import pytest

from evalkit.search import cut
from tests.tasks.retrieval.test_grid import NDCG, measured, stored

CORPORA = ["xquad-en", "cranfield"]
GRIDS = [("milvus_flat,hnsw,milvus_hnsw,ivf,milvus_ivf", "float32"), ("hnsw,milvus_hnsw,ivf,milvus_ivf", "int8")]


@pytest.mark.verify
@pytest.mark.parametrize("name", CORPORA)
def test_flat_is_numpys_ranking_and_the_others_are_as_good_as_faiss(
    shared_data: Path, session_store: Path, tmp_path: Path, name: str
) -> None:
    for indexes, quantization in GRIDS:
        grid = [f"index=[{indexes}]", f"quantization=[{quantization}]"]
        run, corpus = measured(shared_data, session_store, tmp_path / quantization, name, *grid)
        points = run.points()
        means = points.groupby(["engine", "index"])[NDCG].max().unstack("engine")
        both = means.drop(index="flat", errors="ignore")
        assert (both["milvus"] - both["faiss"]).abs().max() <= 0.02
        assert (points["overlap@10"] > 0.8).all()
        if quantization == "float32":
            documents, queries = (cut(side, 384).astype(np.float64) for side in stored(session_store, corpus))
            flat = run.rankings().query("engine == 'milvus' and index == 'flat'")
            place = {id_: row for row, id_ in enumerate(corpus.documents.ids)}
            rows = flat["document_id"].map(place).to_numpy().reshape(len(queries), -1)
            product = queries @ documents.T
            best = -np.sort(-product, axis=1)[:, : rows.shape[1]]
            np.testing.assert_allclose(np.take_along_axis(product, rows, axis=1), best, atol=2e-6)
