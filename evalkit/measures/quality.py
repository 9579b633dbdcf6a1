"""Retrieval quality as trec_eval has it: ir_measures over pytrec_eval, per query and as a mean.

Rankings come in ordered, ties already broken. The scores handed on are made from the rank alone, strictly
decreasing and exact in float32, so no provider can break a tie in another way.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Floats
from evalkit.errors import UserError, did_you_mean
from evalkit.measures.depth import check_depth
from evalkit.measures.ranking import blocks

UNPOOLED = -1  # trec_eval's grade for a document that nobody was shown
COUNT, ROUNDING = "Num", 1e-9
KNOWN_MEASURES = ("nDCG@10", "nDCG@100", "R@10", "R@100", "RR@10", "AP@100", "P@10", "Success@10")
CALLED = {"hit": "Success", "hits": "Success", "hit_rate": "Success"}  # elsewhere, and as ir_measures has it
NAME = re.compile(r"(?P<name>\w*)(?P<parameters>.*)", re.DOTALL)


@dataclass(frozen=True)
class Quality:
    """``per_query``: measure → one value per query (float64, in the order of the queries); ``mean`` of each.

    NaN and null where nothing is judged.
    """

    per_query: dict[str, npt.NDArray[np.float64]]

    @property
    def mean(self) -> dict[str, float | None]:
        means = {name: float(values.mean()) for name, values in self.per_query.items()}
        return {name: None if np.isnan(mean) else mean for name, mean in means.items()}


def parse_measures(names: Sequence[str], top_k: int) -> dict[str, Any]:
    """name → ir_measures' measure, in the order given.

    Raises UserError for a name that ir_measures does not know or can't compute here, and for a measure that looks
    deeper than the rankings go, or as deep as they go.
    """
    if not names:
        raise UserError(
            "measures=[] leaves nothing to measure.", "Give names of ir_measures, as in measures=[nDCG@10]."
        )
    parsed: dict[str, Any] = {}
    for name in names:
        try:
            measure = computable(name)
        except Exception as error:  # a parser's, a provider's or a missing tool's: all mean the same to the user
            raise UserError(f"measure '{name}' can't be computed.", nearest_measure(name)) from error
        check_depth(name, measure, top_k)
        if measure in parsed.values():
            raise UserError(f"measures has {measure} twice, the second time as '{name}'.", "Leave out one of them.")
        parsed[name] = measure
    return parsed


def computable(name: str) -> Any:
    """ir_measures' measure of that ``name``. Raises an error of any class for one that can't be computed here."""
    import ir_measures

    measure = ir_measures.parse_measure(name)
    if NAME.match(name)["name"] != measure.NAME:  # type: ignore[index]  # MAP@20: its column would be another's
        raise ValueError(f"called {measure}")
    cutoff = measure.params.get("cutoff")
    if cutoff is not None and cutoff < 1:  # pytrec_eval would crash on it, not raise
        raise ValueError(f"cutoff {cutoff}")
    ir_measures.evaluator([measure], {"q": {"d": 1}}).calc_aggregate({"q": {"d": 1.0}})
    return measure


def nearest_measure(text: str) -> str:
    """A hint for a measure that can't be computed: what is spelt or called nearly so, else the usual ones."""
    import ir_measures

    name, parameters = NAME.match(text).groups()  # type: ignore[union-attr]  # matches every text
    spelt = {spelling.casefold(): measure.NAME for spelling, measure in ir_measures.measures.registry.items()}
    right = (spelt | CALLED).get(name.casefold())
    if right and right != name:
        with suppress(Exception):  # the parameters are wrong as well
            computable(f"{right}{parameters}")
            return f"Did you mean '{right}{parameters}'?"
    usual = sorted(KNOWN_MEASURES)
    names = {measure.partition("@")[0] for measure in usual}
    is_near = right in names or get_close_matches(name, names, n=1, cutoff=0.6)
    return did_you_mean(text, usual) if is_near and name not in set(spelt.values()) - names else known(usual)


def known(names: Sequence[str]) -> str:
    return f"Known: {', '.join(names)}."


class NoJudge:
    """Where nothing is judged: every value is NaN."""

    def __init__(self, measures: Mapping[str, Any], query_ids: Sequence[str]) -> None:
        self.names = {measure: name for name, measure in measures.items()}
        self.query_ids = list(query_ids)

    def score(self, rankings: Mapping[str, Sequence[str]]) -> "Quality":
        return Quality({name: np.full(len(self.query_ids), np.nan) for name in self.names.values()})


class Judge:
    """Scores rankings of one corpus, a block of queries at a time; the judgments are read once."""

    def __init__(self, measures: Mapping[str, Any], qrels: Mapping[str, Mapping[str, int]]) -> None:
        import ir_measures

        self.names = {measure: name for name, measure in measures.items()}
        self.query_ids = list(qrels)
        self.row = {query: i for i, query in enumerate(self.query_ids)}
        judged = {query: readable(grades) for query, grades in qrels.items()}
        of_block = [self.query_ids[block] for block in blocks(len(judged))]
        self.evaluators = [
            (queries, ir_measures.evaluator(list(self.names), {query: judged[query] for query in queries}))
            for queries in of_block
        ]

    def score(self, rankings: Mapping[str, Sequence[str]]) -> Quality:
        """Score ``rankings`` (query id → document ids, best first).

        A judged query that is missing or found nothing counts as 0; a query without judgments does not count. Raises
        ArithmeticError where a share comes out below 0 or above 1.
        """
        per_query = {name: np.zeros(len(self.query_ids)) for name in self.names.values()}
        for queries, evaluator in self.evaluators:
            found = ((query, rankings[query]) for query in queries if query in rankings)
            run = {query: scores_from_rank(documents) for query, documents in found if documents}
            for metric in evaluator.iter_calc(run):
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
    return dict(zip(documents, map(float, range(len(documents), 0, -1)), strict=True))
