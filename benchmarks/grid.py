"""A grid of 4 dims × 4 quantizations, whole wall time: one evalkit run, cold and cached, against mteb.evaluate.

mteb encodes the corpus again for every setting (``truncate_dim`` and ``CompressionWrapper``); evalkit encodes it once.
Every run is a fresh process, as a user would start it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from reporting import report

DIMS = (64, 128, 256, 384)
QUANTIZATIONS = ("float32", "float16", "int8", "binary")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--corpus", required=True)
    arguments.add_argument(
        "--mteb-points", type=int, default=2, help="settings that mteb runs; the rest is extrapolated"
    )
    arguments.add_argument("--runtime", default="auto")
    arguments.add_argument("--precision", default="float32")
    arguments.add_argument("--one-mteb-point", nargs=2, metavar=("DIMS", "QUANTIZATION"), help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.one_mteb_point:
        mteb_point(options.corpus, int(options.one_mteb_point[0]), options.one_mteb_point[1])
        return
    with tempfile.TemporaryDirectory() as folder:
        evalkit = [sys.executable, "-m", "evalkit", "corpus=beir", f"corpus.beir.path={options.corpus}"]
        evalkit += [f"dims={list(DIMS)}".replace(" ", ""), f"quantization=[{','.join(QUANTIZATIONS)}]"]
        evalkit += [
            f"runtime={options.runtime}",
            f"runtime.precision={options.precision}",
            f"store.path={folder}/store",
            f"results_dir={folder}/results",
        ]
        cold, cached = (timed(evalkit) for _ in range(2))
    settings = [(d, q) for d in DIMS for q in QUANTIZATIONS]
    step = max(1, len(settings) // options.mteb_points)
    run = settings[::step][: options.mteb_points]
    own = [sys.executable, str(Path(__file__)), "--corpus", options.corpus, "--one-mteb-point"]
    measured = [timed([*own, str(d), q]) for d, q in run]
    whole = sum(measured) / len(measured) * len(settings)
    extrapolated = len(run) < len(settings)
    rows = [
        {"what": "evalkit, first time", "seconds": cold, "points": len(settings), "ratio": whole / cold},
        {"what": "evalkit, cached", "seconds": cached, "points": len(settings), "ratio": whole / cached},
        {
            "what": f"mteb{', extrapolated' if extrapolated else ''}",
            "seconds": whole,
            "points": len(settings),
            "ratio": 1.0,
        },
    ]
    report(
        "grid",
        rows,
        mteb_points_run=len(run),
        mteb_seconds_each=measured,
        runtime=f"{options.runtime} {options.precision}",
    )


def timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.perf_counter() - started


def mteb_point(corpus_folder: str, dims: int, quantization: str) -> None:
    """One setting by mteb, on the same texts: a task whose data come from the BEIR folder."""
    import mteb
    from datasets import Dataset
    from mteb.models import CompressionWrapper, SentenceTransformerEncoderWrapper
    from mteb.types import OutputDType
    from sentence_transformers import SentenceTransformer

    from evalkit.config.compose import compose
    from evalkit.corpora import load_corpus
    from evalkit.encoders.local.weights import local_folder

    corpus = load_corpus("beir", {"source": "beir", "path": corpus_folder})
    task = mteb.get_task("SciFact")
    documents = [
        {"id": i, "title": "", "text": t} for i, t in zip(corpus.documents.ids, corpus.documents.texts, strict=True)
    ]
    queries = [{"id": i, "text": t} for i, t in zip(corpus.queries.ids, corpus.queries.texts, strict=True)]
    split = {"corpus": Dataset.from_list(documents), "queries": Dataset.from_list(queries)}
    qrels = {q: dict(g) for q, g in corpus.qrels.items()}
    task.dataset = {"default": {"test": {**split, "relevant_docs": qrels, "top_ranked": None}}}
    task.data_loaded = True
    model = compose("run", []).model
    loaded = SentenceTransformer(str(local_folder(model) or model.name), device="cpu", truncate_dim=dims)
    encoder = SentenceTransformerEncoderWrapper(loaded)
    wrapped = encoder if quantization == "float32" else CompressionWrapper(encoder, OutputDType(quantization))
    result = mteb.evaluate(wrapped, task, cache=None, overwrite_strategy="always", show_progress_bar=False)
    print(json.dumps(result.task_results[0].scores["test"][0]["ndcg_at_10"]))


if __name__ == "__main__":
    main()
