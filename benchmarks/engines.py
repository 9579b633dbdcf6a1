"""The same vectors in each engine: recall and latency at every operating point, building, bytes, and filtered search.

Real vectors of the corpora; where they are too few, they are repeated with noise, and the table says how many are real.
Recall is against exact search by NumPy, filtered recall against the exact answer among what passes. Latencies are of
one client, one query at a time. Prints a Markdown table.
"""

import argparse
import json
import platform
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import psutil

from evalkit.arrays import FloatMatrix, Rows
from evalkit.config import RunConfig
from evalkit.config.compose import compose
from evalkit.config.input.words import quoted
from evalkit.corpora import load_corpus
from evalkit.embeddings import EmbeddingStore, chunks_of, embed
from evalkit.encoders import load_encoder
from evalkit.encoders.local.auto_runtime import named_runtime
from evalkit.measures.latency import percentiles_ms, time_within_ms
from evalkit.results.in_words import duration, significant, size
from evalkit.results.markdown import table
from evalkit.search import Searcher, Vectors, build, operating_points
from evalkit.search.engine import Filter, Payload, engine_of

K, CALLS, LEAST_CALLS, SECONDS = 10, 200, 20, 20.0
NOISE = 0.3  # length of what is added to a repeated vector, which has length 1
SHARES = (0.1, 0.01)
HEADER = (
    *("index", "recall@10", "p50 ms", "p95 ms", "build", "index", "of that the table"),
    *(f"filter {share:.0%}: recall@10, returned, p50 ms" for share in SHARES),
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--corpus", action="append", required=True, help="a BEIR folder; several are joined")
    arguments.add_argument("--model", default="minilm")
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--queries", type=int, default=200)
    arguments.add_argument("--chunk-tokens", type=int, help="split documents into chunks of so many tokens")
    arguments.add_argument("--engines", default="flat,hnsw,ivf", help="keys of conf/index, by commas")
    arguments.add_argument("--quantizations", default="float32")
    arguments.add_argument("--set", action="append", default=[], help="another setting, as index.x.url=…")
    options = arguments.parse_args()
    configs = [config_of(options, corpus) for corpus in options.corpus]
    sides = [embedded(config) for config in configs]
    real, queries = (np.concatenate(vectors) for vectors in zip(*sides, strict=True))
    documents = as_many(real, options.rows)
    chosen = np.random.default_rng(2).permutation(len(queries))[: options.queries]
    queries = queries[chosen]
    real_rows = min(len(real), options.rows)
    print(f"{options.rows:,} × {documents.shape[1]} vectors, {real_rows:,} of them real and the rest those again with")
    print(f"noise of length {NOISE}; {len(queries)} queries; {psutil.cpu_count(logical=False)} cores.\n")
    rows = list(measured(configs[0], documents, queries))
    print("\n".join(table(HEADER, map(cells, rows))))
    print(f"\n`python benchmarks/engines.py {' '.join(sys.argv[1:])}`\n")
    facts = {"rows": options.rows, "real": real_rows, "machine": platform.machine()}
    print(json.dumps({"benchmark": "engines", **facts, "points": rows}))


def config_of(options: argparse.Namespace, corpus: str) -> RunConfig:
    chunking = [] if options.chunk_tokens is None else ["chunking=tokens", f"chunking.size={options.chunk_tokens}"]
    grid = [f"index=[{options.engines}]", f"quantization=[{options.quantizations}]"]
    of_corpus = ["corpus=beir", f"corpus.beir.path={quoted(corpus)}"]
    config: RunConfig = compose("run", [f"model={options.model}", *of_corpus, *chunking, *grid, *options.set])
    return config


def embedded(config: RunConfig) -> tuple[FloatMatrix, FloatMatrix]:
    """Documents (or their chunks) and queries of the corpus, from the store where they are in it."""
    ((name, source),) = config.corpus.items()
    corpus = load_corpus(name, source)
    encoder = load_encoder(config.model, named_runtime(config.runtime))
    chunks = chunks_of(corpus.documents, encoder, config.chunking)
    found = embed(EmbeddingStore(config.store.path), encoder, corpus, 10, chunks=chunks)
    return np.asarray(found.documents.vectors, np.float32), np.asarray(found.queries.vectors, np.float32)


def as_many(real: FloatMatrix, rows: int) -> FloatMatrix:
    """The first ``rows`` of ``real``; where they are fewer, those again and again with noise, of unit length."""
    generator = np.random.default_rng(0)
    vectors = real[np.arange(rows) % len(real)]
    noise = generator.standard_normal(vectors.shape, dtype=np.float32)
    noise *= NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
    noise[: len(real)] = 0
    vectors = vectors + noise
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def filters(labels: dict[str, Rows]) -> list[Filter]:
    return [Filter(column, 0, np.flatnonzero(values == 0)) for column, values in labels.items()]


def measured(config: RunConfig, documents: FloatMatrix, queries: FloatMatrix) -> Iterator[dict[str, Any]]:
    """A row for each operating point of each quantization in each engine; each index is built once."""
    generator = np.random.default_rng(1)
    labels = {f"one_of_{1 / share:.0f}": generator.integers(round(1 / share), size=len(documents)) for share in SHARES}
    best = exact(queries, documents, np.arange(len(documents)))
    kept = [(keep, exact(queries, documents, keep.passing)) for keep in filters(labels)]
    payload = Payload([f"d{row}" for row in range(len(documents))], labels)
    for quantization_name, quantization in config.quantization.items():
        for name, index in config.index.items():
            print(f"{quantization_name} {name} …", file=sys.stderr)
            vectors = Vectors(documents, documents.shape[1])
            with build(vectors, np.arange(len(documents)), quantization, index, payload=payload) as searcher:
                can_filter = engine_of(quantization, index).filters
                for point in operating_points(name, index, quantization, K):
                    at_point = searcher.at(point)
                    yield {
                        "point": f"{quantization_name} {point.name}",
                        **of_search(at_point, queries, best),
                        **of_building(at_point),
                        "filtered": [of_filter(at_point, queries, *each) for each in kept] if can_filter else [],
                    }


def exact(queries: FloatMatrix, documents: FloatMatrix, rows: Rows) -> list[set[int]]:
    """The best ``K`` of ``rows`` for each query, by NumPy."""
    scores = queries @ documents[rows].T
    return [set(rows[best].tolist()) for best in np.argpartition(-scores, K - 1, axis=1)[:, :K]]


def of_search(searcher: Searcher, queries: FloatMatrix, best: Sequence[set[int]]) -> dict[str, Any]:
    found = [searcher.find(query[None], K).rows[0] for query in queries]
    calls_ms = time_within_ms(lambda i: searcher.find(queries[i % len(queries)][None], K), SECONDS, LEAST_CALLS, CALLS)
    timed = percentiles_ms("search", calls_ms)
    return {"recall": recall(found, best), "p50_ms": timed["search_ms_p50"], "p95_ms": timed["search_ms_p95"]}


def of_building(searcher: Searcher) -> dict[str, Any]:
    built, facts = searcher.built, searcher.index.facts()
    return {
        "build_seconds": built.seconds,
        "index_bytes": facts.index_bytes,
        "table_bytes": built.table_bytes,
        "engine": f"{facts.name} {facts.version}",
        "unproven": facts.unproven,
    }


def of_filter(searcher: Searcher, queries: FloatMatrix, keep: Filter, best: Sequence[set[int]]) -> dict[str, Any]:
    """Recall against the exact filtered answer, the share of asked-for results that came, and the latency."""
    found = [searcher.index.search(query[None], K, keep).rows[0] for query in queries]
    returned = float(np.mean([np.count_nonzero(rows >= 0) for rows in found])) / K
    calls_ms = time_within_ms(
        lambda i: searcher.index.search(queries[i % len(queries)][None], K, keep), SECONDS, LEAST_CALLS, CALLS
    )
    timed = percentiles_ms("search", calls_ms)
    return {"recall": recall(found, best), "returned": returned, "p50_ms": timed["search_ms_p50"]}


def recall(found: Sequence[Rows], best: Sequence[set[int]]) -> float:
    return float(np.mean([len(own & set(rows.tolist())) / K for rows, own in zip(found, best, strict=True)]))


def cells(row: dict[str, Any]) -> list[str]:
    """One row of the table; what an engine does not tell is a dash."""
    filtered = [f"{f['recall']:.3f}, {f['returned']:.2f}, {significant(f['p50_ms'])}" for f in row["filtered"]]
    return [
        row["point"],
        f"{row['recall']:.3f}",
        *(significant(row[name]) for name in ("p50_ms", "p95_ms")),
        duration(row["build_seconds"]),
        *("–" if row[name] is None else size(row[name]) for name in ("index_bytes", "table_bytes")),
        *(filtered or ["–"] * len(SHARES)),
    ]


if __name__ == "__main__":
    main()
