"""Exact search over stored vectors, block by block, against faiss.IndexFlatIP that holds everything in memory.

Seconds and peak memory above the interpreter's own (``process_mb``), at one and at four widths, each measured in a
process of its own. ``growth`` is seconds per vector over those of the size before: 1 is linear. Ten million vectors as
they are stored, of which FAISS would need 15 GB: ``--rows 1000000 10000000 --dtype float16 --ways evalkit --dims one``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from reporting import report

WIDTH, QUERIES, TOP_K = 384, 1_000, 100
DIMS = {"one": [WIDTH], "four": [64, 128, 256, WIDTH]}
WAYS = ("evalkit", "faiss")
CHUNK = 100_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--dtype", choices=["float32", "float16"], default="float32", help="as it is stored")
    arguments.add_argument("--ways", choices=WAYS, nargs="+", default=WAYS)
    arguments.add_argument("--dims", choices=DIMS, nargs="+", default=list(DIMS))
    arguments.add_argument("--folder", default=tempfile.gettempdir())
    arguments.add_argument("--one", nargs=3, metavar=("FILE", "WAY", "DIMS"), help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.one:
        one(*options.one)
        return
    rows: list[dict[str, Any]] = []
    for count in options.rows:
        file = Path(options.folder) / f"evalkit-scale-{count}.npy"
        try:
            write_vectors(file, count, options.dtype)
            for dims in options.dims:
                runs = [{way: measure(file, way, dims) for way in options.ways} for _ in range(options.rounds)]
                before = [row for row in rows if row["dims"] == dims][-1:]
                rows.append(summary(count, dims, runs, before))
        finally:
            file.unlink(missing_ok=True)
    report("scale", rows, queries=QUERIES, top_k=TOP_K, width=WIDTH, dtype=options.dtype, rounds=options.rounds)


def summary(
    count: int, dims: str, runs: list[dict[str, dict[str, float]]], before: list[dict[str, Any]]
) -> dict[str, Any]:
    """Medians over the alternating runs; the speed ratio is faiss's seconds over evalkit's, pair by pair."""
    row: dict[str, Any] = {"rows": count, "dims": dims}
    for way in runs[0]:
        row[f"{way}_seconds"] = float(np.median([r[way]["seconds"] for r in runs]))
        row[f"{way}_peak_mb"] = float(np.median([r[way]["peak_bytes"] for r in runs])) / 1e6
    row["process_mb"] = float(np.median([r[way]["own_bytes"] for r in runs for way in r])) / 1e6
    if len(runs[0]) == len(WAYS):
        row["speed_ratio"] = float(np.median([r["faiss"]["seconds"] / r["evalkit"]["seconds"] for r in runs]))
    for smaller in before:
        seconds = [r[f"{next(iter(runs[0]))}_seconds"] / r["rows"] for r in (row, smaller)]
        row["growth"] = seconds[0] / seconds[1]
    return row


def measure(file: Path, way: str, dims: str) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", str(file), way, dims]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def one(file: str, way: str, dims: str) -> None:
    """Search in this process; seconds are those of searching, memory includes whatever must be held for it."""
    import faiss
    import psutil

    from evalkit.measures.memory import PeakMemory
    from evalkit.search import Vectors, cut
    from evalkit.search.engines.faiss.exact import StoredFlatIndex
    from evalkit.vectors.stored import open_npy

    faiss.omp_set_num_threads(psutil.cpu_count(logical=False) or 1)
    queries = np.random.default_rng(1).standard_normal((QUERIES, WIDTH), dtype=np.float32)
    matrix = open_npy(Path(file))
    own = psutil.Process().memory_info().rss
    seconds = 0.0
    with PeakMemory() as memory:
        for width in DIMS[dims]:
            cut_queries = cut(queries, width)
            if way == "evalkit":
                index = StoredFlatIndex(Vectors(matrix, width))
            else:
                index = faiss.IndexFlatIP(width)
                for _, block in Vectors(matrix, width).blocks():
                    index.add(block)
            started = time.perf_counter()
            index.search(cut_queries, TOP_K)
            seconds += time.perf_counter() - started
            del index
    print(json.dumps({"seconds": seconds, "peak_bytes": (memory.peak_rss_bytes or 0) - own, "own_bytes": own}))


def write_vectors(file: Path, count: int, dtype: str) -> None:
    matrix = np.lib.format.open_memmap(file, mode="w+", dtype=np.dtype(dtype), shape=(count, WIDTH))
    generator = np.random.default_rng(0)
    for first in range(0, count, CHUNK):
        rows = min(CHUNK, count - first)
        block = generator.standard_normal((rows, WIDTH), dtype=np.float32)
        matrix[first : first + rows] = block / np.linalg.norm(block, axis=1, keepdims=True)
    matrix.flush()


if __name__ == "__main__":
    main()
