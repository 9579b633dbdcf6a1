"""Models ranked by their best setting; those that can't be told apart share a rank."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from evalkit.reports.data.quality import Certainty
from evalkit.reports.data.scopes import Scope, setting_name


@dataclass(frozen=True)
class Ranked:
    """A model's place. ``rank`` is 1 + how many models are shown to be better, null without per-query values.

    ``by_corpus`` is what ``mean`` is of.
    """

    rank: int | None
    setting: str
    mean: float
    low: float
    high: float
    by_corpus: tuple[float, ...]


def rank_models(scope: Scope, points: pd.DataFrame, measure: str, alpha: float) -> list[Ranked]:
    """The best setting of every model by ``measure``, best first."""
    quality = scope.certainty[measure]
    table = scope.table(points)
    values = table[measure].to_numpy(dtype=np.float64)
    best = [
        rows[int(np.nanargmax(values[rows]))]
        for rows in map(np.asarray, table.groupby("model", sort=False).indices.values())
        if not np.isnan(values[rows]).all()
    ]
    best.sort(key=lambda row: -values[row])
    ranks = tied_ranks(np.array(best, dtype=np.int64), quality, alpha)
    return [
        Ranked(
            rank=rank,
            setting=setting_name(*table.loc[row, ["model", "dims", "quantization", "index"]]),
            mean=float(values[row]),
            low=float(quality.low[row]),
            high=float(quality.high[row]),
            by_corpus=tuple(float(points[measure].iloc[point]) for point in scope.members[row]),
        )
        for rank, row in zip(ranks, best, strict=True)
    ]


def tied_ranks(rows: npt.NDArray[np.int64], quality: Certainty, alpha: float) -> list[int | None]:
    """The rank of each of ``rows``: 1 + how many of them are shown to be better; null without per-query values.

    p-values are adjusted for all pairs of settings of the scope, so that choosing each model's best is covered.
    """
    first, second = np.triu_indices(len(rows), k=1)
    shown = quality.pairs.p(rows[first], rows[second]) <= alpha
    loser = np.where(quality.mean[rows[first]] < quality.mean[rows[second]], first, second)
    ranks = (1 + np.bincount(loser[shown], minlength=len(rows))).tolist()
    known = np.isin(rows, quality.pairs.rows)
    return [rank if is_known else None for rank, is_known in zip(ranks, known, strict=True)]
