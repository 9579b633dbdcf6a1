"""Quality query by query: how sure a mean is, and which settings can't be told apart from the best.

Everything here is per scope (one corpus, or the mean over several) and measure, for all of its settings at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from evalkit.arrays import Floats
from evalkit.errors import UserError, first_line
from evalkit.measures.resampling import Codes, cluster_sums
from evalkit.measures.selection import (
    LargestDifference,
    Sums,
    largest_difference,
    loss_bounds,
    optimism,
    statistics,
    weighted_sums,
)
from evalkit.reports.data.gather import Gathered
from evalkit.results.reader import StoredRun, rows_by_point
from evalkit.results.setting import KEY

RANK = "first_relevant_rank"


@dataclass(frozen=True)
class CorpusQueries:
    """The judged queries of one corpus. ``values``: measure, or ``RANK`` → points of the corpus × queries, NaN where
    unknown.

    ``points`` are positions in the table of points, in the order of the rows. ``clusters`` numbers the group of
    dependent queries that each query belongs to; null where dependence isn't modelled.
    """

    points: tuple[int, ...]
    query_ids: tuple[str, ...]
    values: Mapping[str, Floats]
    clusters: Codes | None = None

    @property
    def drawn(self) -> Codes:
        """The number of what is drawn together, per query: its cluster, or the query itself."""
        return np.arange(len(self.query_ids)) if self.clusters is None else self.clusters


@dataclass(frozen=True)
class Certainty:
    """How sure the quality of every setting of a scope is, by one measure. NaN where per-query values are missing.

    ``low`` and ``high`` bound the mean. ``p_as_good`` is the p-value of "as good as the best", adjusted for all pairs
    of settings, and ``loss_at_most`` the largest share of the best's quality that a setting may lose, at the same
    confidence. ``chance`` is by how much the best's mean may be too high at most, on average, for having been chosen.
    """

    mean: Floats
    low: Floats
    high: Floats
    p_as_good: Floats
    loss_at_most: Floats
    chance: float
    pairs: "Pairs"

    @property
    def best(self) -> int:
        """The position of the setting of the highest mean."""
        return int(np.nanargmax(self.mean))

    @property
    def others(self) -> int:
        """How many settings beside the best have a mean."""
        return max(int(np.isfinite(self.mean).sum()) - 1, 0)

    @property
    def compared(self) -> int:
        """How many of the ``others`` were held against the best."""
        return max(int(np.isfinite(self.p_as_good).sum()) - 1, 0)

    def alike(self, alpha: float) -> int:
        """How many of the ``others`` are not shown to be worse."""
        return max(int((self.p_as_good > alpha).sum()) - 1, 0)


@dataclass(frozen=True)
class Pairs:
    """Tests of every pair of settings. ``rows`` are the settings that ``sums`` holds, those whose values are known."""

    sums: Sums
    rows: npt.NDArray[np.int64]
    largest: LargestDifference

    def p(self, first: npt.ArrayLike, second: npt.ArrayLike) -> Floats:
        """p of "equally good", adjusted for all pairs; NaN where one of the two settings isn't known."""
        places = [np.searchsorted(self.rows, np.asarray(settings)) for settings in (first, second)]
        known = np.isin(first, self.rows) & np.isin(second, self.rows)
        p = np.full(np.broadcast(*places).shape, np.nan)
        first_known, second_known = (np.broadcast_to(place, p.shape)[known] for place in places)
        p[known] = self.largest.p(statistics(self.sums, first_known, second_known))
        return p

    @property
    def clusters(self) -> int:
        """How many independent queries, or clusters of dependent ones, all corpora have together."""
        return int(self.sums.values.shape[1])

    def loss_at_most(self, reference: int, alpha: float) -> Floats:
        """The largest share of the quality of the setting ``reference`` that each of ``rows`` may lose."""
        place = int(np.searchsorted(self.rows, reference))
        return loss_bounds(self.sums, place, self.largest.critical(alpha))

    def typical_spread(self, reference: int) -> float | None:
        """The median, over the others, of the standard deviation of a query's difference to the setting ``reference``.

        Null where no other differs from it, or it isn't known.
        """
        if len(self.rows) < 2 or reference not in self.rows or self.clusters < 2:
            return None
        values = self.sums.values
        differences = values - values[np.searchsorted(self.rows, reference)]
        spreads = differences.std(axis=1, ddof=1) * self.clusters
        moved = spreads[spreads > 0]
        return float(np.median(moved)) if len(moved) else None


class Rows(NamedTuple):
    """The rows of one point in a run's queries.parquet: ``codes`` number the query ids in ``names``.

    ``clusters`` names the cluster of each row, null where dependence isn't modelled.
    """

    codes: npt.NDArray[np.int64]
    names: Sequence[str]
    values: Mapping[str, Floats]
    clusters: Sequence[str] | None


def read_queries(gathered: Gathered) -> tuple[dict[str, CorpusQueries], list[str]]:
    """corpus → its per-query values, and a line for each run whose values can't be read."""
    problems = []
    rows: dict[int, Rows] = {}
    columns = (*gathered.measures, RANK)
    for number, run in enumerate(gathered.runs):
        points = gathered.points[gathered.points["run"] == number]
        if points.empty:
            continue
        try:
            rows |= point_rows(run, points, columns)
        except (UserError, KeyError, ValueError) as error:
            problems.append(f"{run.name} has no intervals and tests: {first_line(error)}")
    corpora = {}
    for corpus, points in gathered.points.groupby("corpus", sort=False):
        corpora[str(corpus)] = aligned(tuple(points.index), rows, columns)
    return corpora, problems


def point_rows(run: StoredRun, points: pd.DataFrame, columns: Sequence[str]) -> dict[int, Rows]:
    """Position of each of the ``points`` of ``run`` → its rows. Raises UserError or KeyError for a bad table."""
    table = run.table("queries", categories=[*(name for name in KEY if name != "dims"), "query_id", "cluster"])
    positions = rows_by_point(table)
    codes, names = pd.factorize(table["query_id"])
    ids = [str(name) for name in names]
    clusters = table["cluster"].to_numpy() if "cluster" in table and table["cluster"].notna().any() else None
    values = {name: table[name].to_numpy(dtype=np.float64) for name in columns if name in table}

    def of_clusters(at: Any) -> Sequence[str] | None:
        return None if clusters is None or pd.isna(clusters[at]).any() else clusters[at].tolist()

    return {
        int(point): Rows(codes[at], ids, {name: column[at] for name, column in values.items()}, of_clusters(at))
        for point, key in zip(points.index, points["key"], strict=True)
        if (at := positions.get(key)) is not None
    }


def aligned(points: tuple[int, ...], rows: Mapping[int, Rows], columns: Sequence[str]) -> CorpusQueries:
    """The values of ``points`` in one order of the queries, whatever that of their run."""
    known = [point for point in points if point in rows]
    ids = sorted(rows[known[0]].names[code] for code in rows[known[0]].codes) if known else []
    values = {name: np.full((len(points), len(ids)), np.nan) for name in columns}
    orders: dict[tuple[int, bytes], npt.NDArray[np.int64] | None] = {}
    for place, point in enumerate(points):
        if point not in rows:
            continue
        codes, names, own_values, _ = rows[point]
        key = (id(names), codes.tobytes())
        if key not in orders:
            named = np.array([names[code] for code in codes])
            by_id = np.argsort(named, kind="stable")
            orders[key] = by_id if named[by_id].tolist() == ids else None
        if (order := orders[key]) is not None:
            for name, column in own_values.items():
                values[name][place] = column[order]
    return CorpusQueries(points, tuple(ids), values, clusters_of([rows[point] for point in known], ids))


def clusters_of(rows: Sequence[Rows], ids: Sequence[str]) -> Codes | None:
    """The number of each query's cluster, from the first point that names them; null where none does."""
    for codes, names, _, clusters in rows:
        named = {names[code]: cluster for code, cluster in zip(codes, clusters or (), strict=bool(clusters))}
        if clusters and all(query in named for query in ids):
            return np.asarray(pd.factorize(np.array([named[query] for query in ids]))[0], dtype=np.int64)
    return None


def certainty(
    mean: Floats, samples: Sequence[Floats], alpha: float, clusters: Sequence[Codes] | None = None
) -> Certainty:
    """How sure the ``mean`` of every setting is; ``samples`` has a matrix (settings × queries) for each corpus.

    ``clusters`` numbers what is drawn together, per query of each corpus; null takes queries as independent.
    Intervals are Student's t over the clusters of each corpus; where every value is 0 or 1 (recall of one document,
    say) or all agree, Clopper and Pearson's for proportions, which a perfect score on few queries does not make
    certain: of so many queries as would give the mean's own variance. Figures that are no means of scores from 0 to 1
    (a correlation, say) may be as low as -1. Settings are told apart by the largest difference that chance makes among
    all pairs (``measures.selection``).
    """
    from scipy import special

    drawn = [np.arange(values.shape[1]) for values in samples] if clusters is None else list(clusters)
    spread = standard_error(samples, drawn)
    margin = special.stdtrit(spread.freedom, 1 - alpha / 2) * spread.error
    low, high = mean - margin, mean + margin
    are_judged = all(values.shape[1] for values in samples)
    all_shares = np.all([((values == 0) | (values == 1)).all(axis=1) & are_judged for values in samples], axis=0)
    are_scores = np.all([((values >= 0) & (values <= 1)).all(axis=1) for values in samples], axis=0)
    of_shares = all_shares | (are_scores & (spread.error == 0))
    counts = [independent(values, codes) for values, codes in zip(samples, drawn, strict=True)]
    queries = len(samples) ** 2 / sum(1 / count for count in counts)
    hits = mean * queries
    with np.errstate(invalid="ignore"):
        share_low = np.where(hits > 0, special.betaincinv(hits, queries - hits + 1, alpha / 2), 0.0)
        share_high = np.where(hits < queries, special.betaincinv(hits + 1, queries - hits, 1 - alpha / 2), 1.0)
    low, high = np.where(of_shares, share_low, low), np.where(of_shares, share_high, high)
    pairs = all_pairs(samples, drawn, alpha)
    low, high = (np.clip(bound, np.where(are_scores, 0, -1), 1) for bound in (low, high))
    return Certainty(mean, low, high, *to_the_best(mean, pairs, alpha), pairs)


def independent(values: Floats, clusters: Codes) -> Floats:
    """Per setting, how many independent queries tell as much: fewer than there are, where clusters vary as wholes."""
    queries, groups = values.shape[1], int(clusters.max(initial=-1)) + 1
    if groups == queries:
        return np.full(len(values), float(max(queries, 1)))
    alone = standard_error([values], [np.arange(queries)]).error
    together = standard_error([values], [clusters]).error
    ratio = np.divide(alone, together, out=np.full(len(values), np.sqrt(groups / queries)), where=together > 0)
    return np.asarray(queries * np.minimum(ratio, 1) ** 2)


def all_pairs(samples: Sequence[Floats], clusters: Sequence[Codes], alpha: float) -> Pairs:
    """Tests of all pairs of those settings whose values are known on every corpus."""
    means = [values.sum(axis=1) / np.float64(values.shape[1] or np.nan) for values in samples]
    rows = np.flatnonzero(np.isfinite(np.sum(means, axis=0)))
    sums = weighted_sums([values[rows] for values in samples], clusters)
    return Pairs(sums, rows, largest_difference(sums, alpha))


def to_the_best(mean: Floats, pairs: Pairs, alpha: float) -> tuple[Floats, Floats, float]:
    """``p_as_good``, ``loss_at_most`` and ``chance`` of Certainty."""
    p, loss = np.full(len(mean), np.nan), np.full(len(mean), np.nan)
    if np.isnan(mean).all() or (best := int(np.nanargmax(mean))) not in pairs.rows:
        return p, loss, 0.0
    p[:] = pairs.p(np.arange(len(mean)), best)
    p[best] = 1.0
    loss[pairs.rows] = pairs.loss_at_most(best, alpha)
    return p, loss, optimism(pairs.sums) if len(pairs.rows) > 1 else 0.0


class Spread(NamedTuple):
    """Standard error of each mean, and the degrees of freedom that it is known by."""

    error: Floats
    freedom: Floats


def standard_error(samples: Sequence[Floats], clusters: Sequence[Codes]) -> Spread:
    """Of the mean over corpora of the means over their queries; the error is NaN where a corpus has one cluster.

    The variance of a mean is that between clusters (a ratio's, where their sizes differ: Cochran 1977, section 9A.1);
    degrees of freedom are Welch's and Satterthwaite's (Biometrika 1947): corpora differ in size and spread.
    """
    variances, freedoms = [], []
    with np.errstate(invalid="ignore", divide="ignore"):
        for values, codes in zip(samples, clusters, strict=True):
            sizes = np.bincount(codes, minlength=1).astype(np.float64)
            means = values.sum(axis=1, keepdims=True) / np.float64(values.shape[1])  # NaN without queries
            residuals = cluster_sums(values, codes) - means * sizes
            groups = len(sizes)
            variances.append(groups / np.float64(groups - 1) * (residuals**2).sum(axis=1) / sizes.sum() ** 2)
            freedoms.append(np.float64(groups - 1))
        spread, counts = np.stack(variances), np.array(freedoms)[:, None]
        freedom = spread.sum(axis=0) ** 2 / (spread**2 / counts).sum(axis=0)
    known = np.where(np.isfinite(freedom), freedom, max(counts.sum(), 1))
    return Spread(np.sqrt(spread.sum(axis=0)) / len(samples), known)
