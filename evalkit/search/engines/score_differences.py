"""What scores of an index show of its codes: how far they are from those of the whole vectors that are kept."""

from collections.abc import Callable

import numpy as np

from evalkit.arrays import FloatMatrix, Floats, Rows
from evalkit.measures.ranking import Ranking
from evalkit.vectors.matrix import Vectors

SAMPLE, SAMPLE_K = 16, 10  # documents that are searched for, and how many of each answer are compared
LEAST_DIFFERENCE = 2e-6  # of scores, beyond which they are not those of float32 vectors
MOST_DIFFERENCE = 1e-4  # of those that are, with what computing them in another order adds
Scorer = Callable[[Floats, Floats], Floats]  # of queries and vectors, n × dims each


def inner_products(queries: Floats, vectors: Floats) -> Floats:
    products: Floats = np.einsum("nd,nd->n", queries, vectors)
    return products


def cosines(queries: Floats, vectors: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(queries, axis=1) * np.linalg.norm(vectors, axis=1)
    return inner_products(queries, vectors) / np.maximum(lengths, np.finfo(np.float64).tiny)


def squared_distances(queries: Floats, vectors: Floats) -> Floats:
    """Negated, as higher scores are better."""
    distances: Floats = -((queries - vectors) ** 2).sum(axis=1)
    return distances


def largest_difference(
    documents: Vectors,
    search: Callable[[FloatMatrix, int], Ranking],
    take: Callable[[Rows], FloatMatrix],
    score: Scorer = inner_products,
) -> float:
    """The largest between what ``search`` for some ``documents`` scores and the ``score`` of the vectors it found.

    ``take`` gives the vectors of rows as they are kept: those of a table that was there already are its own, as others
    than the model's would differ whatever is searched. Of scores beyond ±1 the difference is relative. NaN where not
    all of these vectors are there.
    """
    queries = documents.take(np.unique(np.linspace(0, len(documents) - 1, SAMPLE).astype(np.int64)))
    found = search(queries, min(SAMPLE_K, len(documents)))
    is_found = found.rows >= 0
    rows, place = np.unique(found.rows[is_found], return_inverse=True)
    vectors = take(rows)
    if len(vectors) != len(rows):
        return float("nan")
    asked = np.repeat(queries, found.rows.shape[1], axis=0)[is_found.ravel()]
    exact = score(asked.astype(np.float64), vectors[place].astype(np.float64))
    differences = np.abs(exact - found.scores[is_found]) / np.maximum(1, np.abs(exact))
    return float(differences.max(initial=0.0))
