"""Constraints as words: what they mean, and what is said of those that mean nothing."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.errors import UserError
from evalkit.reports.data.constraints import parse

COLUMNS = ["nDCG@10", "P(rel=2)@10", "query_ms_p95", "bytes_per_document", "cost_month_usd", "tokens_per_query"]


@pytest.mark.parametrize(
    ("text", "column", "comparison", "number", "of_best"),
    [
        ("query_ms_p95<=20", "query_ms_p95", "<=", 20, False),
        ("query_ms_p95<20ms", "query_ms_p95", "<", 20, False),
        ("query_ms_p95 <= 0.5 s", "query_ms_p95", "<=", 500, False),
        ("bytes_per_document<=300B", "bytes_per_document", "<=", 300, False),
        ("bytes_per_document<=1.5kB", "bytes_per_document", "<=", 1_500, False),
        ("bytes_per_document<=2KiB", "bytes_per_document", "<=", 2_048, False),
        ("cost_month_usd<$5", "cost_month_usd", "<", 5, False),
        ("cost_month_usd<5usd", "cost_month_usd", "<", 5, False),
        ("nDCG@10>=0.98*best", "nDCG@10", ">=", 0.98, True),
        ("nDCG@10>=98%*best", "nDCG@10", ">=", 0.98, True),
        ("nDCG@10>=best", "nDCG@10", ">=", 1, True),
        ("nDCG@10>=60%", "nDCG@10", ">=", 0.6, False),
        ("P(rel=2)@10>.5", "P(rel=2)@10", ">", 0.5, False),
        ("dims<=256", "dims", "<=", 256, False),
        ("tokens_per_query>1e2", "tokens_per_query", ">", 100, False),
    ],
)
def test_a_constraint_is_read(text: str, column: str, comparison: str, number: float, of_best: bool) -> None:
    read = parse(text, COLUMNS)
    assert (read.column.name, read.comparison, read.of_best) == (column, comparison, of_best)
    assert read.number == pytest.approx(number)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ndcg@10>=0.9", "no run has a column 'ndcg@10'. Did you mean 'nDCG@10'?"),
        ("query_ms_p59<3", "no run has a column 'query_ms_p59'. Did you mean 'query_ms_p95'?"),
        ("load_ms_p95_4<3", "no run has measured load_ms_p95_4. Why: load.seconds=0 leaves out the clients at once."),
        ("nDCG@10=0.3", "'nDCG@10=0.3' compares by '=', and only <=, >=, < and > can be. Write nDCG@10>=0.3."),
        ("nDCG@10==0.3", "Write nDCG@10>=0.3."),
        ("query_ms_p95=<20", "Write query_ms_p95<=20."),
        ("query_ms_p95≤20", "Write query_ms_p95<=20."),
        ("nDCG@10=>0.3", "Write nDCG@10>=0.3."),
        ("nDCG@10!=", "Write nDCG@10>=<number>."),
        ("nDCG@10", "'nDCG@10' is no constraint."),
        ("nDCG@10>=", "is no constraint."),
        ("<3", "is no constraint."),
        ("nDCG@10>0.1>0.2", "is no constraint."),
        ("query_ms_p95<=20B", "'B' is no unit of ms. Known: ms, s, us, µs."),
        ("nDCG@10>=3ms", "'ms' is no unit of a share. Known: %."),
        ("query_ms_p95<=soon", "'soon' is no number."),
        ("query_ms_p95<=1,000", "'1,000' is no number."),
        ("query_ms_p95<=nan", "'nan' is no number."),
        ("nDCG@10>=x*best", "'x' is no number."),
        ("dims<=best", "neither way is better for dims, so it has no best."),
        ("tokens_per_query<=2*best", "neither way is better for tokens_per_query"),
    ],
)
def test_what_is_no_constraint_gets_a_line_that_says_what_would_be(text: str, said: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(text, COLUMNS)
    assert said in refused.value.sentences
    assert "\n" not in refused.value.sentences


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(UserError):
        assert parse(text, COLUMNS).column.name in (*COLUMNS, "dims")


def test_a_null_figure_never_meets_a_constraint_and_the_best_is_the_lowest_where_less_is_better() -> None:
    values = np.array([10.0, 30.0, np.nan, 20.0])
    assert parse("query_ms_p95<=1e9", COLUMNS).holds(values).tolist() == [True, True, False, True]
    assert parse("query_ms_p95>0", COLUMNS).holds(values).tolist() == [True, True, False, True]
    assert parse("query_ms_p95<=2*best", COLUMNS).holds(values).tolist() == [True, False, False, True]
    assert parse("nDCG@10>=0.5*best", COLUMNS).limit(values) == 15
    assert not parse("nDCG@10>=best", COLUMNS).holds(np.full(3, np.nan)).any()


def test_a_miss_is_its_share_of_the_limit() -> None:
    missed = parse("query_ms_p95<=20", COLUMNS).miss(np.array([10.0, 20.0, 25.0, np.nan]))
    assert missed[:3].tolist() == [0, 0, 0.25]
    assert np.isnan(missed[3])
