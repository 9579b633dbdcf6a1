"""What is asked of a setting for other sizes, what its measuring may cost, and why there may be no law."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.arrays import FloatMatrix
from evalkit.measures.laws import BATCH, SEARCH
from evalkit.measures.overlap import ExactSearch, rounding
from evalkit.scaling.larger import Setting
from evalkit.search.exact_scores import ExactScores
from evalkit.search.operating import OperatingPoint
from evalkit.search.searcher import Searcher
from evalkit.vectors.matrix import Vectors

LEAST_ROWS, MOST_ROWS = 4_096, 16_384  # different filler vectors in an index
OVERLAP_DEPTH = 10
TIMED = (*SEARCH, BATCH)
OVERLAP = f"overlap@{OVERLAP_DEPTH}_at_size"


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


def affordable_rows(question: Question, seconds_each: float, most: int) -> int:
    """How many vectors an index can be built of within the budget, at most ``most``. Raises NoLawError for too few."""
    rows = int(question.budget / seconds_each)
    if rows < LEAST_ROWS:
        raise NoLawError(too_slow(f"an index of {LEAST_ROWS:,} vectors", LEAST_ROWS * seconds_each, question))
    return min(rows, most)


def too_slow(what: str, seconds: float, question: Question) -> str:
    needed = math.ceil(seconds / len(question.points))
    return f"building {what} takes too long; at_workload_seconds={needed} allows for it"


def why_no_law(modelled: float, measured: float, unit: str, vectors: int, most_error: float) -> str:
    """Why a law is none that says ``modelled`` of what was ``measured`` among so many; empty where it is right."""
    if abs(modelled / measured - 1) <= most_error:
        return ""
    return (
        f"its law doesn't hold: {modelled:.3g} {unit} instead of the measured {measured:.3g} among {vectors:,} vectors"
    )


def overlap(question: Question, searcher: Searcher, point: OperatingPoint) -> float:
    """The share of exact search's first 10 that ``searcher`` finds, both among the same filler vectors."""
    import faiss

    setting, queries = question.setting, question.queries
    vectors = setting.filler.vectors(searcher.documents, setting.dims)
    _, first = faiss.knn(queries, vectors, OVERLAP_DEPTH, metric=faiss.METRIC_INNER_PRODUCT)
    exact = ExactSearch(first, ExactScores(queries, Vectors(vectors, setting.dims)), rounding(setting.dims))
    rows = searcher.at(point).find(queries, OVERLAP_DEPTH).rows
    return float(exact.overlap_at(OVERLAP_DEPTH, rows).mean())
