"""Models ranked by their best setting; those that can't be told apart share a rank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evalkit.measures.holm import holm
from evalkit.reports.quality import CorpusQueries, Floats, paired_p
from evalkit.reports.scopes import Scope, setting_name


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


def rank_models(
    scope: Scope, points: pd.DataFrame, queries: Mapping[str, CorpusQueries], measure: str, alpha: float
) -> list[Ranked]:
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
    samples = [
        queries[corpus].values[measure][[queries[corpus].points.index(scope.members[row][i]) for row in best]]
        for i, corpus in enumerate(scope.corpora)
    ]
    ranks = tied_ranks(samples, alpha) if best else []
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


def tied_ranks(samples: Sequence[Floats], alpha: float) -> list[int | None]:
    """The rank of each row: 1 + how many rows are shown to be better, by paired t tests with Holm over all pairs.

    Rows with NaN have no rank and are compared with none.
    """
    mean = np.mean([values.mean(axis=1) for values in samples], axis=0)
    known = np.flatnonzero(np.isfinite(mean))
    if len(known) < len(mean):
        of_known = tied_ranks([values[known] for values in samples], alpha) if len(known) else []
        found = dict(zip(known.tolist(), of_known, strict=True))
        return [found.get(row) for row in range(len(mean))]
    count = len(mean)
    first, second = np.triu_indices(count, k=1)
    p = paired_p([values[first] for values in samples], [values[second] for values in samples])
    shown = holm(p) < alpha
    loser = np.where(mean[first] < mean[second], first, second)
    return [int(rank) for rank in 1 + np.bincount(loser[shown], minlength=count)]
