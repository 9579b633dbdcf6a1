"""Milliseconds of searches at several sizes of an index: of single queries after a warm-up, and of one in a batch.

Single queries are timed one at a time, at the depth at which the corpus itself is searched.
"""

from collections.abc import Mapping

import numpy as np

from evalkit.measures.latency import percentiles_ms, steady_mean, time_within_ms
from evalkit.measures.laws import BATCH, SEARCH, Law, law_of
from evalkit.scaling.larger import Kind, double, of_faiss
from evalkit.scaling.question import Question
from evalkit.search.engines.vector_index import VectorIndex
from evalkit.search.operating import OperatingPoint

LEAST_CALLS, MOST_CALLS, LARGEST_BATCH, BATCHES = 10, 1_000, 32, 8
SHARE_OF_TIMING = 0.12  # of the seconds of a setting, for the single queries of one size

Figures = dict[str, float]


class Timings:
    """Milliseconds (``TIMED``) at so many vectors, of each operating point; equal parameters are timed once."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self.by_parameters: dict[tuple[tuple[str, int], ...], dict[int, Figures]] = {}
        self.add(of_faiss(question.setting.searcher.index), question.documents)

    def add(self, index: VectorIndex, vectors: int) -> None:
        for point in self.question.points:
            if vectors not in self.of(point):
                index.set_parameters(point.parameters)
                self.of(point)[vectors] = timed(index, self.question, self.question.asked(point))

    def of(self, point: OperatingPoint) -> dict[int, Figures]:
        return self.by_parameters.setdefault(tuple(sorted(point.parameters.items())), {})

    def own(self, point: OperatingPoint) -> Figures:
        return self.of(point)[self.question.documents]

    def laws(self, point: OperatingPoint, terms: Mapping[str, Mapping[str, float]], holds_from: int) -> dict[str, Law]:
        """Of every timed figure that has ``terms``, by these."""
        documents, sizes = self.question.documents, sorted(self.of(point))
        return {name: law_of(terms[name], sizes, holds_from, documents, self.own(point)[name]) for name in terms}


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
    batches_ms = time_within_ms(lambda i: index.search(batches[i % BATCHES], depth), seconds, 2, 4 * BATCHES)
    return {**{name: float(figures[name] or 0.0) for name in SEARCH}, BATCH: steady_mean(batches_ms) / rows}
