"""Total texts per second of several workers against this process, on the same cores: what handing shards out costs.

This process has all threads; workers share them out. Each round encodes the same texts by every way, one after the
other, and the median of the rounds' ratios counts. Starting workers and loading models is stated apart, as
``start_seconds``: what a pass takes beyond its wall seconds, in the first round. ``overhead_ms_per_shard`` is the time
in which a worker was at nothing while the pass went on. That every way gives the same vectors is checked to the bit.
"""

import argparse
import hashlib
import statistics
import time
from typing import Any

import psutil
from reporting import report

from evalkit.config import ExecutorConfig
from evalkit.config.compose import compose
from evalkit.corpora import Texts, load_corpus
from evalkit.embeddings.executors import Executor, load_executor
from evalkit.embeddings.shards import missing_shards
from evalkit.embeddings.throughput import Watched
from evalkit.encoders import Encoder, load_encoder
from evalkit.errors import is_installed


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--corpus", required=True)
    arguments.add_argument("--model", default="minilm")
    arguments.add_argument("--runtime", default="torch")
    arguments.add_argument("--texts", type=int, default=1_024)
    arguments.add_argument("--shard-texts", type=int, default=64)
    arguments.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    config = compose("run", [f"model={options.model}", f"runtime={options.runtime}"])
    corpus = load_corpus("beir", {"source": "beir", "path": options.corpus})
    count = min(options.texts, len(corpus.documents))
    texts = Texts(corpus.documents.ids[:count], corpus.documents.texts[:count])
    encoder = load_encoder(config.model, config.runtime)
    ways: dict[str, Executor] = {"local": load_executor(ExecutorConfig("local"))}
    kinds = ["processes", *(["ray"] if is_installed("ray") else [])]
    ways |= {f"{kind} × {n}": load_executor(ExecutorConfig(kind, n)) for kind in kinds for n in options.workers}
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, executor in ways.items():
            rounds[name].append(once(executor, encoder, texts, options.shard_texts))
            executor.close()  # else the next one would share this one's cluster of Ray
    threads = config.runtime.threads or psutil.cpu_count(logical=False)
    rows = [row(name, passes, rounds["local"]) for name, passes in rounds.items()]
    same = len({each["digest"] for passes in rounds.values() for each in passes}) == 1
    facts = {"corpus": corpus.name, "texts": count, "shard_texts": options.shard_texts, "rounds": options.rounds}
    report("workers", rows, **facts, model=options.model, runtime=options.runtime, threads=threads, same_vectors=same)


def once(executor: Executor, encoder: Encoder, texts: Texts, shard_texts: int) -> dict[str, Any]:
    """One pass: its throughput, how long it took in all, and a digest of its vectors."""
    watched, vectors = Watched(executor), {}
    began = time.perf_counter()
    for shard in watched.run(encoder, missing_shards("document", texts, shard_texts, ())):
        vectors[shard.index] = shard.encoded.vectors.tobytes()
    total = time.perf_counter() - began
    digest = hashlib.sha256(b"".join(vectors[index] for index in sorted(vectors))).hexdigest()
    return {"took": watched.throughput, "total": total, "shards": len(vectors), "digest": digest}


def row(name: str, passes: list[dict[str, Any]], local: list[dict[str, Any]]) -> dict[str, Any]:
    ratios = [here["took"].wall_seconds / each["took"].wall_seconds for here, each in zip(local, passes, strict=True)]
    idle = [
        (each["took"].wall_seconds * each["took"].workers - each["took"].busy_seconds) / each["shards"]
        for each in passes
    ]
    return {
        "way": name,
        "workers": passes[-1]["took"].workers,
        "texts_per_second_together": statistics.median(each["took"].texts_per_second_together for each in passes),
        "texts_per_second_per_worker": statistics.median(each["took"].texts_per_second_per_worker for each in passes),
        "ratio_to_local": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "overhead_ms_per_shard": 1000 * statistics.median(idle),
        "start_seconds": passes[0]["total"] - passes[0]["took"].wall_seconds,
    }


if __name__ == "__main__":
    main()
