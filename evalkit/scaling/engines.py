"""What another engine than FAISS takes among more vectors than the corpus has, by the engine protocol alone.

The same engine is filled with filler at three sizes that don't fit into the processor's cache, as it was with the
documents, and searched as it is there, re-ordering included. The law of how it searches is fitted to the first two
sizes and must hold at the third, each figure for itself: a + b × vectors where it compares all of them, or those of a
fixed number of lists; a + b × log(vectors) for a walk over a graph; a + b × root(vectors) for as many lists as the root
of the vectors. That of building is fitted to the smaller sizes, and must hold at the largest, too.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalkit.config import QuantizationConfig
from evalkit.errors import UserError
from evalkit.measures.latency import percentiles_ms, steady_mean, time_within_ms
from evalkit.measures.laws import BATCH, BUILD, SEARCH, TERMS, Law, fitted, law_of
from evalkit.scaling.kept import AtSize
from evalkit.scaling.larger import Setting
from evalkit.scaling.question import LEAST_ROWS, OVERLAP, TIMED, NoLawError, Question, overlap, too_slow, why_no_law
from evalkit.search.building import build
from evalkit.search.engine import Payload
from evalkit.search.operating import OperatingPoint
from evalkit.search.searcher import Searcher
from evalkit.vectors.matrix import Vectors

PATIENCE = 10  # times at_workload_seconds, as databases take their time for building
SIZES = (1.1, 1.6, 2.4)  # shares of the cache
LAW_ERROR = 0.3
MOST_OVERLAP_ROWS = 65_536
LEAST_CALLS, MOST_CALLS, BATCH_QUERIES, MOST_BATCHES = 20, 1_000, 16, 8
SHARE_OF_TIMING = 0.05  # of the seconds of an operating point, for the single queries of one size

GRAPH_WORDS = frozenset({"ef", "ef_search", "efsearch", "hnsw_ef", "m", "ef_construct", "ef_construction"})
LIST_WORDS = frozenset({"nprobe", "probes", "nlist", "lists"})
NUMBER_OF_LISTS = frozenset({"nlist", "lists"})
COMPARES_ALL = "it compares every vector"
UNKNOWN = "neither its options nor its search parameters say how it searches, so no law of its growth is known"

Figures = dict[str, float]
BUILDING = {"vectors": ("one", "vectors"), "log": ("one", "vectors_log"), "root": ("one", "vectors_root")}


@dataclass(frozen=True)
class EngineSetting(Setting):
    """A setting of any engine: what is known of its index is what the configs and the protocol say."""

    @property
    def read_bytes(self) -> int:
        """The least that a search reads of a vector: its code."""
        return code_bytes(self.quantization, self.dims)

    @property
    def term(self) -> str:
        """By what a search grows (of ``laws.TERMS``). Raises NoLawError where that isn't known."""
        if self.searcher.exhaustive:
            return "vectors"
        options = {word for word, value in self.index.options.items() if value is not None}
        words = {word.lower() for word in (*self.index.search, *options)}
        if words & GRAPH_WORDS:
            return "log"
        if words & LIST_WORDS:
            return "vectors" if self.index.nlist or words & NUMBER_OF_LISTS else "root"
        raise NoLawError(UNKNOWN)

    def built(self, rows: int) -> Searcher:
        """So many different filler vectors, filled in as documents are; whoever builds it closes it."""
        vectors = Vectors(self.filler.vectors(rows, self.dims), self.dims)
        payload = Payload([f"filler {row}" for row in range(rows)])
        return build(vectors, np.arange(rows), self.quantization, self.index, payload=payload)


def code_bytes(quantization: QuantizationConfig, dims: int) -> int:
    """Bytes of a vector's code as the quantization's kind says, without what an engine keeps beside it."""
    parts = math.ceil(dims / (quantization.subvector_dims or 1))
    return max(1, math.ceil(parts * (quantization.bits or 32) / 8))


def measure_engine(question: Question) -> list[AtSize]:
    """One for each operating point of a question about an ``EngineSetting``, whose seconds are PATIENCE times as many.

    Where the engine fails at a larger size its figures are null with what it says, and the run goes on.
    """
    try:
        return list(engine_laws(question))
    except NoLawError as error:
        why = str(error)
    except UserError as error:
        why = f"the engine failed among made vectors: {error.problem}"
    return [AtSize(why=dict.fromkeys((*TIMED, BUILD, OVERLAP), why)) for _ in question.points]


def engine_laws(question: Question) -> Iterator[AtSize]:
    setting = question.setting
    assert isinstance(setting, EngineSetting)  # noqa: S101
    term = setting.term
    sizes = [question.vectors(share) for share in SIZES]
    if sizes[-1] * setting.dims * 4 > question.memory_bytes:
        raise NoLawError(f"{sizes[-1]:,} vectors to fill in, which don't fit into the cache, take more than memory_gb")
    own = {point.name: timed(setting.searcher.at(point), question, point) for point in question.points}
    measured = Measured(question)
    check_affordable(question, term, [LEAST_ROWS], question.documents, setting.searcher.built.seconds)
    measured.add(LEAST_ROWS, is_timed=False)
    check_affordable(question, term, sizes, LEAST_ROWS, measured.seconds[LEAST_ROWS])
    for size in sizes:
        measured.add(size, is_timed=True)
    build, why_no_build = building_law(term, measured.seconds)
    for point in question.points:
        at_size = AtSize(build, own[point.name], *measured.overlap_of(point), why_no_build)
        yield with_laws(at_size, term, measured.of_point[point.name], question.documents)


class Measured:
    """What indexes of filler took: ``seconds`` of building by size, and milliseconds by operating point and size."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.seconds: dict[int, float] = {}
        self.of_point: dict[str, dict[int, Figures]] = {point.name: {} for point in question.points}
        self.overlaps: dict[str, tuple[float, int]] = {}

    def add(self, rows: int, is_timed: bool) -> None:
        """Fill a new index with ``rows`` filler vectors, and close it. Raises NoLawError where it proves nothing."""
        with self.question.setting.built(rows) as filled:
            self.seconds[rows] = filled.built.seconds
            if unproven := filled.index.facts().unproven:
                raise NoLawError(f"among {rows:,} vectors {unproven}")
            for point in self.question.points:
                if not filled.exhaustive and rows <= MOST_OVERLAP_ROWS:
                    self.overlaps[point.name] = overlap(self.question, filled, point), rows
                if is_timed:
                    self.of_point[point.name][rows] = timed(filled.at(point), self.question, point)

    def overlap_of(self, point: OperatingPoint) -> tuple[float | None, int | None]:
        return self.overlaps.get(point.name, (None, None))


def check_affordable(question: Question, term: str, sizes: Sequence[int], rows: int, seconds: float) -> None:
    """Raises NoLawError where indexes of ``sizes`` take longer than the budget, as one of ``rows`` took ``seconds``."""
    by_size = TERMS[BUILDING[term][-1]]
    expected = sum(seconds * by_size(size) / by_size(rows) for size in sizes)
    if expected > question.budget:
        raise NoLawError(too_slow(f"indexes of up to {sizes[-1]:,} vectors", expected / PATIENCE, question))


def with_laws(at_size: AtSize, term: str, measured: Mapping[int, Figures], documents: int) -> AtSize:
    """``at_size`` with a law of every timed figure that holds at the largest size, and why others have none."""
    sizes = sorted(measured)
    laws, why = dict(at_size.laws), dict(at_size.why)
    if at_size.overlap is None:
        why[OVERLAP] = COMPARES_ALL
    for name in TIMED:
        values, own = [measured[n][name] for n in sizes], at_size.own[name]
        modelled = sum_at(sizes[-1], term, fit(term, sizes[:-1], values[:-1], own))
        if reason := why_no_law(modelled, values[-1], "ms", sizes[-1], LAW_ERROR):
            why[name] = reason
            continue
        fixed, growing = fit(term, sizes, values, own)
        laws[name] = law_of({"one": fixed, term: growing}, sizes, sizes[0], documents, own)
    return replace(at_size, laws=laws, why=why)


def fit(term: str, sizes: Sequence[int], values: Sequence[float], own: float) -> list[float]:
    """(a, b) of a + b × term; a is at most what a search took on the corpus, but a graph's may be anything."""
    rows = [(1, TERMS[term](size)) for size in sizes]
    if term == "log":
        return fitted(rows, values, lower=-np.inf)
    return fitted(rows, values, most_fixed=min(own, values[0]))


def sum_at(vectors: int, term: str, coefficients: Sequence[float]) -> float:
    return coefficients[0] + coefficients[1] * TERMS[term](vectors)


def building_law(term: str, seconds: Mapping[int, float]) -> tuple[dict[str, Law], dict[str, str]]:
    """The law of building where it holds at the largest size, or why there is none."""
    terms, sizes = BUILDING[term], sorted(seconds)
    rows, values = [[TERMS[name](size) for name in terms] for size in sizes], [seconds[size] for size in sizes]
    modelled = float(np.dot(fitted(rows[:-1], values[:-1]), rows[-1]))
    if reason := why_no_law(modelled, values[-1], "s", sizes[-1], LAW_ERROR):
        return {}, {BUILD: reason}
    return {BUILD: Law(dict(zip(terms, fitted(rows, values), strict=True)), sizes=sizes)}, {}


def timed(searcher: Searcher, question: Question, point: OperatingPoint) -> Figures:
    """Milliseconds of single queries, and of one query of a batch, as deep as the corpus is searched."""
    queries, seconds = question.queries, question.seconds * SHARE_OF_TIMING
    single, depth = [query[None] for query in queries], min(question.depth, searcher.documents)
    calls_ms = time_within_ms(
        lambda call: searcher.find(single[call % len(single)], depth), seconds, LEAST_CALLS, MOST_CALLS
    )
    batches = [queries[np.arange(first, first + BATCH_QUERIES) % len(queries)] for first in range(len(queries))]
    batches_ms = time_within_ms(
        lambda call: searcher.find(batches[call % len(batches)], depth), seconds, 2, MOST_BATCHES
    )
    figures = percentiles_ms("search", calls_ms)
    return {**{name: float(figures[name] or 0.0) for name in SEARCH}, BATCH: steady_mean(batches_ms) / BATCH_QUERIES}
