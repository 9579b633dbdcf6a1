"""What evalkit itself costs: --help, a run whose embeddings are all there, and measures beside bare pytrec_eval."""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
from reporting import report


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--corpus", required=True)
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    own, peer = measures()
    with tempfile.TemporaryDirectory() as folder:
        run = ["corpus=beir", f"corpus.beir.path={options.corpus}", f"store.path={folder}/s", f"results_dir={folder}/r"]
        evalkit(*run)
        calls = {
            "--help": lambda: evalkit("--help"),
            "python -c pass": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True),
            "cached run, one point": lambda: evalkit(*run),
            "measures, 1,000 × 1,000": own,
            "pytrec_eval, 1,000 × 1,000": peer,
        }
        rows = [{"what": name, "seconds": median_seconds(call, options.rounds)} for name, call in calls.items()]
    report("overhead", rows, rounds=options.rounds)


def evalkit(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "evalkit", *arguments], check=True, capture_output=True)


def median_seconds(call: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def measures() -> tuple[Callable[[], object], Callable[[], object]]:
    """The same 1,000 rankings of 1,000 documents scored by evalkit and by pytrec_eval, judgments already read."""
    import pytrec_eval

    from evalkit.measures.quality import Judge, parse_measures

    generator = np.random.default_rng(0)
    ids = [f"d{i}" for i in range(10_000)]
    rankings = {f"q{q}": [ids[i] for i in generator.choice(10_000, 1_000, replace=False)] for q in range(1_000)}
    qrels = {q: {ids[i]: 1 for i in generator.choice(10_000, 20, replace=False)} for q in rankings}
    judge = Judge(parse_measures(["nDCG@10", "R@100", "RR@10", "AP@100"], 1_000), qrels)
    direct = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.100", "recip_rank", "map_cut.100"})

    def peer() -> object:
        run = {q: {d: float(1_000 - r) for r, d in enumerate(found)} for q, found in rankings.items()}
        return direct.evaluate(run)

    return lambda: judge.score(rankings), peer


if __name__ == "__main__":
    main()
