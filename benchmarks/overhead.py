"""What evalkit itself costs: --help, runs whose embeddings are all there, and measures beside bare pytrec_eval.

``--beside`` another checkout calls that one too, in turn: ``ratio`` is its seconds over these, pair by pair.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from reporting import report

GRID = ("dims=[64,128,256,384]", "quantization=[float32,int8,binary,binary_rescore]")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--corpus", required=True)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--beside", type=Path, help="folder of another checkout")
    options = arguments.parse_args()
    here, corpus = Path(__file__).resolve().parent.parent, Path(options.corpus).resolve()
    own, peer = measures()
    with tempfile.TemporaryDirectory() as folder:
        run = ["corpus=beir", f"corpus.beir.path={corpus}", f"store.path={folder}/s", f"results_dir={folder}/r"]
        calls = {"--help": ["--help"], "cached run, one point": run, "cached run, 16 points": [*run, *GRID]}
        evalkit(here, *run)
        rows = []
        for name, words in calls.items():
            ways = [partial(evalkit, at, *words) for at in (here, options.beside) if at]
            rows.append(row(name, ways, options.rounds))
    bare = partial(subprocess.run, [sys.executable, "-c", "pass"], check=True)
    rows.append(row("python -c pass", [bare], options.rounds))
    rows.append(row("measures, 1,000 × 1,000, beside pytrec_eval", [own, peer], options.rounds))
    report("overhead", rows, rounds=options.rounds)


def evalkit(checkout: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "evalkit", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve())}
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=checkout)


def row(what: str, ways: Sequence[Callable[[], object]], rounds: int) -> dict[str, Any]:
    """Median seconds of the first of ``ways``, and of the other one where there are two; they take turns."""
    seconds = [[seconds_of(way) for way in ways] for _ in range(rounds)]
    medians = [statistics.median(column) for column in zip(*seconds, strict=True)]
    ratio = statistics.median(pair[-1] / pair[0] for pair in seconds) if len(ways) > 1 else None
    beside = medians[1] if len(ways) > 1 else None
    return {"what": what, "seconds": medians[0], "beside_seconds": beside, "ratio": ratio}


def seconds_of(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


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
