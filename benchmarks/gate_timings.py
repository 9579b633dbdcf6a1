"""How often a gate of single runs calls a quick candidate slow, and how often it sees one that is twice as slow.

Both sides' calls are drawn from the same noise, each side with a moment of its own: how much of the time the machine is
disturbed differs from run to run, as it does between two jobs. Any regression is then a false one; with the candidate's
calls doubled it is a real one. What is judged is what the gate judges, by its own code.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from reporting import report

from evalkit.gate.pairing import Pair
from evalkit.gate.resources import compare, judged
from evalkit.results.column import Column
from evalkit.results.columns import FIGURES
from evalkit.system.busy import MOST_WAITED

QUIET_MS, SPREAD = 5.0, 0.1
LIMITS = (1.5, 2.0)
CALLS = (200, 400, 1_000)
ALPHA, LEAST_MS = 0.05, 1.0
FIGURE = FIGURES["search_ms_p95"]
Calls = npt.NDArray[np.float32]
Noise = Callable[[int, np.random.Generator], Calls]


def quiet(calls: int, rng: np.random.Generator) -> Calls:
    return (QUIET_MS * rng.lognormal(0, SPREAD, calls)).astype(np.float32)


def skewed(calls: int, rng: np.random.Generator) -> Calls:
    """Calls of very different lengths: lognormal with a spread of 0.6."""
    return (QUIET_MS * rng.lognormal(0, 0.6, calls)).astype(np.float32)


def outliers(calls: int, rng: np.random.Generator) -> Calls:
    """Up to 4 % of calls, another share in each run, take 10 to 50 times as long."""
    are_slow = rng.random(calls) < rng.uniform(0, 0.04)
    return np.where(are_slow, quiet(calls, rng) * rng.uniform(10, 50, calls), quiet(calls, rng)).astype(np.float32)


def phases(share: float, length: int) -> Noise:
    """Stretches of about ``length`` calls that take 2 to 4 times as long, up to ``share`` of all calls of a run."""

    def drawn(calls: int, rng: np.random.Generator) -> Calls:
        wanted = rng.uniform(0, share)
        leave, enter = 1 / length, wanted / (1 - wanted) / length
        is_slow, state, factor = np.empty(calls), rng.random() < wanted, rng.uniform(2, 4)
        for call, chance in enumerate(rng.random(calls)):
            state = chance >= leave if state else chance < enter
            is_slow[call] = state
        return (quiet(calls, rng) * np.where(is_slow, factor, 1)).astype(np.float32)

    return drawn


NOISES: dict[str, Noise] = {
    "quiet": quiet,
    "calls of very different lengths": skewed,
    "outliers, up to 4 % of calls": outliers,
    "slow phases of 10 calls, up to 20 %": phases(0.2, 10),
    "slow phases of 50 calls, up to 20 %": phases(0.2, 50),
    "slow phases of 50 calls, up to 50 %": phases(0.5, 50),
}


class Outcomes(NamedTuple):
    """Shares of gates: that call the candidate slow, and that say that there is too much noise to compare."""

    slow: float
    noisy: float


@dataclass(frozen=True)
class Side:
    """One side of a gate as ``compare`` reads it: the figure and the single calls of one run."""

    samples: Calls
    tells_load: bool = False

    def median(self, point: object, column: str) -> float:
        return float(np.percentile(self.samples, FIGURES[column].percentile or 0))

    def calls(self, point: object, figure: Column) -> Sequence[Calls]:
        return [self.samples]

    def taken_over(self, point: object, figure: Column) -> str:
        return ""

    def busy(self, point: object, figure: Column) -> str:
        """What beyond the usual time of a call was spent waiting for a core, where the system tells."""
        usual = np.minimum(self.samples, 1.5 * np.percentile(self.samples, 20)).sum()
        return "it waited" if self.tells_load and 1 - usual / self.samples.sum() > MOST_WAITED else ""


def outcomes(
    noise: Noise, calls: int, factor: float, limit: float, trials: int, seed: int, tells_load: bool = False
) -> Outcomes:
    """Of gates between runs of so many ``calls``, the candidate's ``factor`` times as long."""
    rng, point = np.random.default_rng(seed), {"corpus": "c", "dims": None, "serve_k": 10}
    point |= dict.fromkeys(("engine", "index", "operating_point", "stages"), "")
    slow = noisy = 0
    for _ in range(trials):
        sides = Side(noise(calls, rng), tells_load), Side(noise(calls, rng) * np.float32(factor), tells_load)
        (result,) = judged([compare(Pair(point, point), FIGURE, limit, *sides, "", LEAST_MS)], ALPHA)  # type: ignore[arg-type]
        slow += result.exceeds
        noisy += bool(result.not_compared)
    return Outcomes(slow / trials, noisy / trials)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--trials", type=int, default=400)
    trials = arguments.parse_args().trials
    rows = []
    for (what, noise), calls in product(NOISES.items(), CALLS):
        row: dict[str, str | float] = {"noise": what, "calls": calls}
        for limit in LIMITS:
            row[f"false at {limit:g} ×"] = outcomes(noise, calls, 1.0, limit, trials, 0).slow
        row["false, load known"] = outcomes(noise, calls, 1.0, max(LIMITS), trials, 0, tells_load=True).slow
        row["not compared"] = outcomes(noise, calls, 1.0, max(LIMITS), trials, 0).noisy
        row["2 × found at 1.5 ×"] = outcomes(noise, calls, 2.0, 1.5, trials, 1).slow
        row["3 × found at 2 ×"] = outcomes(noise, calls, 3.0, 2.0, trials, 1).slow
        rows.append(row)
    report("gate_timings", rows, trials=trials)


if __name__ == "__main__":
    main()
