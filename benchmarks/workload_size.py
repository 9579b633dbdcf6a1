"""Search, building and bytes at the workload's size: what a run of a small corpus predicts, and what is measured.

The indexes that are measured hold filler vectors of the corpus's distribution. They are built as a run builds them, but
for graphs: those are built by all threads, so how long their building takes is not compared.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import psutil
from reporting import report

from evalkit.config import RunConfig
from evalkit.config.compose import compose
from evalkit.corpora import load_corpus
from evalkit.embeddings import EmbeddingStore, chunks_of, embed
from evalkit.encoders import load_encoder
from evalkit.encoders.local.auto_runtime import named_runtime
from evalkit.measures.latency import percentiles_ms, time_within_ms
from evalkit.measures.laws import SEARCH, at_workload
from evalkit.scaling.vectors import CorpusLaws, point_laws
from evalkit.search import Searcher, Vectors, build, operating_points

CALLS, SECONDS, BATCH = 200, 20.0, 32
SERVED = 10


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--corpus", required=True, help="a BEIR folder")
    arguments.add_argument("--model", default="minilm")
    arguments.add_argument("--documents", type=int, default=1_000_000)
    arguments.add_argument("--quantizations", default="float32,int8,binary")
    arguments.add_argument("--indexes", default="flat,ivf,hnsw")
    arguments.add_argument("--seconds", type=float, default=1.0, help="at_workload_seconds")
    options = arguments.parse_args()
    config: RunConfig = compose(
        "run",
        [
            f"model={options.model}",
            *("corpus=beir", f"corpus.beir.path={options.corpus}"),
            f"quantization=[{options.quantizations}]",
            f"index=[{options.indexes}]",
            f"at_workload_seconds={options.seconds}",
            "memory_gb=16",
        ],
    )
    faiss.omp_set_num_threads(psutil.cpu_count(logical=False) or 1)
    rows = [row for found in settings(config, options.documents) for row in found]
    report("workload_size", rows, documents=options.documents, corpus=options.corpus, seconds=options.seconds)


def settings(config: RunConfig, documents: int) -> Iterator[list[dict[str, Any]]]:
    (name, source), *_ = config.corpus.items()
    corpus = load_corpus(name, source)
    encoder = load_encoder(config.model, named_runtime(config.runtime))
    store = EmbeddingStore(config.store.path)
    found = embed(store, encoder, corpus, 10, chunks=chunks_of(corpus.documents, encoder, config.chunking))
    queries = np.asarray(found.queries.vectors, dtype=np.float32)
    vectors = found.documents.vectors
    dims = vectors.shape[1]
    with tempfile.TemporaryDirectory() as folder:
        laws = CorpusLaws(config, vectors, Path(folder))
        many = laws.filler.vectors(documents, dims)
        for (quantization_name, quantization), (index_name, index) in product(
            config.quantization.items(), config.index.items()
        ):
            small = build(Vectors(vectors, dims), np.arange(len(vectors)), quantization, index)
            points = list(operating_points(index_name, index, quantization, SERVED))
            at_size = laws.of(quantization, index, small, points, queries)
            large = build(Vectors(many, dims), np.arange(documents), quantization, replace(index, build_threads=None))
            yield [
                compared(quantization_name, point.name, predicted, timed(large.at(point), queries), at.why)
                for point, at in zip(points, at_size, strict=True)
                for predicted in [
                    at_workload(
                        point_laws(at, small.at(point), index, queries, figures(small.at(point), queries), SERVED),
                        {},
                        documents,
                    )
                ]
            ]


def figures(searcher: Searcher, queries: np.ndarray) -> dict[str, Any]:
    return {**timed(searcher, queries), "chunks_per_document": 1.0}


def timed(searcher: Searcher, queries: np.ndarray) -> dict[str, Any]:
    calls_ms = time_within_ms(lambda i: searcher.find(queries[i % len(queries)][None], SERVED), SECONDS, 20, CALLS)
    batch = queries[np.arange(BATCH) % len(queries)]
    batch_ms = time_within_ms(lambda i: searcher.find(batch, SERVED), SECONDS, 3, 3)
    return {
        **percentiles_ms("search", calls_ms),
        "search_queries_per_second": 1000 * BATCH / float(np.median(batch_ms)),
        "build_seconds": searcher.built.seconds,
        "index_bytes": searcher.built.index_bytes,
    }


def compared(
    quantization: str, point: str, predicted: dict[str, Any], measured: dict[str, Any], why: dict[str, str]
) -> dict[str, Any]:
    row: dict[str, Any] = {"quantization": quantization, "index": point}
    for name in (*SEARCH, "search_queries_per_second", "build_seconds", "index_bytes"):
        modelled = predicted[f"{name}_at_workload"]
        row |= {f"{name}": measured[name], f"{name}_ratio": None if modelled is None else modelled / measured[name]}
    print(row, why, flush=True)
    return row


if __name__ == "__main__":
    main()
