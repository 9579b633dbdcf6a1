"""Retrieval quality as trec_eval has it: ir_measures over pytrec_eval, per query and as a mean.

Rankings come in ordered, ties already broken. The scores handed on are made from the rank alone, strictly
decreasing and exact in float32, so no provider can break a tie in another way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Floats
from evalkit.errors import UserError, did_you_mean
from evalkit.measures.depth import check_depth

UNPOOLED = -1  # trec_eval's grade for a document that nobody was shown
COUNT, ROUNDING = "Num", 1e-9
KNOWN_MEASURES = ("nDCG@10", "nDCG@100", "R@10", "R@100", "RR@10", "AP@100", "P@10", "Success@10")


@dataclass(frozen=True)
class Quality:
    """``per_query``: measure → one value per query (float64, in the order of the queries); ``mean`` of each."""

    per_query: dict[str, npt.NDArray[np.float64]]

    @property
    def mean(self) -> dict[str, float]:
        return {name: float(values.mean()) for name, values in self.per_query.items()}


def parse_measures(names: Sequence[str], top_k: int) -> dict[str, Any]:
    """name → ir_measures' measure, in the order given.

    Raises UserError for a name that ir_measures does not know or can't compute here, and for a measure that looks
    deeper than the rankings go, or as deep as they go.
    """
    import ir_measures

    if not names:
        raise UserError(
            "measures=[] leaves nothing to measure.", "Give names of ir_measures, as in measures=[nDCG@10]."
        )
    parsed = {}
    for name in names:
        try:
            measure = ir_measures.parse_measure(name)
            cutoff = measure.params.get("cutoff")
            if cutoff is not None and cutoff < 1:  # pytrec_eval would crash on it, not raise
                raise ValueError(f"cutoff {cutoff}")
            ir_measures.evaluator([measure], {"q": {"d": 1}}).calc_aggregate({"q": {"d": 1.0}})
        except Exception as error:  # a parser's, a provider's or a missing tool's: all mean the same to the user
            raise UserError(f"measure '{name}' can't be computed.", did_you_mean(name, KNOWN_MEASURES)) from error
        check_depth(name, measure, top_k)
        parsed[name] = measure
    return parsed


class Judge:
    """Scores rankings of one corpus; the judgments are read once."""

    def __init__(self, measures: Mapping[str, Any], qrels: Mapping[str, Mapping[str, int]]) -> None:
        import ir_measures

        self.names = {measure: name for name, measure in measures.items()}
        self.query_ids = list(qrels)
        self.row = {query: i for i, query in enumerate(self.query_ids)}
        judged = {query: readable(grades) for query, grades in qrels.items()}
        self.evaluator = ir_measures.evaluator(list(self.names), judged)

    def score(self, rankings: Mapping[str, Sequence[str]]) -> Quality:
        """Score ``rankings`` (query id → document ids, best first).

        A judged query that is missing or found nothing counts as 0; a query without judgments does not count. Raises
        ArithmeticError where a share comes out below 0 or above 1.
        """
        run = {q: scores_from_rank(documents) for q, documents in rankings.items() if documents}
        per_query = {name: np.zeros(len(self.query_ids)) for name in self.names.values()}
        for metric in self.evaluator.iter_calc(run):
            per_query[self.names[metric.measure]][self.row[metric.query_id]] = metric.value
        for name, values in per_query.items():
            check_shares(name, values, self.query_ids)
        return Quality(per_query)


def readable(grades: Mapping[str, int]) -> dict[str, int]:
    """Grades that trec_eval can read: below -1, as TREC's junk (-2) is, they crash it, and mean what 0 does."""
    return {document: 0 if grade < UNPOOLED else grade for document, grade in grades.items()}


def check_shares(name: str, values: Floats, query_ids: Sequence[str]) -> None:
    """A last look at what is written down: every measure but a count is a share."""
    outside = ~((values >= 0) & (values <= 1 + ROUNDING))
    if not name.startswith(COUNT) and outside.any():
        first = int(np.argmax(outside))
        raise ArithmeticError(f"{name} of query {query_ids[first]!a} is {values[first]}, not between 0 and 1")


def scores_from_rank(documents: Sequence[str]) -> dict[str, float]:
    return {document: float(len(documents) - rank) for rank, document in enumerate(documents)}
