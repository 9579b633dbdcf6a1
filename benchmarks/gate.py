"""How often the gate cries wolf, and how often it sees what it says it could: on real per-query scores, resampled.

A run of several settings gives real paired differences, between all pairs of its settings. With the two sides swapped
at random, cluster by cluster, nothing but chance tells them apart (A/A): any alarm is a false one. Shifted to a mean of
zero they keep the skew that real changes have, which is harder; where a mean of zero hangs on one query out of many,
samples without it can't tell. And drops of the size that the gate calls detectable, in few queries or in all, must be
shown in 80 % of samples.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from reporting import report

from evalkit.measures.detectable import POWER, detectable_drops
from evalkit.measures.resampling import cluster_sums, sign_flips
from evalkit.measures.significance import flip_tests
from evalkit.results.reader import read_run
from evalkit.results.setting import KEY

FAMILIES = {1: 1, 20: 1, 1_000: 5, 20_000: 20}  # comparisons → how many times fewer trials: they take as much longer
SHARES = {"up to 2 %": 0.02, "2 to 10 %": 0.1, "10 to 30 %": 0.3, "more than 30 %": 1.0}
CLUSTER, CORRELATION = 5, 0.5
FEW = 20

Draw = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Scores:
    """Sums over the clusters of one corpus: ``baseline`` and ``difference`` (pairs of settings × clusters).

    ``moved`` is each pair's share of clusters whose difference is not 0.
    """

    baseline: np.ndarray
    difference: np.ndarray
    sizes: np.ndarray

    @property
    def moved(self) -> np.ndarray:
        return (self.difference != 0).mean(axis=1)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--run", required=True, help="a run's folder with at least 7 settings of one corpus")
    arguments.add_argument("--measure", default="nDCG@10")
    arguments.add_argument("--alpha", type=float, default=0.05)
    arguments.add_argument("--trials", type=int, default=2_000, help="fewer where there are many comparisons")
    arguments.add_argument("--resamples", type=int, default=500)
    options = arguments.parse_args()
    scores = real_scores(Path(options.run), options.measure)
    skewed = centred(scores.difference)
    rows = [
        *(total_loss(scores, count, options) for count in FAMILIES),
        *(family_wise("A/A", scores.difference, swapped, count, options) for count in FAMILIES),
        *(family_wise("skewed", skewed, drawn, count, options) for count in FAMILIES),
        *(family_wise("little skewed", skewed[little_skewed(skewed)], drawn, count, options) for count in FAMILIES),
        *clustered(scores, options),
        *detected(scores, options),
    ]
    clusters, of = scores.difference.shape[1], int(scores.sizes.sum())
    report("gate", rows, run=Path(options.run).name, queries=of, clusters=clusters, alpha=options.alpha)


def real_scores(run: Path, measure: str) -> Scores:
    """All pairs of settings of one run's only corpus, both ways round in turn, that differ in at least one query."""
    queries = read_run(run).queries()
    wide = queries.pivot_table(index=list(KEY), columns="query_id", values=measure, observed=True)
    values = wide.to_numpy()
    assert np.isfinite(values).all(), "the run has more than one corpus"
    clusters = np.arange(values.shape[1])
    if "cluster" in queries and queries["cluster"].notna().all():
        of_query = queries.drop_duplicates("query_id").set_index("query_id")["cluster"]
        clusters = np.unique(of_query[wide.columns].astype(str), return_inverse=True)[1]
    pairs = [(i, j) if (i + j) % 2 else (j, i) for i, j in combinations(range(len(values)), 2)]
    varied = [(i, j) for i, j in pairs if (values[i] != values[j]).any()]
    baseline = np.stack([values[i] for i, _ in varied])
    difference = np.stack([values[j] - values[i] for i, j in varied])
    sizes = np.bincount(clusters).astype(np.float64)
    return Scores(cluster_sums(baseline, clusters), cluster_sums(difference, clusters), sizes)


def drawn(differences: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As many clusters with replacement, the same ones in every comparison."""
    return differences[:, rng.integers(0, differences.shape[1], differences.shape[1])]


def swapped(differences: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same, with candidate and baseline swapped at random in each cluster."""
    return drawn(differences, rng) * rng.choice([-1, 1], differences.shape[1])


def centred(differences: np.ndarray) -> np.ndarray:
    """Differences of mean zero: shifted where they are not zero, as queries that no setting changes stay ties."""
    moved = differences != 0
    shift = differences.sum(axis=1, keepdims=True) / moved.sum(axis=1, keepdims=True)
    return np.where(moved, differences - shift, 0)


def little_skewed(differences: np.ndarray) -> np.ndarray:
    """Which comparisons have a skewness of at most 2, either way."""
    spread = np.sqrt((differences**2).mean(axis=1))
    return np.abs((differences**3).mean(axis=1)) <= 2 * np.maximum(spread, np.finfo(float).tiny) ** 3


def family(differences: np.ndarray, draw: Draw, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """``count`` comparisons, in as many corpora of independent queries as it takes."""
    rows = rng.permutation(len(differences))[:count]
    corpora = -(-count // len(rows))
    sizes = [len(part) for part in np.array_split(np.arange(count), corpora)]
    return [draw(differences[rows[:size]], rng) for size in sizes]


def row(
    what: str, comparisons: int, rate: float, trials: int, bound: str, drop: float | None = None
) -> dict[str, object]:
    error = float(np.sqrt(rate * (1 - rate) / trials))
    figures = {"rate": rate, "standard_error": error, "trials": trials, "wanted": bound, "detectable": drop}
    return {"what": what, "comparisons": comparisons, **figures}


def family_wise(
    what: str, differences: np.ndarray, draw: Draw, count: int, options: argparse.Namespace
) -> dict[str, object]:
    """How often any of ``count`` comparisons is called a drop."""
    rng = np.random.default_rng(count)
    trials = max(options.trials // FAMILIES[count], 5)
    alarms = 0
    for trial in range(trials):
        changes = family(differences, draw, count, rng)
        flips = sign_flips([rows.shape[1] for rows in changes], options.resamples, seed=trial)
        nothing = [np.zeros((len(rows), rows.shape[1])) for rows in changes]
        alarms += bool((flip_tests(changes, nothing, flips, options.alpha).p_drop_adjusted <= options.alpha).any())
    return row(f"any false alarm, {what}", count, alarms / trials, trials, f"≤ {options.alpha}")


def total_loss(scores: Scores, count: int, options: argparse.Namespace) -> dict[str, object]:
    """How often a candidate that finds nothing is shown to be worse, by ``FEW`` clusters, each time others."""
    rng = np.random.default_rng(count)
    trials = max(options.trials // 20 // FAMILIES[count], 5)
    shown = 0
    for trial in range(trials):
        clusters = rng.choice(scores.baseline.shape[1], FEW, replace=False)
        changes = -scores.baseline[rng.integers(0, len(scores.baseline), count)][:, clusters]
        flips = sign_flips([FEW], options.resamples, seed=trial)
        shown += bool((flip_tests([changes], [changes], flips, options.alpha).p_drop_adjusted <= options.alpha).any())
    return row(f"a score of 0 everywhere is shown, {FEW} clusters", count, shown / trials, trials, "1")


def clustered(scores: Scores, options: argparse.Namespace) -> list[dict[str, object]]:
    """False alarms where queries depend on each other, in clusters of equal size: flipped as such, and one by one."""
    rng = np.random.default_rng(1)
    groups = max(scores.difference.shape[1] // CLUSTER, 20)
    pairs = scores.difference[scores.moved > SHARES["10 to 30 %"] / 3]
    pairs = pairs if len(pairs) else scores.difference
    changes = []
    for _ in range(options.trials):
        pool = pairs[rng.integers(len(pairs))]
        shared, own = (
            rng.choice(pool, shape) * rng.choice([-1, 1], shape) for shape in ((groups, 1), (groups, CLUSTER))
        )
        changes.append((np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * own).ravel())
    queries = np.stack(changes)
    as_clusters = cluster_sums(queries, np.repeat(np.arange(groups), CLUSTER))
    rows = []
    for what, sums, bound in (("flipped as clusters", as_clusters, f"≤ {options.alpha}"), ("one by one", queries, "")):
        flips = sign_flips([sums.shape[1]], options.resamples)
        rate = float((flip_tests([sums], [np.zeros_like(sums)], flips, options.alpha).p_drop <= options.alpha).mean())
        name = f"false alarms, {groups} clusters of {CLUSTER}: {what}"
        rows.append(row(name, 1, rate, options.trials, bound))
    return rows


def detected(scores: Scores, options: argparse.Namespace) -> list[dict[str, object]]:
    """Of drops of the size called detectable, the share that is shown: by comparisons, shape and clusters moved."""
    rng = np.random.default_rng(2)
    found: dict[tuple[int, str, str], list[tuple[bool, float]]] = {}
    plan = {1: options.trials, 20: options.trials // 20, 1_000: max(options.trials // 1_000, 1)}
    for count, trials in plan.items():
        for _ in range(trials):
            for key, *outcome in one_family(scores, count, options, rng):
                found.setdefault((count, *key), []).append((bool(outcome[0]), float(outcome[1])))
    table = []
    for (count, shape, share), outcomes in sorted(found.items()):
        rate, drop = np.mean(outcomes, axis=0)
        what = f"detectable drops shown: {shape}, {share} differ"
        table.append(row(what, count, float(rate), len(outcomes), f"≥ {POWER}", float(drop)))
    return table


def one_family(
    scores: Scores, count: int, options: argparse.Namespace, rng: np.random.Generator
) -> list[tuple[tuple[str, str], bool, float]]:
    """((shape, clusters moved), is the drop shown, its size) for ``count`` comparisons, independent of each other.

    One sample says which drop would be detectable; in another of the same population each comparison in turn has it.
    """
    of_group = np.searchsorted(list(SHARES.values()), scores.moved)
    wanted = rng.choice(np.unique(of_group), count)  # each group as often as the others
    pairs = np.array([rng.choice(np.flatnonzero(of_group == group)) for group in wanted])
    clusters = scores.difference.shape[1]
    before, after = (rng.integers(0, clusters, (count, clusters)) for _ in range(2))
    signs = rng.choice([-1, 1], (2, count, clusters))
    flips = sign_flips([clusters], options.resamples, seed=int(rng.integers(1 << 30)))
    at = pairs[:, None]
    observed = scores.difference[at, before] * signs[0]
    nothing = np.zeros_like(observed)
    critical = flip_tests([observed], [nothing], flips, options.alpha).critical
    sizes = np.ones(clusters)
    drops = detectable_drops(scores.baseline[at, before], observed, sizes, np.zeros(count), options.alpha, critical)
    scale = scores.sizes.mean()  # from sums over clusters to means over queries
    noise = scores.difference[at, after] * signs[1]
    lost = scores.baseline[at, after]
    known = np.isfinite(drops)
    share = np.where(known, drops, 0) / scores.baseline[pairs].mean(axis=1)
    shapes = {
        "few lose all": np.where(rng.random(noise.shape) < share[:, None], -lost, noise),
        "all lose as much": noise - np.where(known, drops, 0)[:, None],
    }
    moved = [list(SHARES)[group] for group in wanted]
    outcomes = []
    for shape, dropped in shapes.items():
        others = nothing if count == 1 else noise
        p = flip_tests([others], [dropped], flips, options.alpha).p_total_loss
        rows = zip(moved, p <= options.alpha, drops / scale, known, strict=True)
        outcomes += [((shape, group), shown, drop) for group, shown, drop, is_known in rows if is_known]
    return outcomes


if __name__ == "__main__":
    main()
