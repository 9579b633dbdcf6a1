"""How long a report takes and how large its page is, by the number of points, in a process of its own as a user has it.

Runs are made up (random quality, two corpora of 225 judged queries each), so the page has everything that a real one
has: intervals, tests, per-query values, and texts.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

import numpy as np
from reporting import report

from evalkit.measures.ranking import Ranking
from evalkit.results.record import CorpusRecord, Point, PointRecord
from evalkit.results.setting import Setting
from evalkit.results.writer import RunWriter

QUERIES, DOCUMENTS = 225, 1_400
MEASURES = ("nDCG@10", "R@10", "R@100", "RR@10", "AP@100")
DIMS = (64, 128, 256, 512, 768)
QUANTIZATIONS = ("float32", "float16", "int8", "int4", "rabitq", "binary", "binary_rescore", "pq", "opq", "int6")
CORPORA = ("one", "other")
ENVIRONMENT = {
    "cpu": {"model": "a CPU", "logical_cores": 2, "physical_cores": 2},
    "gpu": [],
    "ram_bytes": 24_000_000_000,
    "threads": {},
    "packages": {},
}

SPEEDS = (
    *("search_ms_mean", "search_ms_p50", "search_ms_p95", "encode_query_ms_mean"),
    *("query_ms_mean", "query_ms_p50", "query_ms_p95"),
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--points", type=int, nargs="+", default=[100, 1_000, 20_000])
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    rows = []
    for points in options.points:
        with tempfile.TemporaryDirectory() as folder:
            make_runs(Path(folder) / "results", points)
            rows.append({"points": points, **timed(Path(folder), options.rounds)})
    report("report", rows)


def timed(folder: Path, rounds: int) -> dict[str, float]:
    command = [sys.executable, "-m", "evalkit", "report", f"results_dir={folder / 'results'}", f"reports_dir={folder}"]
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    page = (folder / "index.html").stat().st_size
    return {"seconds (median)": float(np.median(seconds)), "seconds (worst)": max(seconds), "page MB": page / 1e6}


def make_runs(results_dir: Path, points: int) -> None:
    """One run per model, each with all dims × quantizations × as many indexes as it takes, on both corpora."""
    models = min(10, max(1, points // 100))
    indexes = [f"hnsw(efSearch={2**i})" for i in range(-(-points // (models * 100)))]
    rng = np.random.default_rng(0)
    for model in range(models):
        settings = islice(product(CORPORA, DIMS, QUANTIZATIONS, indexes), points // models)
        with RunWriter(results_dir, f"run{model:02}", save_rankings=False) as writer:
            for corpus in CORPORA:
                writer.add(record(f"made-up/model-{model}", corpus))
            for found in measured(f"made-up/model-{model}", settings, rng):
                writer.add(found)
            about = {"created_at": f"2026-01-01T00:00:{model:02}", "finished": True, "command": []}
            writer.finish({**about, "config": {"measures": list(MEASURES)}, "environment": ENVIRONMENT})


def record(model: str, corpus: str) -> CorpusRecord:
    return CorpusRecord(
        model={"name": model, "revision": "r"},
        corpus={"name": corpus, "fingerprint": corpus, "documents": DOCUMENTS, "queries": QUERIES},
        findings=(),
        embeddings=({"model": model, "corpus": corpus, "side": "document", "runtime": {"device": "cpu"}},),
        canaries=(),
        queries=tuple((f"q{i}", f"what is number {i} of the {corpus} corpus?") for i in range(QUERIES)),
    )


def measured(
    model: str, settings: Iterator[tuple[str, int, str, str]], rng: np.random.Generator
) -> Iterator[PointRecord]:
    hard = {corpus: rng.random(QUERIES) for corpus in CORPORA}
    for corpus, dims, quantization, index in settings:
        scores = {name: (hard[corpus] + 0.3 * rng.random(QUERIES) > 0.5) * rng.random() for name in MEASURES}
        speeds = dict.fromkeys(SPEEDS, 1 + rng.random())
        figures = {
            **{name: float(values.mean()) for name, values in scores.items()},
            **speeds,
            "encode_query_ms_p50": 1.0,
            "overlap@10": 1.0,
            "documents_per_second": 100.0,
            "tokens_per_second": 10_000.0,
            "tokens_per_document": 200.0,
            "tokens_per_query": 10.0,
            "chunks_per_document": 1.0,
            "bytes_per_document": dims * rng.random() * 4,
            "index_bytes": dims * DOCUMENTS * 4,
            **dict.fromkeys(("peak_rss_bytes", "peak_gpu_bytes", "search_peak_rss_bytes"), 10**9),
        }
        point = Point(
            Setting(
                *("retrieval", model, "r", "", corpus, corpus, "none", dims, quantization),
                *("faiss", index, "", "", 100, 10),
            ),
            *(True, "inner_product", None, QUERIES, "a machine"),
            figures=figures,
            unmeasured={},
        )
        yield PointRecord(
            point=point,
            query_ids=tuple(f"q{i}" for i in range(QUERIES)),
            per_query=scores,
            first_relevant_rank=np.ones(QUERIES, dtype=np.int64),
            latencies_ms={"search_ms": np.ones(200)},
            ranking=Ranking(np.zeros((0, 0), np.int64), np.zeros((0, 0), np.float32)),
            document_ids=(),
        )


if __name__ == "__main__":
    main()
