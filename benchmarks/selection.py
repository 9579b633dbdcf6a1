"""How often a report calls a setting worse than the best although all are equally good, and what gap it finds.

Of 2 to 200 equal settings any "worse" is wrong. Scores are made (a common difficulty of each query, noise, few values
as nDCG has them), or a run's own: with settings swapped at random query by query, nothing but chance tells them apart;
with their means made equal they keep the skew that real differences have, which is harder.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from reporting import report

from evalkit.measures.selection import largest_difference, statistics, weighted_sums
from evalkit.results.reader import read_run
from evalkit.results.setting import KEY

Draw = Callable[[np.random.Generator, int], np.ndarray]
COUNTS = (2, 5, 10, 20, 65, 200)
GAP = 0.05
CLUSTER = 5
CLUSTERED = "equal, 60 clusters of 5 queries"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--run", help="a run's folder with many settings of one corpus")
    arguments.add_argument("--corpus", help="which of the run's corpora; the first one by default")
    arguments.add_argument("--measure", default="nDCG@10")
    arguments.add_argument("--alpha", type=float, default=0.05)
    arguments.add_argument("--trials", type=int, default=300)
    options = arguments.parse_args()
    cases: dict[str, Draw] = {
        "equal, 300 queries": lambda rng, settings: scores(rng, settings, 300),
        "equal, 50 queries": lambda rng, settings: scores(rng, settings, 50),
        "equal, 20 queries": lambda rng, settings: scores(rng, settings, 20),
        "equal, 2 % of 300 queries differ": lambda rng, settings: sparse(rng, settings, 300, 0.02),
        CLUSTERED: lambda rng, settings: clustered(rng, settings, 300),
        "the same, taken for independent": lambda rng, settings: clustered(rng, settings, 300),
    }
    if options.run:
        real = real_scores(Path(options.run), options.corpus, options.measure)
        cases |= {
            "real, settings swapped": lambda rng, settings: swapped(rng, drawn(rng, real, settings)),
            "real, means made equal": lambda rng, settings: drawn(rng, levelled(real), settings),
            "real, means made equal, 50 queries": lambda rng, settings: drawn(rng, levelled(real), settings, 50),
        }
    rows = [
        {"what": what, "settings": count, **alarms(draw, count, options, CLUSTER if what == CLUSTERED else 1)}
        for what, draw in cases.items()
        for count in COUNTS
        if "real" not in what or count <= len(real)
    ]
    rows += [{"what": f"one is {GAP} worse, shown", "settings": count, **power(count, options)} for count in COUNTS]
    report("selection", rows, run=options.run and Path(options.run).name, alpha=options.alpha)


def scores(rng: np.random.Generator, settings: int, queries: int) -> np.ndarray:
    noisy = rng.normal(size=queries) + 0.6 * rng.normal(size=(settings, queries))
    return np.select([noisy > 0.5, noisy > -0.2, noisy > -0.5], [1, 0.63, 0.39], 0.0)


def sparse(rng: np.random.Generator, settings: int, queries: int, share: float) -> np.ndarray:
    common = (rng.random(queries) < 0.6).astype(float)
    return np.where(
        rng.random((settings, queries)) < share, rng.choice([0, 0.39, 0.63, 1], (settings, queries)), common
    )


def clustered(rng: np.random.Generator, settings: int, queries: int) -> np.ndarray:
    """Queries in fives that a setting answers well or badly together."""
    together = np.repeat(rng.normal(size=(settings, queries // CLUSTER)), CLUSTER, axis=1)
    noisy = rng.normal(size=queries) + 0.4 * together + 0.4 * rng.normal(size=(settings, queries))
    return np.select([noisy > 0.5, noisy > -0.2, noisy > -0.5], [1, 0.63, 0.39], 0.0)


def real_scores(run: Path, corpus: str | None, measure: str) -> np.ndarray:
    queries = read_run(run).queries()
    one = queries[queries["corpus"] == (corpus or queries["corpus"].iloc[0])]
    return one.pivot_table(index=list(KEY), columns="query_id", values=measure, observed=True).to_numpy()


def levelled(values: np.ndarray) -> np.ndarray:
    return values - values.mean(axis=1, keepdims=True) + values.mean()


def drawn(rng: np.random.Generator, values: np.ndarray, settings: int, queries: int | None = None) -> np.ndarray:
    rows = rng.permutation(len(values))[:settings]
    return values[rows][:, rng.integers(0, values.shape[1], queries or values.shape[1])]


def swapped(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    return rng.permuted(values, axis=0)


def p_values(values: np.ndarray, alpha: float, cluster: int = 1) -> np.ndarray:
    sums = weighted_sums([values], [np.arange(values.shape[1]) // cluster])
    best = int(np.argmax(values.mean(axis=1)))
    return largest_difference(sums, alpha).p(statistics(sums, np.arange(len(values)), best))


def rate(found: list[bool]) -> dict[str, object]:
    share = float(np.mean(found))
    return {"rate": share, "standard_error": float(np.sqrt(share * (1 - share) / len(found))), "trials": len(found)}


def trials(settings: int, options: argparse.Namespace) -> int:
    return max(40, options.trials * 20 // max(20, settings))


def alarms(draw: Draw, settings: int, options: argparse.Namespace, cluster: int) -> dict[str, object]:
    rng = np.random.default_rng(settings)
    smallest = [p_values(draw(rng, settings), options.alpha, cluster).min() for _ in range(trials(settings, options))]
    return {**rate([bool(p <= options.alpha) for p in smallest]), "wanted": f"≤ {options.alpha}"}


def power(settings: int, options: argparse.Namespace) -> dict[str, object]:
    rng = np.random.default_rng(settings)
    found = []
    for _ in range(trials(settings, options)):
        values = scores(rng, settings, 300)
        values[0] = np.where(rng.random(300) < GAP / values[0].mean(), 0, values[0])
        found.append(bool(p_values(values, options.alpha)[0] <= options.alpha))
    return {**rate(found), "wanted": ""}


if __name__ == "__main__":
    main()
