"""Ranked rows, ordered by one total rule: higher score first, then the document that trec_eval would put first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Rows, Scores


@dataclass(frozen=True)
class Ranking:
    """``rows`` (queries × k, int64) and their ``scores`` (float32); a list that is shorter ends in -1 and -inf."""

    rows: Rows
    scores: Scores

    def first(self, k: int) -> "Ranking":
        return Ranking(self.rows[:, :k], self.scores[:, :k])


QUERIES_AT_ONCE = 4_096


def blocks(queries: int, at_once: int = QUERIES_AT_ONCE) -> Iterator[slice]:
    """The places of all ``queries`` in order, few of them at once."""
    return (slice(first, min(first + at_once, queries)) for first in range(0, queries, at_once))


def by_block(queries: int, at_once: int, rank: Callable[[slice], Ranking]) -> Ranking:
    """What ``rank`` finds for each block of ``queries``, which is all that is held beside the result.

    A block that runs out of memory is tried again at half the size; raises MemoryError where one query does not fit.
    """
    found: Ranking | None = None
    first = 0
    while first < queries:
        block = slice(first, min(first + at_once, queries))
        try:
            part = rank(block)
        except MemoryError:
            if at_once == 1:
                raise
            at_once = max(1, (block.stop - first) // 2)
            continue
        if found is None:
            shape = (queries, part.rows.shape[1])
            found = Ranking(np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.float32))
        found.rows[block], found.scores[block] = part.rows, part.scores
        first = block.stop
    return found or Ranking(np.empty((0, 0), dtype=np.int64), np.empty((0, 0), dtype=np.float32))


@runtime_checkable
class Ordered(Protocol):
    """Ids that know the order of their strings."""

    def ascending(self) -> Rows: ...


def tie_order(ids: npt.ArrayLike | Ordered) -> Rows:
    """Per document, its place among ties: trec_eval orders equal scores by descending id (string order)."""
    if isinstance(ids, Ordered):
        descending = ids.ascending()[::-1]
    else:
        descending = np.argsort(np.asarray(ids, dtype=object), kind="stable")[::-1]
    place = np.empty(len(descending), dtype=np.int64)
    place[descending] = np.arange(len(descending))
    return place


def order(rows: Rows, scores: Scores, place: Rows) -> Ranking:
    """Each query's candidates by (score descending, ``place`` ascending); padding (-1) goes last."""
    scores = np.where(rows >= 0, scores, -np.inf).astype(np.float32)
    places = np.where(rows >= 0, place[rows], len(place))
    best_first = np.lexsort((places, -scores), axis=1)
    return Ranking(np.take_along_axis(rows, best_first, axis=1), np.take_along_axis(scores, best_first, axis=1))


def without(ranking: Ranking, excluded: Rows, k: int) -> Ranking:
    """The first ``k`` of ``ranking`` less the row that each query must not find (-1: none)."""
    unwanted = (ranking.rows == excluded[:, None]) & (excluded >= 0)[:, None]
    kept_first = np.argsort(unwanted, axis=1, kind="stable")
    return Ranking(
        np.take_along_axis(np.where(unwanted, -1, ranking.rows), kept_first, axis=1),
        np.take_along_axis(np.where(unwanted, -np.inf, ranking.scores).astype(np.float32), kept_first, axis=1),
    ).first(k)


def behind(served: Ranking, deeper: Ranking, ends: bool = False) -> Ranking:
    """``served`` first, then what else ``deeper`` has, in its order; as long as ``deeper``.

    Where less was served than was asked for, ``ends`` puts nothing behind: nobody was given what would fill the gap.

    A query whose ``deeper`` ranking begins with what is served keeps it, scores and all. For any other, scores behind
    count down from the lowest served one or from 0, whichever is lower: they keep an order and are no similarities.
    """
    width = served.rows.shape[1]
    both = zip(deeper.rows, served.rows, strict=True)
    is_served = np.array([np.isin(rows, first) for rows, first in both]).reshape(deeper.rows.shape)
    is_over = (served.rows < 0).any(axis=1, keepdims=True) & ends
    rest, _ = padded_last(np.where(is_served | is_over, -1, deeper.rows), deeper.scores)
    lowest = np.min(served.scores, axis=1, initial=0.0, where=served.rows >= 0)[:, None]
    step = np.maximum(1, 2 * np.spacing(np.abs(lowest)))  # beside the scores of some own quantizers, 1 is nothing
    countdown = np.where(rest >= 0, lowest - step * np.arange(1, rest.shape[1] + 1), -np.inf).astype(np.float32)
    rows, scores = padded_last(np.hstack([served.rows, rest]), np.hstack([served.scores, countdown]))
    begins_alike = (deeper.rows[:, :width] == served.rows) & (deeper.scores[:, :width] == served.scores)
    kept = begins_alike.all(axis=1)[:, None]
    length = deeper.rows.shape[1]
    return Ranking(np.where(kept, deeper.rows, rows[:, :length]), np.where(kept, deeper.scores, scores[:, :length]))


def padded_last(rows: Rows, scores: Scores) -> tuple[Rows, Scores]:
    """Both without gaps: what was found keeps its order, padding (-1) goes last."""
    kept_first = np.argsort(rows < 0, axis=1, kind="stable")
    return np.take_along_axis(rows, kept_first, axis=1), np.take_along_axis(scores, kept_first, axis=1)
