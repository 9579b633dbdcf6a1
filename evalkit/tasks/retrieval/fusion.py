"""Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): what several rankings put first comes first."""

from collections.abc import Sequence

import numpy as np

from evalkit.arrays import Rows
from evalkit.measures.ranking import Ranking, order

CONSTANT = 60


def fuse(rankings: Sequence[Ranking], place: Rows, k: int) -> Ranking:
    """The best ``k`` rows per query by the sum of 1 / (60 + rank) over ``rankings``; equal ones by ``place``."""
    rows = np.concatenate([ranking.rows for ranking in rankings], axis=1)
    gains = np.concatenate([np.broadcast_to(gain(ranking), ranking.rows.shape) for ranking in rankings], axis=1)
    fused_rows = np.full((len(rows), k), -1, dtype=np.int64)
    fused_scores = np.full((len(rows), k), -np.inf, dtype=np.float32)
    for query in range(len(rows)):
        found = rows[query] >= 0
        unique, inverse = np.unique(rows[query][found], return_inverse=True)
        sums = np.bincount(inverse, weights=gains[query][found], minlength=len(unique)).astype(np.float32)
        best = order(unique[None], sums[None], place).first(k)
        fused_rows[query, : best.rows.shape[1]] = best.rows[0]
        fused_scores[query, : best.rows.shape[1]] = best.scores[0]
    return Ranking(fused_rows, fused_scores)


def gain(ranking: Ranking) -> np.ndarray:
    return 1.0 / (CONSTANT + np.arange(1, ranking.rows.shape[1] + 1))
