"""How a figure grows with the number of vectors: laws fitted to a few measured sizes, and what they say at others.

``TERMS`` is one table for Python and for the report's page, whose data.js has its twin. An exhaustive search compares
every vector; inverted lists compare the query with every list's centre and then with the vectors of ``nprobe`` lists; a
walk over a graph takes steps that grow with the logarithm of its size (Malkov and Yashunin, 2018, section 4.2).
docs/cost.md says how far they can be trusted.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from evalkit.measures.latency import STATISTICS as ALL_STATISTICS

TRAINING_ROWS = 100_000  # the most vectors that quantizers are trained on
TERMS: Mapping[str, Callable[[float], float]] = {
    "one": lambda n: 1.0,
    "root": math.sqrt,  # inverted lists are as many as the root of their vectors
    "root_log": lambda n: math.sqrt(n) * math.log(n),
    "vectors": lambda n: n,
    "log": math.log,
    "vectors_log": lambda n: n * math.log(n),
    "vectors_root": lambda n: n * math.sqrt(n),
    "trained": lambda n: min(n, TRAINING_ROWS),
    "trained_root": lambda n: min(n, TRAINING_ROWS) * math.sqrt(n),
}
STATISTICS = ALL_STATISTICS[:3]
SEARCH = tuple(f"search_ms_{statistic}" for statistic in STATISTICS)
BATCH, BUILD, SIZE = "batch_ms", "build_seconds", "index_bytes"
FIGURES = (*SEARCH, BATCH, BUILD, SIZE)
COLUMNS = (
    *(f"{name}_at_workload" for name in SEARCH),
    *(f"query_ms_{statistic}_at_workload" for statistic in STATISTICS),
    "search_queries_per_second_at_workload",
    *(f"{name}_at_workload" for name in (BUILD, SIZE)),
)


@dataclass(frozen=True)
class Law:
    """A figure by the number of vectors: the sum of ``terms`` (of ``TERMS``) times their coefficients.

    It is fitted to ``sizes`` and holds from ``holds_from`` vectors on: fewer fit into the processor's cache, where they
    are searched several times as quickly. From there down to the corpus's own ``own_vectors`` the figure lies on a line
    to ``own``, what was measured on the corpus. ``vectors_per_document`` is how many of them a document has.
    """

    terms: Mapping[str, float]
    sizes: Sequence[int] = ()
    holds_from: float = 0.0
    own_vectors: float = 0.0
    own: float = 0.0
    vectors_per_document: float = 1.0

    def at(self, documents: float) -> float:
        vectors = documents * self.vectors_per_document
        if vectors >= self.holds_from:
            return self.sum_of_terms(vectors)
        ends = (self.own_vectors, self.holds_from), (self.own, self.sum_of_terms(self.holds_from))
        return float(np.interp(vectors, *ends))

    def sum_of_terms(self, vectors: float) -> float:
        return sum(coefficient * TERMS[term](vectors) for term, coefficient in self.terms.items())

    def times(self, factor: float) -> "Law":
        terms = {term: factor * coefficient for term, coefficient in self.terms.items()}
        return replace(self, terms=terms, own=factor * self.own)


def law_of(terms: Mapping[str, float], sizes: Sequence[int], holds_from: float, own_vectors: float, own: float) -> Law:
    """A law beyond ``holds_from``, and below it the line to what was measured on the corpus.

    A corpus that is itself that large says nothing of fewer vectors: then the line goes to the part that doesn't grow.
    """
    if own_vectors < holds_from:
        return Law(terms, sizes, holds_from, own_vectors, own)
    return Law(terms, sizes, holds_from, 0.0, max(0.0, terms["one"]))


Laws = Mapping[str, Sequence[Law]]  # of FIGURES; a point's are those of its stages, which add up


def added(laws: Laws, more: Laws) -> dict[str, list[Law]]:
    """Of two stages, one after the other: figures that both have."""
    return {name: [*laws[name], *more[name]] for name in FIGURES if name in laws and name in more}


def constant(values: Mapping[str, float | None]) -> dict[str, list[Law]]:
    """Laws of what takes the same whatever the number of documents; 0 for figures without one of ``values``."""
    return {name: [Law({"one": values.get(name) or 0.0})] for name in FIGURES}


def at_workload(laws: Laws, figures: Mapping[str, Any], documents: float) -> dict[str, float | None]:
    """``COLUMNS`` for so many ``documents``; null where a law or a figure that they need is missing.

    Means add up to the mean. The sum of two p95 is a little more than the p95 of the sum.
    """
    total = {name: sum(law.at(documents) for law in laws[name]) if name in laws else None for name in FIGURES}
    columns: dict[str, float | None] = {f"{name}_at_workload": total[name] for name in (*SEARCH, BUILD, SIZE)}
    for statistic in STATISTICS:
        parts = (total[f"search_ms_{statistic}"], figures.get(f"encode_query_ms_{statistic}"))
        columns[f"query_ms_{statistic}_at_workload"] = sum_of(parts)
    batch_ms = total[BATCH]
    columns["search_queries_per_second_at_workload"] = 1000 / batch_ms if batch_ms else None
    return {name: columns[name] for name in COLUMNS}


def why_not_at_workload(why: Mapping[str, str]) -> dict[str, str]:
    """Why each of ``COLUMNS`` is missing, by ``why`` the law of its figure is."""
    figures = {f"{name}_at_workload": name for name in (*SEARCH, BUILD, SIZE)}
    figures |= {f"query_ms_{statistic}_at_workload": f"search_ms_{statistic}" for statistic in STATISTICS}
    figures["search_queries_per_second_at_workload"] = BATCH
    return {column: why[figure] for column, figure in figures.items() if figure in why}


def sum_of(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None and part == part]
    return sum(known) if len(known) == len(parts) else None


def sizes(laws: Laws) -> list[int]:
    """The numbers of vectors that searches were measured among, smallest first."""
    return sorted({size for name in SEARCH for law in laws.get(name, ()) for size in law.sizes})


def as_json(laws: Laws) -> dict[str, list[dict[str, Any]]]:
    return {name: [asdict(law) for law in each] for name, each in laws.items()}


def read(kept: Mapping[str, Any]) -> dict[str, list[Law]]:
    """What ``as_json`` gave."""
    return {name: [Law(**law) for law in each] for name, each in kept.items()}


def fitted(
    rows: Sequence[Sequence[float]], values: Sequence[float], lower: float = 0.0, most_fixed: float = np.inf
) -> list[float]:
    """One coefficient per column of ``rows`` (sizes × terms): least squares of the relative errors of ``values``.

    None is below 0, the first not below ``lower`` nor above ``most_fixed``: it is the part that doesn't grow, and two
    sizes alone would let noise tilt the line.
    """
    from scipy.optimize import lsq_linear

    matrix, measured = np.array(rows, dtype=np.float64), np.asarray(values, dtype=np.float64)
    scale = np.abs(matrix).max(axis=0)
    scale[scale == 0] = 1.0
    lowest, highest = np.zeros(len(scale)), np.full(len(scale), np.inf)
    lowest[0], highest[0] = lower * scale[0], max(most_fixed * scale[0], np.finfo(float).tiny)
    solution = lsq_linear(matrix / scale / measured[:, None], np.ones(len(measured)), (lowest, highest), method="bvls")
    return [float(value) for value in solution.x / scale]
