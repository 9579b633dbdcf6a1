"""How often the gate cries wolf, and how often it sees what it says it could: on real per-query scores, resampled.

A run of several settings gives real paired differences. Made zero on average, they are the case of no regression: any
alarm is a false one. Shifted down by the drop that the gate calls detectable, they must be caught.
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
        false_alarms(differences, options, rng),
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


def false_alarms(differences: np.ndarray, options: argparse.Namespace, rng: np.random.Generator) -> dict[str, object]:
    centred = differences - differences.mean(axis=1, keepdims=True)
    each = options.trials // len(centred) + 1
    drawn = resampled(centred, each, rng).reshape(-1, differences.shape[1])
    rate = float((p_drop(drawn, options.resamples, 1) <= options.alpha).mean())
    return row("false alarms, one comparison", rate, len(drawn), f"≤ {options.alpha}")


def family_wise(differences: np.ndarray, options: argparse.Namespace, rng: np.random.Generator) -> dict[str, object]:
    centred = differences - differences.mean(axis=1, keepdims=True)
    drawn = resampled(centred, options.trials, rng)
    p = p_drop(drawn.reshape(-1, differences.shape[1]), options.resamples, 2).reshape(options.trials, -1)
    rate = float(np.mean([(holm(family) <= options.alpha).any() for family in p]))
    return row(f"any false alarm of {len(differences)}, after Holm", rate, options.trials, f"≤ {options.alpha}")


def detections(differences: np.ndarray, options: argparse.Namespace, rng: np.random.Generator) -> dict[str, object]:
    centred = differences - differences.mean(axis=1, keepdims=True)
    drops = [detectable_drop(d, 0.0, options.alpha) or 0.0 for d in centred]
    each = options.trials // len(centred) + 1
    drawn = resampled(centred - np.array(drops)[:, None], each, rng).reshape(-1, differences.shape[1])
    rate = float((p_drop(drawn, options.resamples, 3) <= options.alpha).mean())
    return row("drops of the detectable size that are shown", rate, len(drawn), "≥ 0.8")


if __name__ == "__main__":
    main()
