"""Runs as evalkit writes them, made from given scores: any models, corpora and settings."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from evalkit.config import ReportConfig
from evalkit.config.compose import compose
from evalkit.measures.laws import Law, as_json
from evalkit.measures.ranking import Ranking
from evalkit.results.record import Canary, CorpusRecord, Point, PointRecord
from evalkit.results.setting import Setting
from evalkit.results.task_measures import TASK_MEASURES
from evalkit.results.writer import RunWriter

ENVIRONMENT = {
    "packages": {"torch": "2.9"},
    "cpu": {"model": "a CPU", "logical_cores": 2, "physical_cores": 2},
    "gpu": [],
    "ram_bytes": 24_000_000_000,
    "threads": {"faiss": 2},
}
DOCUMENTS = 1_000
FIGURES = {
    "documents_per_second": 100.0,
    "tokens_per_second": 5_000.0,
    "tokens_per_document": 200.0,
    "tokens_per_query": 12.0,
    "encode_query_ms_mean": 8.4,
    "encode_query_ms_p50": 8.0,
    "encode_query_ms_p95": 9.5,
    "encode_cores": 2,
    "search_cores": 1.0,
    "search_ms_mean": 1.1,
    "search_ms_p50": 1.0,
    "search_ms_p95": 1.5,
    "query_ms_mean": 9.5,
    "query_ms_p50": 9.0,
    "query_ms_p95": 11.0,
    "bytes_per_vector": 384.0,
    "chunks_per_document": 1.0,
    "bytes_per_document": 384.0,
    "index_bytes": 387_072,
    "overlap@10": 0.9,
    "peak_rss_bytes": 10**9,
    "search_peak_rss_bytes": None,
    "peak_gpu_bytes": None,
}
LAWS = {
    "search_ms_mean": [Law({"one": 0.3, "vectors": 2e-6}, (DOCUMENTS, 40_000, 80_000), 40_000, DOCUMENTS, 1.1)],
    "search_ms_p50": [Law({"one": 0.2, "vectors": 2e-6}, (DOCUMENTS, 40_000, 80_000), 40_000, DOCUMENTS, 1.0)],
    "search_ms_p95": [Law({"one": 0.4, "vectors": 3e-6}, (DOCUMENTS, 40_000, 80_000), 40_000, DOCUMENTS, 1.5)],
    "batch_ms": [Law({"vectors": 1e-6})],
    "build_seconds": [Law({"trained": 1e-5, "vectors": 2e-6})],
}
Cell = tuple[int | None, str]  # dims, quantization
Scores = Mapping[Cell, Sequence[float]]
WriteRun = Callable[..., Path]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def write_run(results: Path) -> WriteRun:
    return run_writer(results)


def run_writer(results: Path) -> WriteRun:
    """What writes ``results/<name>`` with these per-query scores: corpus → (dims, quantization) → scores."""

    def write(
        name: str,
        corpora: Mapping[str, Scores],
        *,
        model: str = "org/m",
        revision: str = "r",
        figures: Callable[[str, Cell], Mapping[str, Any]] = lambda corpus, setting: {},
        fingerprint: Callable[[str], str] = lambda corpus: f"print of {corpus}",
        texts: Mapping[str, str] | None = None,
        runtime: Mapping[str, Any] | None = None,
        environment: Mapping[str, Any] = ENVIRONMENT,
        measure: str = "nDCG@10",
        chunking: str = "none",
        truncated_texts: int | None = 0,
        query_order: Callable[[int], Sequence[int]] = range,
        lint: Sequence[Any] = (),
        created_at: str | None = None,
        finished: bool = True,
        prompts: Mapping[str, str] = MappingProxyType({"query": "", "document": ""}),
        about_model: Mapping[str, Any] = MappingProxyType({}),
        verification: Mapping[str, Any] | None = None,
        run_config: Mapping[str, Any] = MappingProxyType({}),
        top_k: int = 10,
        serve_k: int = 10,
        canary: np.ndarray | None = None,
        engine: str = "faiss",
        engine_version: str = "",
        unproven: str = "",
        index: str = "flat",
        operating_point: str = "",
        stages: str = "",
        query_ids: Sequence[str] | None = None,
        timing: Mapping[str, Any] = MappingProxyType({}),
        task: str = "retrieval",
        corpus_size: str = "full",
    ) -> Path:
        searches = task == "retrieval"
        with RunWriter(results, name, save_rankings=False) as writer:
            for corpus, settings in corpora.items():
                count = len(next(iter(settings.values())))
                ids = list(query_ids or (f"q{i}" for i in range(count)))
                side = {"model": model, "corpus": corpus, "side": "document", "runtime": runtime or {"device": "cpu"}}
                side |= {
                    "texts": DOCUMENTS,
                    "seconds": 10.0,
                    "truncated_texts": truncated_texts,
                    "verification": verification,
                    **timing,
                }
                writer.add(
                    CorpusRecord(
                        model={"name": model, "revision": revision, "prompts": dict(prompts), **about_model},
                        corpus={
                            "name": corpus,
                            "fingerprint": fingerprint(corpus),
                            "documents": DOCUMENTS,
                            "queries": count,
                        },
                        findings=tuple(lint),
                        embeddings=(side,),
                        canaries=() if canary is None else canaries(corpus, canary),
                        queries=tuple((i, (texts or {}).get(i, f"text of {i}")) for i in ids),
                    )
                )
                order = list(query_order(count))
                for (dims, quantization), scores in settings.items():
                    values = np.asarray(scores, dtype=np.float64)
                    usual = FIGURES if searches else {**dict.fromkeys(TASK_MEASURES[task]), "bytes_per_vector": 384.0}
                    of_point = {**usual, measure: float(values.mean()), **figures(corpus, (dims, quantization))}
                    of_point = dict.fromkeys(of_point) if unproven else of_point
                    point = Point(
                        Setting(
                            *(task, model, revision, "", corpus, fingerprint(corpus), chunking),
                            *(dims, quantization, *((engine, index) if searches else ("", ""))),
                            *(operating_point, stages, top_k, serve_k, "", corpus_size),
                        ),
                        *(True, "inner_product", None, 0 if unproven else count, "a machine"),
                        figures=of_point,
                        unmeasured=dict.fromkeys(of_point, unproven) if unproven else {},
                        laws=laws(of_point) if searches and not unproven else {},
                        engine_version=engine_version,
                    )
                    writer.add(
                        PointRecord(
                            point=point,
                            query_ids=tuple(ids[i] for i in order),
                            per_query={measure: values[order]},
                            first_relevant_rank=np.ones(count, dtype=np.int64),
                            latencies_ms={"search_ms": np.array([1.0, 1.0, 4.0]), "encode_query_ms": np.full(3, 8.0)},
                            ranking=Ranking(np.zeros((0, 0), np.int64), np.zeros((0, 0), np.float32)),
                            document_ids=(),
                        )
                    )
            return writer.finish(
                {
                    "created_at": created_at or f"2026-01-01T00:00:00 {name}",
                    "finished": finished,
                    "command": ["python", "-m", "evalkit"],
                    "config": {"measures": [measure if searches else "nDCG@10"], **run_config},
                    "environment": environment,
                }
            )

    return write


def laws(figures: Mapping[str, Any]) -> dict[str, Any]:
    """``LAWS``, and bytes that grow with the documents."""
    each = figures["bytes_per_document"]
    return as_json({**LAWS, "index_bytes": [Law({"one": figures["index_bytes"] - DOCUMENTS * each, "vectors": each})]})


@pytest.fixture
def config(results: Path, tmp_path: Path) -> Callable[..., ReportConfig]:
    return config_maker(results, tmp_path / "reports")


def config_maker(results: Path, reports: Path) -> Callable[..., ReportConfig]:
    def make(*overrides: str) -> ReportConfig:
        return compose("report", [f"results_dir={results}", f"reports_dir={reports}", *overrides])

    return make


def canaries(corpus: str, vectors: np.ndarray) -> tuple[Canary, ...]:
    """The first half of ``vectors`` as documents', the second as queries'."""
    return tuple(
        Canary(
            corpus,
            side,
            tuple(f"{side}{i}" for i in range(len(part))),
            tuple(f"{i:064x}" for i in range(len(part))),
            (part / np.linalg.norm(part, axis=1, keepdims=True)).astype(np.float16),
        )
        for side, part in zip(("document", "query"), np.array_split(vectors, 2), strict=True)
    )


def noisy(mean: float, queries: int = 60, seed: int = 0, spread: float = 0.1) -> np.ndarray:
    """Scores around ``mean`` that share their hard and easy queries with those of other seeds."""
    hard = np.random.default_rng(99).normal(size=queries) * 0.1
    own = np.random.default_rng(seed).normal(size=queries) * spread
    return np.clip(mean + hard - hard.mean() + own - own.mean(), 0, 1)
