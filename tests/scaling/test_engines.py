"""Laws of an engine other than FAISS, by its protocol alone: those of a known clock, and none that would mislead."""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.measures.laws import BATCH, BUILD, SEARCH, SIZE, at_workload
from evalkit.scaling import engines as engines_module
from evalkit.scaling.engines import TIMED, UNKNOWN, code_bytes
from evalkit.scaling.filler import Filler
from evalkit.scaling.kept import AtSize
from evalkit.scaling.question import OVERLAP, Question
from evalkit.scaling.vectors import NOT_ALLOWED, THERE_ALREADY, CorpusLaws, point_laws, why_not_at_size
from evalkit.search import Vectors, build, cut, operating_points
from evalkit.search.engine import ENGINES, Built, EngineFacts, Payload, Plan, Resources
from evalkit.search.operating import OperatingPoint
from evalkit.search.searcher import Searcher
from tests.search.test_engine import NumpyEngine, NumpyIndex

DIMS, DOCUMENTS, CACHE_BYTES = 24, 1_000, 2**20
SIZES = [math.ceil(share * CACHE_BYTES / (4 * DIMS)) for share in (1.1, 1.6, 2.4)]
FLOAT32 = QuantizationConfig("Flat", kind="float", bits=32)
SCAN = IndexConfig(engine="numpy", at_workload=True)
GRAPH = IndexConfig(engine="graph", search={"ef_search": [50, 100]}, at_workload=True)
LISTS = IndexConfig(engine="graph", search={"probes": [50]}, at_workload=True)
Clock = Callable[[int], float]


class GrowingIndex(NumpyIndex):
    """Takes ``seconds_each`` to build of a vector, by its options; ``share`` is what is called ``ef_search``."""

    filled: list[int] = []  # noqa: RUF012
    version = "1"

    def fill(self, documents: Vectors, payload: Payload) -> Built:
        assert len(payload.ids) in (0, len(documents))
        options, rows = self.plan.index.options, len(documents)
        self.filled.append(rows)
        if rows > options.get("most_rows", math.inf):
            raise UserError("the disk is full.", "Make room.")
        more = 1.5 if rows >= options.get("more_seconds_from", math.inf) else 1.0
        seconds = more * (0.05 + options.get("seconds_each", 1e-6) * rows)
        return replace(super().fill(documents, payload), seconds=seconds)

    def set(self, parameters: Mapping[str, Any]) -> None:
        self.share = next(iter(parameters.values()), 100)

    def facts(self) -> EngineFacts:
        unproven = "a scan was used" if len(self.matrix) > self.plan.index.options.get("proven", math.inf) else ""
        return replace(super().facts(), version=self.version, unproven=unproven)


class GrowingEngine(NumpyEngine):
    exhaustive = True

    def plan(
        self, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, resources: Resources
    ) -> Plan:
        words = f"{documents} vectors"
        metric, exhaustive = "inner_product", self.exhaustive
        return Plan("numpy", words, dims, documents, quantization, index, metric, exhaustive, resources)

    @contextmanager
    def open(self, plan: Plan) -> Iterator[GrowingIndex]:
        try:
            yield GrowingIndex(plan)
        finally:
            self.closed.append(plan.words)


class GraphEngine(GrowingEngine):
    exhaustive = False


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "numpy", f"{__name__}:GrowingEngine")
    monkeypatch.setitem(ENGINES, "graph", f"{__name__}:GraphEngine")
    monkeypatch.setattr(NumpyEngine, "closed", [])
    monkeypatch.setattr(GrowingIndex, "filled", [])
    monkeypatch.setattr("evalkit.scaling.vectors.last_level_cache", lambda: CACHE_BYTES)


@pytest.fixture(scope="module")
def documents() -> np.ndarray:
    return cut(np.random.default_rng(0).normal(size=(DOCUMENTS, DIMS)), DIMS)


def with_clock(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> list[int]:
    """Let a search take as many milliseconds as ``clock`` says of so many vectors; the sizes that were asked."""
    asked: list[int] = []

    def timed(searcher: Searcher, question: Question, point: OperatingPoint) -> dict[str, float]:
        asked.append(searcher.documents)
        scales = zip(TIMED, (1.0, 0.9, 1.5, 0.6), strict=True)
        return {name: scale * clock(searcher.documents) for name, scale in scales}

    monkeypatch.setattr(engines_module, "timed", timed)
    return asked


def laws_of(
    documents: np.ndarray, folder: Path, index: IndexConfig, *overrides: str
) -> tuple[list[AtSize], Searcher, list[OperatingPoint]]:
    config = compose("run", list(overrides))
    searcher = build(Vectors(documents, DIMS), np.arange(len(documents)), FLOAT32, replace(index, table=None))
    points = list(operating_points(index.engine, index, FLOAT32, 10))
    found = CorpusLaws(config, documents, folder).of(FLOAT32, index, searcher, points, documents[:20])
    return found, searcher, points


def scan(vectors: int) -> float:
    return 0.5 + 2e-4 * vectors


def test_an_exhaustive_search_takes_what_the_clock_says_at_any_size(
    documents: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = with_clock(monkeypatch, lambda n: scan(n) if n > DOCUMENTS else 0.6)
    (found,), searcher, _ = laws_of(documents, tmp_path, SCAN)
    assert asked == [DOCUMENTS, *SIZES]
    assert GrowingIndex.filled == [DOCUMENTS, 4_096, *SIZES]
    assert len(NumpyEngine.closed) == 4  # all but the corpus's own
    for name, scale in zip(TIMED, (1.0, 0.9, 1.5, 0.6), strict=True):
        assert found.laws[name].at(10**7) == pytest.approx(scale * scan(10**7), rel=1e-6)
        assert found.laws[name].at(DOCUMENTS) == pytest.approx(scale * 0.6)
    assert found.laws[BUILD].at(10**7) == pytest.approx(0.05 + 1e-6 * 10**7, rel=1e-6)
    assert found.why == {OVERLAP: "it compares every vector"}
    searcher.close()


def test_costs_of_queries_and_bytes_at_the_workload_are_those_of_the_laws(
    documents: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the corpus 0.1 ms more than the engine alone took: that stays."""
    with_clock(monkeypatch, scan)
    (found,), searcher, _ = laws_of(documents, tmp_path, SCAN)
    figures = {name: found.own[name] + 0.1 for name in SEARCH} | {"chunks_per_document": 1.0}
    figures["search_queries_per_second"] = 1000 / (found.own[BATCH] + 0.1)
    laws = point_laws(found, searcher, SCAN, documents[:20], figures, 10)
    columns = at_workload(laws, figures, 10**6)
    assert columns["search_ms_mean_at_workload"] == pytest.approx(scan(10**6) + 0.1)
    assert columns["search_ms_p95_at_workload"] == pytest.approx(1.5 * scan(10**6) + 0.1)
    assert columns["search_queries_per_second_at_workload"] == pytest.approx(1000 / (0.6 * scan(10**6) + 0.1))
    assert columns["index_bytes_at_workload"] == 10**6 * 4 * DIMS
    assert sum(law.at(10**6) for law in laws[SIZE]) == 10**6 * 4 * DIMS


def test_a_graph_grows_by_the_logarithm_and_its_overlap_is_counted(
    documents: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This one looks at the first half of its rows, or at all."""
    with_clock(monkeypatch, lambda n: -0.3 + 0.08 * math.log(n))
    index = replace(GRAPH, options={"seconds_each": 1e-4})
    found, *_ = laws_of(documents, tmp_path, index, "at_workload_seconds=60")
    filler = Filler(documents).vectors(SIZES[-1], DIMS)
    exact = np.argsort(-(documents[:20] @ filler.T), axis=1)[:, :10]
    shares = [float((exact < SIZES[-1] // 2).mean()), 1.0]
    for each, share in zip(found, shares, strict=True):
        assert each.laws["search_ms_mean"].at(10**8) == pytest.approx(-0.3 + 0.08 * math.log(10**8), rel=1e-6)
        assert (each.overlap, each.overlap_size) == (pytest.approx(share), SIZES[-1])
        assert each.laws[BUILD].terms.keys() == {"one", "vectors_log"}
        assert each.why == {}


@pytest.mark.parametrize(
    ("index", "clock"),
    [
        (LISTS, lambda n: 0.1 + 0.01 * math.sqrt(n)),
        (replace(LISTS, options={"lists": None}), lambda n: 0.1 + 0.01 * math.sqrt(n)),
        (replace(LISTS, options={"lists": 100}), lambda n: 0.1 + 1e-5 * n),
        (replace(LISTS, nlist=100), lambda n: 0.1 + 1e-5 * n),
    ],
)
def test_lists_grow_by_their_root_or_where_their_number_is_fixed_by_the_vectors(
    index: IndexConfig, clock: Clock, documents: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_clock(monkeypatch, clock)
    (found,), *_ = laws_of(documents, tmp_path, index)
    assert found.laws["search_ms_mean"].at(10**8) == pytest.approx(clock(10**8), rel=1e-4)


def test_a_graph_that_grows_as_a_scan_does_has_no_law(
    documents: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_clock(monkeypatch, lambda n: 1e-8 * n**2)
    found, *_ = laws_of(documents, tmp_path, GRAPH)
    for each in found:
        assert "its law doesn't hold" in each.why["search_ms_mean"]
        assert each.laws.keys() == {BUILD}
        assert each.overlap is not None


@pytest.mark.parametrize("broken", [*TIMED, BUILD])
def test_every_figure_must_hold_for_itself_at_the_largest_size(
    broken: str, documents: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is half as much again there as its law says: it has none, and all others have theirs."""

    def timed(searcher: Searcher, question: Question, point: OperatingPoint) -> dict[str, float]:
        more = 1.5 if searcher.documents == SIZES[-1] else 1.0
        return {name: scan(searcher.documents) * (more if name == broken else 1.0) for name in TIMED}

    monkeypatch.setattr(engines_module, "timed", timed)
    slow = {"more_seconds_from": SIZES[-1]} if broken == BUILD else {}
    (found,), searcher, _ = laws_of(documents, tmp_path, replace(SCAN, options=slow))
    assert found.laws.keys() == {*TIMED, BUILD} - {broken}
    assert found.why[broken].startswith("its law doesn't hold: ")
    figures = {name: found.own[name] for name in SEARCH} | {"chunks_per_document": 1.0}
    figures["search_queries_per_second"] = 1000 / found.own[BATCH]
    columns = at_workload(point_laws(found, searcher, SCAN, documents[:20], figures, 10), figures, 10**6)
    missing = {name for name in why_not_at_size(found) if name.endswith("_at_workload")}
    assert missing
    assert {name for name in missing if columns[name] is not None} == set()
    timed_columns = {f"{name}_at_workload" for name in (*SEARCH, BUILD)} | {"search_queries_per_second_at_workload"}
    assert {name for name in timed_columns if columns[name] is None} == missing & timed_columns


@pytest.mark.parametrize(
    ("index", "overrides", "reason"),
    [
        (replace(SCAN, at_workload=False), (), NOT_ALLOWED),
        (replace(SCAN, table="theirs", url="http://127.0.0.1:1"), (), THERE_ALREADY),
        (SCAN, ("at_workload_seconds=0",), "at_workload_seconds=0"),
        (SCAN, ("memory_gb=0.001",), "memory_gb"),
        (replace(GRAPH, search={"breadth": [50]}), (), UNKNOWN),
        (replace(SCAN, options={"most_rows": SIZES[1]}), (), "the engine failed among made vectors: the disk is full."),
        (replace(SCAN, options={"proven": SIZES[0]}), (), f"among {SIZES[1]:,} vectors a scan was used"),
    ],
)
def test_what_has_no_law_says_why_and_the_run_goes_on(
    index: IndexConfig,
    overrides: tuple[str, ...],
    reason: str,
    documents: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_clock(monkeypatch, scan)
    (found, *_), *_ = laws_of(documents, tmp_path, index, *overrides)
    assert reason in why_not_at_size(found)["search_ms_mean_at_workload"]
    assert found.laws == {}
    assert len(NumpyEngine.closed) == len(GrowingIndex.filled) - 1


def test_what_takes_too_long_says_which_seconds_allow_for_it(
    documents: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 4,096 of a first index take 41.01 s: all three sizes together 557 s, ten times as long as is asked for."""
    with_clock(monkeypatch, scan)
    slow = replace(SCAN, options={"seconds_each": 0.01})
    (found,), *_ = laws_of(documents, tmp_path, slow, "at_workload_seconds=5")
    expected = math.ceil(sum(SIZES) / 4_096 * 41.01 / 10)
    reason = f"building indexes of up to {SIZES[-1]:,} vectors takes too long; at_workload_seconds={expected} allows"
    assert reason in found.why["search_ms_mean"]
    (allowed,), *_ = laws_of(documents, tmp_path, slow, f"at_workload_seconds={expected}")
    assert allowed.laws["search_ms_mean"].at(10**6) == pytest.approx(scan(10**6))


def test_laws_are_kept_for_the_same_engine_version_and_options_alone(
    documents: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = with_clock(monkeypatch, scan)
    monkeypatch.setenv("SERVER", "http://me:sesame-opens@127.0.0.1:1/db")
    index = replace(SCAN, url_variable="SERVER", options={"seconds_each": 1e-6})
    first, *_ = laws_of(documents, tmp_path, index)
    again, *_ = laws_of(documents, tmp_path, replace(index, keep=True, timeout_seconds=5.0))
    assert (first, len(asked)) == (again, 4)
    laws_of(documents, tmp_path, replace(index, options={"seconds_each": 2e-6}))
    assert len(asked) == 8
    monkeypatch.setattr(GrowingIndex, "version", "2")
    laws_of(documents, tmp_path, index)
    assert len(asked) == 12
    kept = [file.read_text() for file in (tmp_path / "laws").iterdir()]
    assert sorted(json.loads(text)["key"]["engine_version"] for text in kept) == ["1", "1", "2"]
    assert not any("sesame" in text for text in kept)


def test_real_searches_are_timed_by_the_protocol(documents: np.ndarray, tmp_path: Path) -> None:
    (found,), *_ = laws_of(documents, tmp_path, SCAN, "at_workload_seconds=0.2")
    if "search_ms_mean" in found.laws:  # a busy machine may hold no law
        assert found.laws["search_ms_mean"].sizes == SIZES
    assert found.own.keys() == {*SEARCH, BATCH}
    assert all(value > 0 for value in found.own.values())


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        (FLOAT32, 96),
        (QuantizationConfig(kind="float", bits=16), 48),
        (QuantizationConfig(kind="scalar", bits=8), 24),
        (QuantizationConfig(kind="binary", bits=1), 3),
        (QuantizationConfig(kind="product", bits=8, subvector_dims=8), 3),
    ],
)
def test_a_code_has_the_bytes_of_its_kind(quantization: QuantizationConfig, expected: int) -> None:
    assert code_bytes(quantization, DIMS) == expected
