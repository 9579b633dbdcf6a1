"""What evalkit adds to a FAISS index: queries per second and single-query latency beside the same index called bare.

With ``--corpus``, also the seconds of a whole grid from cached embeddings; product quantization apart, as training it
is most of its time.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import psutil
from reporting import report

from evalkit.config import RunConfig
from evalkit.config.compose import compose
from evalkit.search import Searcher, Vectors, build, cut, operating_points
from evalkit.search.engines.faiss.indexes import BinaryIndex, FloatIndex, RefinedIndex
from evalkit.vectors.sign_bits import sign_bits

WIDTH, QUERIES, TOP_K = 384, 200, 100
FLAT = "float32,float16,int8,int4,rabitq,binary,int4_rescore,rabitq_rescore"
GRAPHS = "float32,int8,binary"
PLAIN = {"float32": "Flat", "float16": "SQfp16", "int8": "SQ8", "int4": "SQ4", "binary": "BFlat", "rabitq": "RaBitQ"}
RESCORED = [f"{name}_rescore" for name in PLAIN]
TRAINED = ["pq", "pq_rescore", "pq_fast", "opq"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--corpus", help="a BEIR folder for the grid")
    options = arguments.parse_args()
    faiss.omp_set_num_threads(psutil.cpu_count(logical=False) or 1)
    generator = np.random.default_rng(0)
    documents = generator.standard_normal((options.rows, WIDTH), dtype=np.float32)
    queries = cut(generator.standard_normal((QUERIES, WIDTH), dtype=np.float32), WIDTH)
    rows: list[dict[str, Any]] = []
    for index_names, quantizations in (("flat", FLAT), ("hnsw,ivf", GRAPHS)):
        config: RunConfig = compose("run", [f"index=[{index_names}]", f"quantization=[{quantizations}]"])
        for quantization_name, quantization in config.quantization.items():
            for index_name, index in config.index.items():
                searcher = build(Vectors(documents, WIDTH), np.arange(options.rows), quantization, index)
                point = next(operating_points(index_name, index, quantization, TOP_K))
                searcher = searcher.at(point)
                searcher.find(queries[:1], TOP_K)  # tells FAISS's own rescoring how many candidates there are
                named = {"quantization": quantization_name, "index": point.name}
                named |= {"build_seconds": searcher.built.seconds}
                rows.append({**named, **compare(searcher, bare(searcher), queries, options.rounds)})
    report("search", rows, rows_searched=options.rows, width=WIDTH, top_k=TOP_K, rounds=options.rounds)
    if options.corpus:
        report("search_grid", grid(options.corpus), corpus=options.corpus)


def bare(searcher: Searcher) -> Callable[[np.ndarray], object]:
    """The FAISS index itself; where FAISS has none that rescores, what it takes to do so by hand."""
    refined = searcher.rescoring.refined if searcher.rescoring else None
    index = refined or searcher.index.main
    if isinstance(index, FloatIndex | RefinedIndex):
        return lambda queries: index.index.search(queries, TOP_K)
    assert isinstance(index, BinaryIndex)
    return lambda queries: index.index.search(sign_bits(queries), TOP_K)


def compare(
    searcher: Searcher, peer: Callable[[np.ndarray], object], queries: np.ndarray, rounds: int
) -> dict[str, float]:
    """Medians over alternating rounds: batch throughput of evalkit over bare, single-query p50 of evalkit over bare."""

    def own(given: np.ndarray) -> object:
        return searcher.find(given, TOP_K)

    batch: dict[str, list[float]] = {"own": [], "peer": []}
    single: dict[str, list[float]] = {"own": [], "peer": []}
    for _ in range(rounds):
        for name, call in (("own", own), ("peer", peer)):
            batch[name].append(seconds(call, queries))
        for i in range(len(queries)):
            for name, call in (("own", own), ("peer", peer)) if i % 2 else (("peer", peer), ("own", own)):
                single[name].append(seconds(call, queries[i : i + 1]))
    p50 = {name: statistics.median(values) * 1000 for name, values in single.items()}
    return {
        "queries_per_second": len(queries) / statistics.median(batch["own"]),
        "batch_ratio": statistics.median(p / o for o, p in zip(batch["own"], batch["peer"], strict=True)),
        "search_ms_p50": p50["own"],
        "p50_ratio": p50["own"] / p50["peer"],
    }


def seconds(call: Callable[[np.ndarray], object], queries: np.ndarray) -> float:
    started = time.perf_counter()
    call(queries)
    return time.perf_counter() - started


def grid(corpus: str) -> list[dict[str, Any]]:
    """Seconds of whole runs of 4 dims, embeddings cached by a run before."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        run = [sys.executable, "-m", "evalkit", "corpus=beir", f"corpus.beir.path={corpus}"]
        run += [f"store.path={folder}/store", f"results_dir={folder}/results"]
        subprocess.run(run, check=True, capture_output=True)
        for name, fragment in PLAIN.items():
            file = Path(folder, "conf", "quantization", f"{name}_rescore.yaml")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{name}_rescore: {{faiss: {fragment}, rescore: {{store: float32, factor: 4}}}}\n")
        for names in ([*PLAIN, *RESCORED], TRAINED):
            command = [*run, "dims=[64,128,256,384]", f"quantization=[{','.join(names)}]"]
            elapsed = time.perf_counter()
            subprocess.run([*command, "--config-dir", f"{folder}/conf"], check=True, capture_output=True)
            elapsed = time.perf_counter() - elapsed
            rows.append({"quantizations": " ".join(names), "points": 4 * len(names), "seconds": elapsed})
    return rows


if __name__ == "__main__":
    main()
