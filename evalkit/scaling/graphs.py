"""A walk over a graph: a + b × log(vectors), which must hold at a size that it wasn't fitted to."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalkit.measures.laws import BUILD, Law, fitted
from evalkit.scaling.kept import AtSize
from evalkit.scaling.question import MOST_ROWS, TIMED, Question, affordable_rows, overlap, too_slow, why_no_law
from evalkit.scaling.timing import Timings
from evalkit.search.operating import OperatingPoint

OF_GRAPHS = (1.1, 1.6, 2.4)  # shares of the cache: the law is fitted to the first two and must hold at the last
GRAPH_ERROR = 0.3
BEYOND_CACHE_SLOWDOWN = 2.5  # of building a graph, for telling beforehand how long it takes
MOST_OVERLAP_ROWS = 65_536  # different filler vectors in a graph that overlap is taken from


@dataclass(frozen=True)
class Growth:
    """What a growing graph took: ``seconds`` of building by size, and ``overlaps`` of each operating point."""

    seconds: Mapping[int, float]
    overlaps: Sequence[float]


def graphs(question: Question) -> Iterator[AtSize]:
    """One for each operating point; without laws of time where a graph beyond the cache takes too long to build."""
    sizes = [question.vectors(share) for share in OF_GRAPHS]
    per_term = seconds_per_term(question)
    expected = per_term * sizes[-1] * math.log(sizes[-1])
    is_too_slow = expected > question.budget
    why = too_slow(f"a graph of {sizes[-1]:,} vectors", expected, question) if is_too_slow else ""
    if is_too_slow:
        sizes = [affordable_rows(question, per_term * math.log(MOST_ROWS), MOST_OVERLAP_ROWS)]
    at_overlap = min(sizes[-1], MOST_OVERLAP_ROWS)
    timings = Timings(question)
    growth = grown(question, sizes, at_overlap, None if is_too_slow else timings)
    build = building_law(question, growth.seconds)
    for point, agreement in zip(question.points, growth.overlaps, strict=True):
        untimed = AtSize({BUILD: build}, timings.own(point), agreement, at_overlap, dict.fromkeys(TIMED, why))
        yield untimed if is_too_slow else with_graph_laws(untimed, timings, point, sizes)


def builders(question: Question) -> int:
    """How many threads build a graph."""
    import faiss

    return question.setting.index.build_threads or int(faiss.omp_get_max_threads())


def seconds_per_term(question: Question) -> float:
    """Seconds of building a graph beyond the cache with all threads per n × log(n), told by the corpus's own."""
    import faiss

    documents, threads = question.documents, faiss.omp_get_max_threads()
    seconds = question.setting.searcher.built.seconds
    share = builders(question) / threads
    return float(BEYOND_CACHE_SLOWDOWN * seconds * share / (documents * math.log(documents)))


def grown(question: Question, sizes: list[int], at_overlap: int, timings: Timings | None) -> Growth:
    """A graph of filler that grows to each of ``sizes``, where it is timed, and to the size of the overlaps."""
    setting = question.setting
    graph, filled = setting.graph(sizes[-1]), 0
    overlaps: list[float] = []
    seconds: dict[int, float] = {}
    for size in sorted({at_overlap, *sizes}):
        started = time.process_time()
        for block in setting.filler.between(filled, size, setting.dims):
            graph.add(block)
        seconds[size] = time.process_time() - started + seconds.get(filled, 0.0)
        filled = size
        if timings is not None and size in sizes:
            timings.add(graph, size)
        if size == at_overlap:
            searcher = setting.searcher_of(graph, size)
            overlaps = [overlap(question, searcher, point) for point in question.points]
    return Growth(seconds, overlaps)


def building_law(question: Question, seconds: Mapping[int, float]) -> Law:
    """Seconds of processor time are shared by the threads that build."""
    rows = [(n * math.log(n),) for n in seconds]
    threads = builders(question)
    (per_term,) = fitted(rows, [taken / threads for taken in seconds.values()])
    return Law({"vectors_log": per_term}, sizes=list(seconds))


def with_graph_laws(untimed: AtSize, timings: Timings, point: OperatingPoint, sizes: list[int]) -> AtSize:
    """``untimed`` with a law of every timed figure that holds at the largest size, and why others have none."""
    terms: dict[str, dict[str, float]] = {}
    why: dict[str, str] = {}
    rows = [(1, math.log(n)) for n in sizes]
    for name in TIMED:
        measured = [timings.of(point)[n][name] for n in sizes]
        fixed, by_log = fitted(rows[:-1], measured[:-1], lower=-np.inf)
        modelled = fixed + by_log * rows[-1][1]
        if reason := why_no_law(modelled, measured[-1], "ms", sizes[-1], GRAPH_ERROR):
            why[name] = reason
            continue
        fixed, by_log = fitted(rows, measured, lower=-np.inf)
        terms[name] = {"one": fixed, "log": by_log}
    return replace(untimed, laws={**untimed.laws, **timings.laws(point, terms, sizes[0])}, why=why)
