"""Figures in words: each by a name of its own, with its unit."""

from evalkit.results.columns import DIRECTED
from evalkit.results.headings import heading


def test_every_figure_has_words_of_its_own() -> None:
    words = {name: heading(name) for name in DIRECTED}
    assert len(set(words.values())) == len(words)
    assert [text for text in words.values() if "_" in text] == []


def test_headings_have_units_where_the_words_do_not_say_them() -> None:
    assert heading("cost_month_usd") == "cost per month, $"
    assert heading("query_ms_p95") == "whole query, p95, ms"
    assert heading("documents_per_second") == "documents encoded per second"
    assert heading("load_ms_p95_1") == "query under load, p95, 1 client, ms"
    assert heading("nDCG@10") == "nDCG@10"
