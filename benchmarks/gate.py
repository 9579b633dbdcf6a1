"""How often the gate cries wolf, and how often it sees what it says it could: on real per-query scores, resampled.

A run of several settings gives real paired differences. With the two sides swapped at random, query by query, nothing
but chance tells them apart (A/A): any alarm is a false one. Shifted to a mean of zero they keep the skew that real
changes have, which is harder. Shifted down by the drop that the gate calls detectable, they must be caught.
"""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
from reporting import report

from evalkit.measures.significance import detectable_drop, holm, sign_flip_p
from evalkit.results.record import SETTING
from evalkit.results.store import read_run

CHUNK = 100


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--run", required=True, help="a run's folder with at least 7 settings of one corpus")
    arguments.add_argument("--measure", default="nDCG@10")
    arguments.add_argument("--alpha", type=float, default=0.05)
    arguments.add_argument("--trials", type=int, default=2_000)
    arguments.add_argument("--resamples", type=int, default=1_000)
    arguments.add_argument("--comparisons", type=int, default=20)
    options = arguments.parse_args()
    differences = real_differences(Path(options.run), options.measure, options.comparisons)
    rng = np.random.default_rng(0)
    rows = [
        false_alarms("false alarms, A/A", swapped(differences, options, rng), options),
        false_alarms("false alarms, skewed differences of mean zero", centred(differences, options, rng), options),
        family_wise(differences, options, rng),
        detections(differences, options, rng),
    ]
    report("gate", rows, run=Path(options.run).name, queries=differences.shape[1], alpha=options.alpha)


def real_differences(run: Path, measure: str, count: int) -> np.ndarray:
    """Per-query differences (comparisons × queries) between pairs of settings of one run that differ at all."""
    queries = read_run(run).queries()
    wide = queries.pivot_table(index=list(SETTING), columns="query_id", values=measure).to_numpy()
    pairs = [wide[j] - wide[i] for i, j in combinations(range(len(wide)), 2)]
    varied = [d for d in pairs if np.count_nonzero(d) > len(d) / 4]
    chosen = np.random.default_rng(0).permutation(len(varied))[:count]
    assert len(chosen) == count, f"only {len(varied)} pairs of settings differ on enough queries"
    return np.stack([varied[i] for i in chosen])


def p_drop(differences: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    chunks = range(0, len(differences), CHUNK)
    return np.concatenate([sign_flip_p(differences[i : i + CHUNK], resamples, seed + i)[:, 0] for i in chunks])


def resampled(differences: np.ndarray, trials: int, rng: np.random.Generator) -> np.ndarray:
    """``trials`` × comparisons × queries: the same queries drawn with replacement for every comparison of a trial."""
    count = differences.shape[1]
    return np.stack([differences[:, rng.integers(0, count, count)] for _ in range(trials)])


def row(what: str, rate: float, trials: int, bound: str) -> dict[str, object]:
    error = float(np.sqrt(max(rate * (1 - rate), 1e-9) / trials))
    return {"what": what, "rate": rate, "standard_error": error, "trials": trials, "wanted": bound}


def swapped(differences: np.ndarray, options: argparse.Namespace, rng: np.random.Generator) -> np.ndarray:
    drawn = resampled(differences, options.trials // len(differences) + 1, rng).reshape(-1, differences.shape[1])
    return drawn * rng.choice([-1, 1], drawn.shape)


def centred(differences: np.ndarray, options: argparse.Namespace, rng: np.random.Generator) -> np.ndarray:
    around_zero = differences - differences.mean(axis=1, keepdims=True)
    return resampled(around_zero, options.trials // len(differences) + 1, rng).reshape(-1, differences.shape[1])


def false_alarms(what: str, drawn: np.ndarray, options: argparse.Namespace) -> dict[str, object]:
    rate = float((p_drop(drawn, options.resamples, 1) <= options.alpha).mean())
    return row(what, rate, len(drawn), f"≤ {options.alpha}")


def family_wise(differences: np.ndarray, options: argparse.Namespace, rng: np.random.Generator) -> dict[str, object]:
    around_zero = differences - differences.mean(axis=1, keepdims=True)
    drawn = resampled(around_zero, options.trials, rng)
    p = p_drop(drawn.reshape(-1, differences.shape[1]), options.resamples, 2).reshape(options.trials, -1)
    rate = float(np.mean([(holm(family) <= options.alpha).any() for family in p]))
    return row(f"any false alarm of {len(differences)}, after Holm", rate, options.trials, f"≤ {options.alpha}")


def detections(differences: np.ndarray, options: argparse.Namespace, rng: np.random.Generator) -> dict[str, object]:
    drops = np.array([[detectable_drop(d, 0.0, options.alpha) or 0.0] for d in differences])
    shifted = differences - differences.mean(axis=1, keepdims=True) - drops
    drawn = resampled(shifted, options.trials // len(differences) + 1, rng).reshape(-1, differences.shape[1])
    rate = float((p_drop(drawn, options.resamples, 3) <= options.alpha).mean())
    return row("drops of the detectable size that are shown", rate, len(drawn), "≥ 0.8")


if __name__ == "__main__":
    main()
