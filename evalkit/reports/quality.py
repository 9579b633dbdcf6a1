"""Quality query by query: how sure a mean is, and which settings can't be told apart from the best.

Everything here is per scope (one corpus, or the mean over several) and measure, for all of its settings at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from evalkit.errors import UserError
from evalkit.measures.holm import holm
from evalkit.reports.gathering import Gathered
from evalkit.results.record import SETTING
from evalkit.results.store import StoredRun

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CorpusQueries:
    """The judged queries of one corpus. ``values``: measure → points of the corpus × queries, NaN where unknown.

    ``points`` are positions in the table of points, in the order of the rows.
    """

    points: tuple[int, ...]
    query_ids: tuple[str, ...]
    values: Mapping[str, Floats]


@dataclass(frozen=True)
class Certainty:
    """Per setting of a scope: the mean, its interval, and the p-value of "as good as the best" (after Holm).

    All but the mean are NaN where the per-query values are missing.
    """

    mean: Floats
    low: Floats
    high: Floats
    p_as_good: Floats


class Rows(NamedTuple):
    """The rows of one point in a run's queries.parquet: ``codes`` number the query ids in ``names``."""

    codes: npt.NDArray[np.int64]
    names: Sequence[str]
    values: Mapping[str, Floats]


def read_queries(gathered: Gathered) -> tuple[dict[str, CorpusQueries], list[str]]:
    """corpus → its per-query values, and a line for each run whose values can't be read."""
    problems = []
    rows: dict[int, Rows] = {}
    for number, run in enumerate(gathered.runs):
        wanted = gathered.points[gathered.points["run"] == number]
        if wanted.empty:
            continue
        try:
            rows |= point_rows(run, wanted, gathered.measures)
        except (UserError, KeyError, ValueError) as error:
            problems.append(f"{run.name} has no intervals and tests: {str(error).splitlines()[0]}")
    corpora = {}
    for corpus, points in gathered.points.groupby("corpus", sort=False):
        corpora[str(corpus)] = aligned(tuple(points.index), rows, gathered.measures)
    return corpora, problems


def point_rows(run: StoredRun, wanted: pd.DataFrame, measures: Sequence[str]) -> dict[int, Rows]:
    """Position of each of the ``wanted`` points of ``run`` → its rows. Raises UserError or KeyError for a bad table."""
    found = run.table("queries", categories=[*(name for name in SETTING if name != "dims"), "query_id"])
    positions = found.groupby(list(SETTING), sort=False, observed=True).indices
    codes, names = pd.factorize(found["query_id"])
    ids = [str(name) for name in names]
    values = {name: found[name].to_numpy(dtype=np.float64) for name in measures if name in found}
    keys = wanted[["corpus_name", "dims", "quantization_name", "index_name"]].itertuples(index=False, name=None)
    return {
        int(point): Rows(codes[at], ids, {name: each[at] for name, each in values.items()})
        for point, key in zip(wanted.index, keys, strict=True)
        if (at := positions.get(key)) is not None
    }


def aligned(points: tuple[int, ...], rows: Mapping[int, Rows], measures: Sequence[str]) -> CorpusQueries:
    """The values of ``points`` in one order of the queries, whatever that of their run."""
    known = [point for point in points if point in rows]
    ids = sorted(rows[known[0]].names[code] for code in rows[known[0]].codes) if known else []
    values = {name: np.full((len(points), len(ids)), np.nan) for name in measures}
    orders: dict[tuple[int, bytes], npt.NDArray[np.int64] | None] = {}
    for place, point in enumerate(points):
        if point not in rows:
            continue
        codes, names, found = rows[point]
        key = (id(names), codes.tobytes())
        if key not in orders:
            named = np.array([names[code] for code in codes])
            by_id = np.argsort(named, kind="stable")
            orders[key] = by_id if named[by_id].tolist() == ids else None
        if (order := orders[key]) is not None:
            for name, each in found.items():
                values[name][place] = each[order]
    return CorpusQueries(points, tuple(ids), values)


def certainty(mean: Floats, samples: Sequence[Floats], alpha: float) -> Certainty:
    """How sure the ``mean`` of every setting is; ``samples`` has a matrix (settings × queries) for each corpus.

    Intervals are Student's t over the queries of each corpus; where every value is 0 or 1 (recall of one document,
    say) or all agree, Clopper and Pearson's for proportions, which a perfect score on few queries does not make
    certain. Over several corpora the latter count as many queries as would give the mean's own variance. The tests
    are paired t tests against the best setting, corrected by Holm for all of them.
    """
    from scipy import special

    spread = standard_error(samples)
    margin = special.stdtrit(spread.freedom, 1 - alpha / 2) * spread.error
    low, high = mean - margin, mean + margin
    all_shares = np.all([((values == 0) | (values == 1)).all(axis=1) for values in samples], axis=0)
    of_shares = all_shares | (spread.error == 0)
    queries = len(samples) ** 2 / sum(1 / max(values.shape[1], 1) for values in samples)
    hits = mean * queries
    with np.errstate(invalid="ignore"):
        share_low = np.where(hits > 0, special.betaincinv(hits, queries - hits + 1, alpha / 2), 0.0)
        share_high = np.where(hits < queries, special.betaincinv(hits + 1, queries - hits, 1 - alpha / 2), 1.0)
    low, high = np.where(of_shares, share_low, low), np.where(of_shares, share_high, high)
    return Certainty(mean, np.clip(low, 0, 1), np.clip(high, 0, 1), as_good_as_best(samples, mean))


def as_good_as_best(samples: Sequence[Floats], mean: Floats) -> Floats:
    """p of the two-sided paired t test between each setting and the best, after Holm; 1 for the best itself."""
    p = np.full(len(mean), np.nan)
    known = np.isfinite(np.sum([values.sum(axis=1) for values in samples], axis=0))
    if np.isnan(mean).all() or not known[best := int(np.nanargmax(mean))]:
        return p
    others = known & (np.arange(len(mean)) != best)
    p[others] = holm(paired_p([values[others] for values in samples], [values[best] for values in samples]))
    p[best] = 1.0
    return p


def paired_p(samples: Sequence[Floats], reference: Sequence[Floats]) -> Floats:
    """p of the two-sided paired t test of each row of ``samples`` against ``reference``, one row per corpus."""
    from scipy import special

    differences = [values - row for values, row in zip(samples, reference, strict=True)]
    mean = np.mean([d.mean(axis=1) for d in differences], axis=0)
    error, freedom = standard_error(differences)
    t = np.divide(np.abs(mean), error, out=np.where((mean == 0) | np.isnan(error), 0.0, np.inf), where=error > 0)
    return np.asarray(2 * special.stdtr(freedom, -t), dtype=np.float64)


class Spread(NamedTuple):
    """Standard error of each mean, and the degrees of freedom that it is known by."""

    error: Floats
    freedom: Floats


def standard_error(samples: Sequence[Floats]) -> Spread:
    """Of the mean over corpora of the means over their queries; the error is NaN where a corpus has one query.

    Degrees of freedom are Welch's and Satterthwaite's (Biometrika 1947): corpora differ in size and spread.
    """
    lengths = np.array([values.shape[1] for values in samples], dtype=np.float64)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = np.stack([((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) for values in samples])
        variances = sums / (lengths - 1) / lengths
        freedom = variances.sum(axis=0) ** 2 / (variances**2 / (lengths - 1)).sum(axis=0)
    known = np.where(np.isfinite(freedom), freedom, max(lengths.sum() - len(samples), 1))
    return Spread(np.sqrt(variances.sum(axis=0)) / len(samples), known)
