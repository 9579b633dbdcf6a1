"""Runs as evalkit writes them, made from given scores instead of a model."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from evalkit.measures.ranking import Ranking
from evalkit.results.columns import why_null
from evalkit.results.reader import StoredRun, read_run
from evalkit.results.record import Canary, CorpusRecord, Point, PointRecord
from evalkit.results.setting import Setting
from evalkit.results.writer import RunWriter

ENVIRONMENT = {
    "packages": {},
    "cpu": {"model": "a CPU", "logical_cores": 2, "physical_cores": 2},
    "gpu": [],
    "ram_bytes": 24_000_000_000,
    "threads": {"faiss": 2},
}
FIGURES = {
    "documents_per_second": 100.0,
    "search_ms_p95": 1.0,
    "query_ms_p95": 11.0,
    "peak_rss_bytes": 10**9,
    "index_bytes": 10_000,
    "bytes_per_vector": 10.0,
    "cost_month_usd": 2.0,
}
STREWN = tuple(np.random.default_rng(2).permutation(np.linspace(0.5, 1.5, 200)))  # ms of calls
MakeRun = Callable[..., StoredRun]


def canaries(vectors: np.ndarray) -> tuple[Canary, ...]:
    half = len(vectors) // 2
    sides = (("document", vectors[:half]), ("query", vectors[half:]))
    return tuple(
        Canary(
            "c",
            side,
            tuple(f"{side}{i}" for i in range(len(part))),
            tuple(f"{i:064x}" for i in range(len(part))),
            part.astype(np.float16),
        )
        for side, part in sides
    )


def unit(rows: int, dims: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, dims)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Write and read back a run whose points have these per-query scores: (dims, quantization) → scores.

    ``filters`` are those of the first cell under each filter; without scores a point has no quality.
    """
    count = 0

    def make(
        scores: Mapping[tuple[int | None, str], Sequence[float]],
        *,
        name: str | None = None,
        figures: Mapping[str, Any] | None = None,
        latencies_ms: Sequence[float] = STREWN,
        vectors: np.ndarray | None = None,
        environment: Mapping[str, Any] | None = None,
        fingerprints: Mapping[str, str] | None = None,
        model: str = "m",
        top_k: int = 10,
        serve_k: int = 10,
        measures: Sequence[str] = ("nDCG@10",),
        workload: Mapping[str, Any] | None = None,
        chunking: str = "none",
        prompts: Mapping[str, str] | None = None,
        clusters: Sequence[str] | None = None,
        cached: bool = False,
        engine: str = "faiss",
        engine_version: str = "",
        operating_point: str = "",
        stages: str = "",
        unmeasured: Mapping[str, str] | None = None,
        index: str = "flat",
        config: Mapping[str, Any] | None = None,
        timed_at: str = "",
        load: Mapping[str, Any] | None = None,
        queries: Sequence[tuple[str, str]] = (),
        filters: Mapping[str, Sequence[float]] = MappingProxyType({}),
    ) -> StoredRun:
        nonlocal count
        count += 1
        parts = {"documents": "d", "queries": "q", "judgments": "j", **(fingerprints or {})}
        corpus = {"name": "c", "fingerprint": "".join(parts.values()), "fingerprints": parts, "documents": 1_000}
        record = CorpusRecord(
            model={"name": model, "revision": "r", "prompts": dict(prompts or {})},
            corpus=corpus,
            findings=(),
            embeddings=(
                {
                    **{"corpus": "c", "side": "document", "seconds": 12.0, "cached": cached, "texts": 1_000},
                    **{"runtime": {}, "timed_texts": 1_000, **({"timed_at": timed_at} if timed_at else {})},
                },
            ),
            queries=tuple(queries),
            canaries=canaries(unit(60, 16) if vectors is None else vectors),
        )
        with RunWriter(tmp_path / "results", name or f"run{count}", save_rankings=False) as writer:
            writer.add(record)
            cells = [(*cell, "", values) for cell, values in scores.items()]
            cells += [(*next(iter(scores)), name, values) for name, values in filters.items()]
            for dims, quantization, filter_name, values in cells:
                array = np.asarray(values, dtype=np.float64)
                setting = Setting(
                    task="retrieval",
                    model=model,
                    revision="r",
                    model_options="",
                    corpus="c",
                    corpus_fingerprint=corpus["fingerprint"],
                    chunking=chunking,
                    dims=dims,
                    quantization=quantization,
                    engine=engine,
                    index=index,
                    operating_point=operating_point,
                    stages=stages,
                    top_k=top_k,
                    serve_k=serve_k,
                    filter=filter_name,
                )
                of_point = {
                    **dict.fromkeys(measures, float(array.mean()) if len(array) else None),
                    "peak_gpu_bytes": None,
                    "search_peak_rss_bytes": None,
                    **FIGURES,
                    **(figures or {}),
                }
                point = Point(
                    setting=setting,
                    dims_trained=True,
                    metric="inner_product",
                    candidates=None,
                    queries=len(array),
                    priced_as="a machine",
                    figures=of_point,
                    unmeasured={**why_null(of_point), **(unmeasured or {})},
                    load=load or {},
                    engine_version=engine_version,
                )
                calls = np.asarray(latencies_ms, dtype=np.float32)
                writer.add(
                    PointRecord(
                        point=point,
                        query_ids=tuple(f"q{i}" for i in range(len(array))),
                        clusters=None if clusters is None else tuple(clusters),
                        per_query=dict.fromkeys(measures, array),
                        first_relevant_rank=np.where(array > 0, 1, 0),
                        latencies_ms={"search_ms": calls, "encode_query_ms": calls * 10},
                        ranking=Ranking(np.zeros((0, 0), np.int64), np.zeros((0, 0), np.float32)),
                        document_ids=(),
                    )
                )
            about = {
                "finished": True,
                "created_at": "2026-03-01T10:00:00+00:00",
                "config": {
                    **{"measures": list(measures), **({} if workload is None else {"workload": dict(workload)})},
                    **(config or {}),
                },
                "environment": environment or ENVIRONMENT,
            }
            return read_run(writer.finish(about))

    return make
