"""Ranked rows, ordered by one total rule: higher score first, then the document that trec_eval would put first."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Ranking:
    """``rows`` (queries × k, int64) and their ``scores`` (float32); a list that is shorter ends in -1 and -inf."""

    rows: Rows
    scores: Scores

    def first(self, k: int) -> "Ranking":
        return Ranking(self.rows[:, :k], self.scores[:, :k])


def tie_order(ids: npt.ArrayLike) -> Rows:
    """Per document, its place among ties: trec_eval orders equal scores by descending id (string order)."""
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
