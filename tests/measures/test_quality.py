"""Measures agree with trec_eval itself (pytrec_eval), whatever the ties, grades and missing queries."""

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.errors import UserError
from evalkit.measures.quality import Judge, check_shares, parse_measures
from evalkit.measures.ranking import order, tie_order

TREC_NAMES = {
    "nDCG@10": "ndcg_cut_10",
    "nDCG@5": "ndcg_cut_5",
    "R@10": "recall_10",
    "AP@10": "map_cut_10",
    "P@5": "P_5",
    "RR@15": "recip_rank",
    "AP@15": "map",
}
DOCUMENTS = [f"d{i}" for i in range(15)]
QUERIES = [f"q{i}" for i in range(4)]
GRADES = st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(0, 3), min_size=1)
SCORES = st.dictionaries(st.sampled_from(DOCUMENTS), st.sampled_from([0.0, 0.25, 0.5, 0.75]), max_size=15)


def ranked(scores: dict[str, float]) -> list[str]:
    """Documents as the search orders them: by score, ties by the total rule."""
    if not scores:
        return []
    ids = list(scores)
    ranking = order(np.arange(len(ids))[None], np.array([list(scores.values())]), tie_order(ids))
    return [ids[row] for row in ranking.rows[0]]


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(st.sampled_from(QUERIES), GRADES, min_size=1),
    st.dictionaries(st.sampled_from(QUERIES), SCORES),
)
def test_trap_14_figures_are_trec_evals(qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> None:
    judge = Judge(parse_measures(list(TREC_NAMES), top_k=15), qrels)
    quality = judge.score({query: ranked(scores) for query, scores in run.items()})
    trec = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut", "recall", "map_cut", "P", "recip_rank", "map"}).evaluate(
        {query: scores for query, scores in run.items() if scores}
    )
    for i, query in enumerate(qrels):
        for name, trec_name in TREC_NAMES.items():
            expected = trec.get(query, {}).get(trec_name, 0.0)
            assert quality.per_query[name][i] == pytest.approx(expected, abs=1e-9), (query, name)
    for name, trec_name in TREC_NAMES.items():
        assert quality.mean[name] == pytest.approx(
            sum(trec.get(q, {}).get(trec_name, 0.0) for q in qrels) / len(qrels), abs=1e-9
        )


EXTREMES = st.dictionaries(st.sampled_from(DOCUMENTS), st.sampled_from([-100, -2, -1, 0, 1, 100]), min_size=1)
SHARES = ("nDCG@10", "R@10", "AP@10", "RR@10", "Bpref", "Rprec")


@settings(deadline=None)
@given(EXTREMES, SCORES)
def test_any_grade_gives_a_share_and_junk_is_as_good_as_irrelevant(
    grades: dict[str, int], scores: dict[str, float]
) -> None:
    """TREC's web tracks grade junk with -2, which crashes trec_eval's own code."""
    measures = {name: ir_measures.parse_measure(name) for name in SHARES}
    run = {"q": ranked(scores)}
    figures = Judge(measures, {"q": grades}).score(run).mean
    assert all(0 <= figure <= 1 for figure in figures.values())
    plain = {document: 0 if grade < -1 else grade for document, grade in grades.items()}
    assert figures == Judge(measures, {"q": plain}).score(run).mean


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_a_figure_that_is_no_share_is_never_handed_on(wrong: float) -> None:
    check_shares("R@10", np.array([0.0, 1.0]), ["a", "b"])
    check_shares("NumRet", np.array([10.0]), ["a"])
    with pytest.raises(ArithmeticError, match=r"R@10 of query 'b' is .*, not between 0 and 1"):
        check_shares("R@10", np.array([0.5, wrong]), ["a", "b"])


@settings(deadline=None)
@given(GRADES, SCORES)
def test_trap_14_rr_at_10_breaks_ties_as_every_other_measure_does(
    grades: dict[str, int], scores: dict[str, float]
) -> None:
    quality = Judge(parse_measures(["RR@10"], 10), {"q": grades}).score({"q": ranked(scores)})
    first = next((i for i, d in enumerate(ranked(scores)[:10], 1) if grades.get(d, 0) > 0), None)
    assert quality.mean["RR@10"] == pytest.approx(1 / first if first else 0)


def test_trap_14_gain_is_linear() -> None:
    judge = Judge(parse_measures(["nDCG@10"], 10), {"q": {"a": 3, "b": 1, "c": 2}})
    linear = (1 + 3 / np.log2(3) + 2 / 2) / (3 + 2 / np.log2(3) + 1 / 2)
    assert judge.score({"q": ["b", "a", "c"]}).mean["nDCG@10"] == pytest.approx(linear)


def test_a_judged_query_that_found_nothing_counts_as_0_and_an_unjudged_one_not_at_all() -> None:
    judge = Judge(parse_measures(["R@10"], 10), {"q": {"a": 1}, "r": {"a": 1}, "s": {"a": 1}})
    quality = judge.score({"q": ["a"], "r": [], "unjudged": ["a"]})
    assert quality.per_query["R@10"].tolist() == [1, 0, 0]


@pytest.mark.parametrize("name", ["nDCG@10", "P(rel=2)@10", "AP(rel=2)@100", "Success@5", "Rprec", "R@7"])
def test_any_name_of_ir_measures_is_a_measure(name: str) -> None:
    assert list(parse_measures([name], 100)) == [name]
    assert parse_measures([name], 100)[name] == ir_measures.parse_measure(name)


@pytest.mark.parametrize("name", ["nDGC@10", "nDCG(dcg='exp-log2')@10", "recall", "", "R@0"])
def test_what_can_not_be_computed_is_refused(name: str) -> None:
    with pytest.raises(UserError):
        parse_measures([name], 100)
