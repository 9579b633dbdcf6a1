"""What is recommended to users of what they took: the nearest items to a query, and the most taken ones beside them.

The last item of each user is what should be found, from the items before it: leave-last-out, as recommenders of
sequences are judged. Which measures say how well it is found is retrieval's matter.
"""

from collections.abc import Callable, Sequence

import numpy as np

from evalkit.arrays import FloatMatrix, Floats, Rows, unit_vectors
from evalkit.measures.ranking import blocks

BLOCK_BYTES = 64_000_000  # of the scores of one block of users
SCORE_BYTES = 4
NOTHING = -1  # in the place of an item where all others are in the history


def nearest(items: FloatMatrix, queries: FloatMatrix, histories: Sequence[Rows], k: int) -> Rows:
    """The rows of the ``k`` items (items × dims) nearest to each of ``queries`` (users × dims) by cosine.

    None of a user's history; of equal cosines the first item. Products are made in float64 and rounded to float32,
    so that vectors that are equal, or codes that differ in as many bits, are equally near whatever their place.
    """
    wide = unit_vectors(items).astype(np.float64).T
    asked = unit_vectors(queries).astype(np.float64)
    return best(lambda block: (asked[block] @ wide).astype(np.float32), histories, len(items), k)


def most_taken(counts: Rows, histories: Sequence[Rows], k: int) -> Rows:
    """The rows of the ``k`` items with the highest of ``counts``, none of a user's history; of equal ones the first."""
    scores = counts.astype(np.float32)

    def for_all(block: slice) -> FloatMatrix:
        return np.repeat(scores[None, :], block.stop - block.start, axis=0)

    return best(for_all, histories, len(counts), k)


def best(score: Callable[[slice], FloatMatrix], histories: Sequence[Rows], items: int, k: int) -> Rows:
    """users × ``k`` rows of items by what ``score`` gives for a block of users, best first; -1 where there is none."""
    found = np.full((len(histories), k), NOTHING, dtype=np.int64)
    for block in blocks(len(histories), max(1, BLOCK_BYTES // (SCORE_BYTES * items))):
        scores = score(block)
        taken = histories[block]
        scores[np.repeat(np.arange(len(taken)), [len(rows) for rows in taken]), np.concatenate(taken)] = -np.inf
        found[block] = best_of(scores, k)
    return found


def best_of(scores: FloatMatrix, k: int) -> Rows:
    """The columns of each row's ``k`` highest ``scores``, of equal ones the first; -1 for those at -inf."""
    users, items = scores.shape
    place = max(items - k, 0)
    least = np.partition(scores, place, axis=1)[:, place]
    user, item = np.nonzero((scores >= least[:, None]) & np.isfinite(scores))
    order = np.lexsort((item, -scores[user, item], user))
    user, item = user[order], item[order]
    rank = np.arange(len(user)) - np.searchsorted(user, user)
    columns = np.full((users, k), NOTHING, dtype=np.int64)
    columns[user[rank < k], rank[rank < k]] = item[rank < k]
    return columns


def means_of(items: FloatMatrix, histories: Sequence[Rows]) -> FloatMatrix:
    """The mean of the directions of each history's items (users × dims, float32)."""
    directions = unit_vectors(items)
    means = np.empty((len(histories), items.shape[1]), dtype=np.float32)
    for user, rows in enumerate(histories):
        means[user] = directions[rows].mean(axis=0)
    return means


def taken_by_users(histories: Sequence[Rows], items: int) -> Rows:
    """How many of ``histories`` each item is in (items, int64); what should be found is not counted."""
    return np.bincount(np.concatenate(histories), minlength=items).astype(np.int64)


def percentiles(counts: Rows) -> Floats:
    """The share of items that are taken less often than each item, equal ones counting half."""
    _, level, equal = np.unique(counts, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(equal) - equal / 2)[level] / len(counts), dtype=np.float64)


def coverage(recommended: Rows, items: int) -> float:
    """The share of items that anybody is recommended."""
    return len(np.unique(recommended[recommended != NOTHING])) / items


def popularity_bias(recommended: Rows, last: Rows, counts: Rows) -> float:
    """How much more popular recommended items are than those that users took next: a difference of mean percentiles."""
    of_item = percentiles(counts)
    return float(of_item[recommended[recommended != NOTHING]].mean() - of_item[last].mean())
