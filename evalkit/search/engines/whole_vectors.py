"""Scores by the whole vectors, which a database keeps beside its codes and re-orders candidates by."""

import numpy as np

from evalkit.arrays import FloatMatrix, Rows, Scores
from evalkit.measures.ranking import blocks
from evalkit.vectors.matrix import Vectors

QUERIES_AT_ONCE = 128


def exact_scores(documents: Vectors, queries: FloatMatrix, rows: Rows) -> Scores:
    """Inner products of ``queries`` with the documents in ``rows`` (queries × candidates); -inf for -1."""
    scores = np.full(rows.shape, -np.inf, dtype=np.float32)
    for part in blocks(len(queries), QUERIES_AT_ONCE):
        candidates, place = np.unique(np.maximum(rows[part], 0), return_inverse=True)
        products = queries[part] @ documents.take(candidates).T
        scores[part] = np.take_along_axis(products, place.reshape(rows[part].shape), axis=1)
    scores[rows < 0] = -np.inf
    return scores
