"""Did quality drop? Every pair of points and gated measure, by paired statistics over the judged queries."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evalkit.config import GateConfig
from evalkit.errors import UserError, did_you_mean
from evalkit.gate.pairing import NotComparableError, Pair, rows_of
from evalkit.measures.significance import Evidence, holm, weigh
from evalkit.results.record import SETTING
from evalkit.results.store import StoredRun

EXTREMES = 10


@dataclass(frozen=True)
class QueryChange:
    """One query's scores and the ranks of its first relevant document (null: not among the first top_k)."""

    query_id: str
    baseline: float
    candidate: float
    baseline_rank: int | None
    candidate_rank: int | None


@dataclass(frozen=True)
class QualityResult:
    """One measure of one pair. ``p_drop`` and ``p_safe`` are adjusted by Holm over everything gated."""

    pair: str
    measure: str
    queries: int
    baseline: float
    candidate: float
    tolerance: float
    evidence: Evidence
    p_drop: float
    p_safe: float
    drop_is_shown: bool
    drop_is_ruled_out: bool
    wins: int
    ties: int
    losses: int
    worst: tuple[QueryChange, ...]
    best: tuple[QueryChange, ...]


def compare_quality(
    config: GateConfig, all_pairs: Sequence[Pair], baseline: StoredRun, candidate: StoredRun
) -> list[QualityResult]:
    """One result per pair and measure, in order. Raises NotComparableError for missing queries or scores."""
    before, after = baseline.queries(), candidate.queries()
    measures = gated_measures(config, before, after)
    cases = []
    for pair in all_pairs:
        frames = rows_of(before, pair.baseline), rows_of(after, pair.candidate)
        one, other = (frame.set_index("query_id").sort_index() for frame in frames)
        if not one.index.equals(other.index):
            raise NotComparableError(f"{pair.name}: the two runs hold scores of different queries.", "One is damaged.")
        cases += [(pair, measure, one, other) for measure in measures]
    differences = []
    for pair, measure, one, other in cases:
        of_queries = (other[measure] - one[measure]).to_numpy(dtype=np.float64)
        if not np.isfinite(of_queries).all():
            query = one.index[int(np.argmin(np.isfinite(of_queries)))]
            raise NotComparableError(
                f"{pair.name}: {measure} of query '{query}' is not a number.", "One run is damaged."
            )
        differences.append(of_queries)
    tolerances = [tolerance(config, one[measure]) for _, measure, one, _ in cases]
    evidence = weigh(differences, tolerances, config.alpha, config.resamples)
    p_drop, p_safe = (holm([getattr(e, name) for e in evidence]) for name in ("p_drop", "p_safe"))
    return [
        result(config, case, found, float(drop), float(safe))
        for case, found, drop, safe in zip(cases, evidence, p_drop, p_safe, strict=True)
    ]


def gated_measures(config: GateConfig, before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    for measure in config.measures:
        for which, frame in (("baseline", before), ("candidate", after)):
            if measure not in frame:
                known = set(before.columns) & set(after.columns) - {
                    *SETTING,
                    "query_id",
                    "cluster",
                    "first_relevant_rank",
                }
                raise NotComparableError(f"the {which} did not measure {measure}.", did_you_mean(measure, known))
    if not config.measures:
        raise UserError("measures=[] leaves nothing to gate.", "Give names, as in measures=[nDCG@10].")
    return list(config.measures)


def tolerance(config: GateConfig, baseline: pd.Series) -> float:
    """The drop of the mean that is accepted, absolute."""
    return config.tolerance * (float(baseline.mean()) if config.relative else 1.0)


def result(
    config: GateConfig,
    case: tuple[Pair, str, pd.DataFrame, pd.DataFrame],
    found: Evidence,
    p_drop: float,
    p_safe: float,
) -> QualityResult:
    pair, measure, one, other = case
    difference = other[measure] - one[measure]
    ordered = difference.sort_values(kind="stable")
    worst = ordered[ordered < 0].index[:EXTREMES]
    best = ordered[ordered > 0].index[::-1][:EXTREMES]
    return QualityResult(
        pair=pair.name,
        measure=measure,
        queries=len(one),
        baseline=float(one[measure].mean()),
        candidate=float(other[measure].mean()),
        tolerance=tolerance(config, one[measure]),
        evidence=found,
        p_drop=p_drop,
        p_safe=p_safe,
        drop_is_shown=p_drop <= config.alpha,
        drop_is_ruled_out=p_safe <= config.alpha,
        wins=int((difference > 0).sum()),
        ties=int((difference == 0).sum()),
        losses=int((difference < 0).sum()),
        worst=tuple(change(query, measure, one, other) for query in worst),
        best=tuple(change(query, measure, one, other) for query in best),
    )


def change(query: str, measure: str, one: pd.DataFrame, other: pd.DataFrame) -> QueryChange:
    ranks = (int(frame["first_relevant_rank"].astype(int)[query]) or None for frame in (one, other))
    return QueryChange(str(query), float(one[measure][query]), float(other[measure][query]), *ranks)
