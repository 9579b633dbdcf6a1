"""What searching, building and keeping take among more vectors than the corpus has: measured at a few sizes, as laws.

Single queries are timed one at a time after a warm-up, at the depth at which the corpus itself is searched. Laws are
fitted to sizes that don't fit into the processor's cache. The corpus's own size, which mostly does, bounds the part
that doesn't grow.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.arrays import FloatMatrix
from evalkit.measures.latency import percentiles_ms, time_within_ms
from evalkit.measures.laws import BATCH, BUILD, SEARCH, TRAINING_ROWS, Law, fitted, law_of
from evalkit.measures.quality import overlap_at
from evalkit.scaling.kept import AtSize
from evalkit.scaling.larger import Kind, RoughLists, Setting, double, nlist_of, searched_share
from evalkit.search.engines.faiss.indexes import VectorIndex
from evalkit.search.operating import OperatingPoint
from evalkit.search.searcher import Searcher

OF_SCANS, OF_LISTS = 1.5, 3.0  # the smaller of two sizes as a share of the cache, of which queries share hot lists
OF_GRAPHS = (1.1, 1.6, 2.4)  # the law is fitted to the first two and must hold at the last
GRAPH_ERROR = 0.3
BEYOND_CACHE_SLOWDOWN = 2.5  # of building a graph, for telling beforehand how long it takes
LEAST_ROWS, MOST_ROWS, MOST_OVERLAP_ROWS = 4_096, 16_384, 65_536  # different filler vectors in an index
CENTRES, MORE_LISTS = 4_096, 4
CLUSTERING_ROUNDS = 10  # of FAISS's inverted lists
LEAST_CALLS, MOST_CALLS, LARGEST_BATCH, BATCHES = 10, 1_000, 32, 8
SHARE_OF_TIMING = 0.12  # of the seconds of a setting, for the single queries of one size
OVERLAP_DEPTH = 10
TIMED = (*SEARCH, BATCH)
OVERLAP = f"overlap@{OVERLAP_DEPTH}_at_size"
COMPARES_ALL = "it compares every vector"

Figures = dict[str, float]


class NoLawError(Exception):
    """Why a setting can't be told for other sizes."""


@dataclass(frozen=True)
class Question:
    """What is asked of a ``setting`` at its operating ``points``: ``queries`` (float32, unit length).

    Each is for ``depth`` vectors, ``seconds`` is about what one operating point may take.
    """

    setting: Setting
    points: Sequence[OperatingPoint]
    queries: FloatMatrix
    depth: int
    seconds: float
    cache_bytes: int
    memory_bytes: float

    @property
    def budget(self) -> float:
        """Seconds for all operating points together."""
        return self.seconds * len(self.points)

    @property
    def documents(self) -> int:
        return self.setting.searcher.documents

    def vectors(self, share: float) -> int:
        """So many as take this ``share`` of the cache. Raises NoLawError where memory_gb doesn't hold them."""
        vectors = math.ceil(share * self.cache_bytes / self.setting.read_bytes)
        if vectors * self.setting.read_bytes > self.memory_bytes:
            raise NoLawError(f"{vectors:,} vectors, which don't fit into the cache, take more than memory_gb")
        return vectors

    def asked(self, point: OperatingPoint) -> int:
        """How many results of the index one search reads."""
        return min(max(self.depth, point.candidates or 0), self.documents)


class Timings:
    """Milliseconds (``TIMED``) at so many vectors, of each operating point; equal parameters are timed once."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.found: dict[tuple[tuple[str, int], ...], dict[int, Figures]] = {}
        self.add(question.setting.searcher.index, question.documents)

    def add(self, index: VectorIndex, vectors: int) -> None:
        for point in self.question.points:
            if vectors not in self.of(point):
                index.set_parameters(point.parameters)
                self.of(point)[vectors] = timed(index, self.question, self.question.asked(point))

    def of(self, point: OperatingPoint) -> dict[int, Figures]:
        return self.found.setdefault(tuple(sorted(point.parameters.items())), {})

    def own(self, point: OperatingPoint) -> Figures:
        return self.of(point)[self.question.documents]

    def laws(self, point: OperatingPoint, terms: Mapping[str, Mapping[str, float]], holds_from: int) -> dict[str, Law]:
        """Of every timed figure by its ``terms``."""
        documents, sizes = self.question.documents, sorted(self.of(point))
        return {name: law_of(terms[name], sizes, holds_from, documents, self.own(point)[name]) for name in TIMED}


def timed(index: VectorIndex, question: Question, depth: int) -> Figures:
    """Milliseconds of single queries, and of one query of a batch.

    Queries of a large batch would share most of the few lists that there are here.
    """
    import faiss

    queries, seconds, threads = question.queries, question.seconds * SHARE_OF_TIMING, faiss.omp_get_max_threads()
    single = [query[None] for query in queries]
    calls_ms = time_within_ms(lambda i: index.search(single[i % len(single)], depth), seconds, LEAST_CALLS, MOST_CALLS)
    figures = percentiles_ms("search", calls_ms)
    rows = LARGEST_BATCH if question.setting.kind is Kind.SCAN else 2 * threads
    rows = min(rows, max(2 * threads, int(seconds * 1000 / calls_ms.mean() * threads)))
    batches = [queries[np.arange(first, first + rows) % len(queries)] for first in range(0, rows * BATCHES, rows)]
    batch_ms = (
        time_within_ms(lambda i: index.search(batches[i % BATCHES], depth), seconds, 2, 4 * BATCHES).mean() / rows
    )
    return {**{name: float(figures[name] or 0.0) for name in SEARCH}, BATCH: float(batch_ms)}


def measure(question: Question) -> list[AtSize]:
    """One for each operating point."""
    kinds = {Kind.SCAN: scans, Kind.LISTS: lists, Kind.GRAPH: graphs}
    kind = question.setting.kind
    try:
        if kind is None:
            raise NoLawError("no law is known for how this index grows")
        return list(kinds[kind](question))
    except NoLawError as error:
        missing = dict.fromkeys((*TIMED, BUILD, OVERLAP), str(error))
        return [AtSize(why=missing) for _ in question.points]


def scans(question: Question) -> Iterator[AtSize]:
    """Exhaustive search: a + b × vectors."""
    setting, built = question.setting, question.setting.searcher.built
    first = question.vectors(OF_SCANS)
    largest = question.vectors(2 * OF_SCANS)
    timings = Timings(question)
    build, why = {}, {OVERLAP: COMPARES_ALL}
    try:
        filled = setting.built(affordable_rows(question, built.seconds / question.documents, min(first, MOST_ROWS)))
        index, rows = filled.index, filled.documents
        build = {BUILD: building_law(question, filled)}
    except NoLawError as error:
        index, rows = setting.trained(largest * setting.read_bytes), min(first, MOST_ROWS)
        index.add(setting.filler.vectors(rows, setting.dims))
        why[BUILD] = str(error)
    sizes = double_and_time(timings, index, rows, first)
    for point in question.points:
        laws = exhaustive_laws(timings.of(point), question.documents, sizes[0])
        yield AtSize({**laws, **build}, timings.own(point), why=why)


def exhaustive_laws(measured: Mapping[int, Figures], own_vectors: int, holds_from: int) -> dict[str, Law]:
    """a + b × vectors for every figure of ``measured``, fitted to sizes that don't fit into the cache.

    a is at most what the smallest size takes, or noise would tilt the line.
    """
    sizes, own = sorted(measured), measured[own_vectors]
    beyond, laws = [n for n in sizes if n >= holds_from], {}
    for name in TIMED:
        values = [measured[n][name] for n in beyond]
        fixed, each = fitted([(1, n) for n in beyond], values, most_fixed=measured[sizes[0]][name])
        terms = {"one": fixed, "vectors": each}
        laws[name] = law_of(terms, sizes, holds_from, own_vectors, own[name])
    return laws


def lists(question: Question) -> Iterator[AtSize]:
    """Inverted lists: a + b × lists + c × vectors in the lists that are searched.

    b is what a search among the centres alone takes. Queries lie where there are many vectors, so the lists that are
    searched are longer than others, the more so the more lists there are.
    """
    setting, built = question.setting, question.setting.searcher.built
    first = question.vectors(OF_LISTS)
    question.vectors(2 * OF_LISTS)
    filled = setting.built(affordable_rows(question, built.seconds / question.documents, MOST_ROWS))
    overlaps = [overlap(question, filled, point) for point in question.points]
    nlist = nlist_of(filled.index)
    more_lists = setting.more_lists(filled.documents, MORE_LISTS * nlist)
    build = list_building_law(question, filled, more_lists)
    timings = Timings(question)
    sizes = double_and_time(timings, filled.index, filled.documents, first)
    of_centres = timed(setting.centres(CENTRES), question, 1)
    for point, agreement in zip(question.points, overlaps, strict=True):
        nprobe, terms = min(point.parameters.get("nprobe", 1), nlist), {}
        at_one, by_log = excess_of_lists(filled.index, more_lists.index, question, nprobe)
        for name in TIMED:
            measured = [timings.of(point)[n][name] for n in sizes]
            each_list = min(of_centres[name] / CENTRES, measured[0] / 2 / nlist)
            longer = at_one + by_log * math.log(nlist)
            rows = [(1, longer * nprobe * n / nlist) for n in sizes]
            others = [ms - each_list * nlist for ms in measured]
            fixed, each = fitted(rows, others, most_fixed=timings.own(point)[name])
            if setting.index.nlist:
                terms[name] = {"one": fixed + each_list * nlist, "vectors": each * longer * nprobe / nlist}
            else:
                of_root = each_list + each * at_one * nprobe
                terms[name] = {"one": fixed, "root": of_root, "root_log": each * by_log * nprobe / 2}
        laws = {**timings.laws(point, terms, sizes[0]), BUILD: build}
        yield AtSize(laws, timings.own(point), agreement, filled.documents)


def excess_of_lists(
    index: VectorIndex, more_lists: VectorIndex, question: Question, nprobe: int
) -> tuple[float, float]:
    """(a, b) of a + b × log(lists): how many times as long as the mean the lists are that queries search."""
    shares = [(nlist_of(each), searched_share(each, question.queries, nprobe)) for each in (index, more_lists)]
    (few, at_few), (many, at_many) = ((nlist, share * nlist / min(nprobe, nlist)) for nlist, share in shares)
    by_log = max(0.0, (at_many - at_few) / math.log(many / few))
    return at_few - by_log * math.log(few), by_log


def graphs(question: Question) -> Iterator[AtSize]:
    """A walk over a graph: a + b × log(vectors), which must hold at a size that it wasn't fitted to."""
    import faiss

    setting, threads = question.setting, faiss.omp_get_max_threads()
    sizes = [question.vectors(share) for share in OF_GRAPHS]
    own, documents = setting.searcher.built, question.documents
    per_term = (
        BEYOND_CACHE_SLOWDOWN
        * own.seconds
        * (setting.index.build_threads or threads)
        / threads
        / (documents * math.log(documents))
    )
    expected = per_term * sizes[-1] * math.log(sizes[-1])
    why_none = too_slow(f"a graph of {sizes[-1]:,} vectors", expected, question) if expected > question.budget else ""
    if why_none:
        sizes = [affordable_rows(question, per_term * math.log(MOST_ROWS), MOST_OVERLAP_ROWS)]
    at_overlap = min(sizes[-1], MOST_OVERLAP_ROWS)
    timings = Timings(question)
    graph, filled = setting.graph(sizes[-1]), 0
    seconds: dict[int, float] = {}
    for size in sorted({at_overlap, *sizes}):
        started = time.process_time()
        for block in setting.filler.between(filled, size, setting.dims):
            graph.add(block)
        seconds[size] = time.process_time() - started + sum(list(seconds.values())[-1:])
        filled = size
        if size in sizes and not why_none:
            timings.add(graph, size)
        if size == at_overlap:
            searcher = setting.searcher_of(graph, size)
            overlaps = [overlap(question, searcher, point) for point in question.points]
    builders = setting.index.build_threads or threads
    rows = [(n * math.log(n),) for n in seconds]
    (each,) = fitted(rows, [taken / builders for taken in seconds.values()])
    build = Law({"vectors_log": each}, sizes=list(seconds))
    for point, agreement in zip(question.points, overlaps, strict=True):
        found = AtSize({BUILD: build}, timings.own(point), agreement, at_overlap, dict.fromkeys(TIMED, why_none))
        yield found if why_none else with_graph_laws(found, timings, point, sizes)


def with_graph_laws(found: AtSize, timings: Timings, point: OperatingPoint, sizes: list[int]) -> AtSize:
    terms = {}
    for name in TIMED:
        measured = [timings.of(point)[n][name] for n in sizes]
        rows = [(1, math.log(n)) for n in sizes]
        fixed, each = fitted(rows[:-1], measured[:-1], lower=-np.inf)
        modelled = fixed + each * rows[-1][1]
        if name == SEARCH[0] and abs(modelled / measured[-1] - 1) > GRAPH_ERROR:
            reason = (
                f"the law of a graph doesn't hold: {modelled:.3g} ms instead of the measured {measured[-1]:.3g} ms "
                f"among {sizes[-1]:,} vectors"
            )
            return AtSize(found.laws, found.own, found.overlap, found.overlap_size, dict.fromkeys(TIMED, reason))
        fixed, each = fitted(rows, measured, lower=-np.inf)
        terms[name] = {"one": fixed, "log": each}
    laws = {**found.laws, **timings.laws(point, terms, sizes[0])}
    return AtSize(laws, found.own, found.overlap, found.overlap_size)


def double_and_time(timings: Timings, index: VectorIndex, rows: int, first: int) -> list[int]:
    """Double ``index`` of ``rows`` vectors until there are at least ``first``, and once more; time both sizes."""
    sizes: list[int] = []
    while len(sizes) < 2:
        if rows >= first:
            timings.add(index, rows)
            sizes.append(rows)
        if len(sizes) < 2:
            double(index)
            rows *= 2
    return sizes


def affordable_rows(question: Question, seconds_each: float, most: int) -> int:
    """How many vectors an index can be built of within the budget, at most ``most``. Raises NoLawError for too few."""
    rows = int(question.budget / seconds_each)
    if rows < LEAST_ROWS:
        raise NoLawError(too_slow(f"an index of {LEAST_ROWS:,} vectors", LEAST_ROWS * seconds_each, question))
    return min(rows, most)


def too_slow(what: str, seconds: float, question: Question) -> str:
    needed = math.ceil(seconds / len(question.points))
    return f"building {what} takes too long; at_workload_seconds={needed} allows for it"


def building_law(question: Question, filled: Searcher) -> Law:
    """Training by the vectors that it looks at, told by two builds: the corpus's own and the one of filler; filling."""
    builds = (question.setting.searcher, filled)
    learned = [min(each.documents, TRAINING_ROWS) for each in builds]
    fixed, trained = fitted([(1, n) for n in learned], [each.built.training_seconds for each in builds])
    filling = (filled.built.seconds - filled.built.training_seconds) / filled.documents
    terms = {"one": fixed, "trained": trained, "vectors": filling}
    return Law(terms, sizes=sorted(each.documents for each in builds))


def list_building_law(question: Question, filled: Searcher, more_lists: RoughLists) -> Law:
    """Clustering and filling by vectors × lists, and what else they took by the vectors."""
    n, nlist, built = filled.documents, nlist_of(filled.index), filled.built
    clustering, comparing = CLUSTERING_ROUNDS * more_lists.round_seconds, more_lists.filling_seconds
    trained = max(0.0, built.training_seconds / n - clustering * nlist)
    added = max(0.0, (built.seconds - built.training_seconds) / n - comparing * nlist)
    if fixed := question.setting.index.nlist:
        return Law({"trained": trained + clustering * fixed, "vectors": added + comparing * fixed}, sizes=[n])
    terms = {"trained": trained, "trained_root": clustering, "vectors": added, "vectors_root": comparing}
    return Law(terms, sizes=[n])


def overlap(question: Question, searcher: Searcher, point: OperatingPoint) -> float:
    """The share of exact search's first 10 that ``searcher`` finds, both among the same filler vectors."""
    import faiss

    setting, queries = question.setting, question.queries
    vectors = setting.filler.vectors(searcher.documents, setting.dims)
    _, exact = faiss.knn(queries, vectors, OVERLAP_DEPTH, metric=faiss.METRIC_INNER_PRODUCT)
    found = searcher.at(point).find(queries, OVERLAP_DEPTH).rows
    return float(overlap_at(OVERLAP_DEPTH, found, exact).mean())
