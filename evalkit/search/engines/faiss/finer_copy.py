"""A flat, finer copy of the documents beside their codes, which re-orders candidates."""

from dataclasses import dataclass

import numpy as np

from evalkit.arrays import FloatMatrix, Rows, Scores
from evalkit.config import RescoreConfig
from evalkit.measures.ranking import Ranking
from evalkit.search.engine import Filter
from evalkit.search.engines.faiss.exact import StoredFlatIndex
from evalkit.search.engines.faiss.indexes import FloatIndex, RefinedIndex
from evalkit.search.engines.vector_index import VectorIndex
from evalkit.vectors.faiss_strings import FINER_COPIES, float_index

RESCORE_QUERIES = 64


@dataclass(frozen=True)
class FinerCopy:
    """The ``store`` of the copies; ``refined`` is FAISS's own index of codes and copies, where it has one."""

    store: FloatIndex | StoredFlatIndex
    refined: RefinedIndex | None = None

    def scores(self, queries: FloatMatrix, rows: Rows) -> Scores:
        """Inner products of float queries with the de-quantized copies of ``rows`` (queries × candidates)."""
        scores = np.empty(rows.shape, dtype=np.float32)
        for start in range(0, len(queries), RESCORE_QUERIES):
            block = slice(start, start + RESCORE_QUERIES)
            vectors = self.store.reconstruct(np.maximum(rows[block], 0))[..., : queries.shape[1]]
            scores[block] = np.einsum("qd,qcd->qc", queries[block], vectors)
        scores[rows < 0] = -np.inf
        return scores

    def search(self, queries: FloatMatrix, k: int, candidates: int, keep: Filter | None = None) -> Ranking | None:
        """The best ``k`` of as many ``candidates`` by FAISS's own index; null where it has none."""
        if self.refined is None:
            return None
        scores, rows = self.refined.search(queries, k, candidates, keep)
        return Ranking(rows, scores)


def finer_store(rescore: RescoreConfig, dims: int, main: VectorIndex) -> FloatIndex:
    """The empty store of ``rescore``, as wide as ``main``, so that FAISS can join the two."""
    width = main.index.d if isinstance(main, FloatIndex) else dims
    return FloatIndex(float_index(width, FINER_COPIES[rescore.store]))


def joined(main: VectorIndex, store: FloatIndex | StoredFlatIndex) -> RefinedIndex | None:
    """FAISS's own index of the two, which a server would run; null where one is not FAISS's or goes by L2."""
    if not isinstance(main, FloatIndex) or not isinstance(store, FloatIndex):
        return None
    return None if main.lower_is_better else RefinedIndex(main, store)
