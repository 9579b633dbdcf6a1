"""Settings and figures in words."""

import pytest

from evalkit.results.in_words import about, advice, brief, change, counted, duration, setting_words, time_left


@pytest.mark.parametrize(
    ("setting", "words", "sentence"),
    [
        (("m", 256, "int4", "flat+bm25"), "m · 256 dims · int4 · exact + BM25", "m at 256 dims, int4, with BM25"),
        (("m", 64, "float32", "flat"), "m · 64 dims · float32 · exact", "m at 64 dims, float32"),
        (
            ("m", 64, "int8", "hnsw(efSearch=64)+bm25+minilm(depth=50)"),
            "m · 64 dims · int8 · HNSW (efSearch=64) + BM25 + minilm (depth=50)",
            "m at 64 dims, int8, HNSW (efSearch=64), with BM25, with minilm (depth=50)",
        ),
        (("bm25", None, "none", "bm25"), "BM25", "BM25"),
        (("bm25", None, "none", "bm25+minilm"), "BM25 + minilm", "BM25 + minilm"),
        (("m", 8, "mine", "pgvector mine"), "m · 8 dims · mine · pgvector mine", "m at 8 dims, mine, pgvector mine"),
    ],
)
def test_a_setting_in_words(setting: tuple[str, int | None, str, str], words: str, sentence: str) -> None:
    assert " · ".join(setting_words(*setting)) == words
    assert advice(*setting) == sentence


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0"), (12_000, "12,000"), (1_000_000, "1 M"), (2_500_000, "2.5 M"), (1_234_567, "1,234,567")],
)
def test_counts_are_short_where_they_are_round(count: int, words: str) -> None:
    assert counted(count) == words


@pytest.mark.parametrize(
    ("count", "words"), [(7, "7"), (94, "94"), (788, "790"), (1_249, "1,200"), (243_701, "240,000")]
)
def test_what_is_about_so_many_has_two_figures(count: int, words: str) -> None:
    assert about(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (0, "0 s"),
        (60, "1 min"),
        (80.0, "1 min 20 s"),
        (7_500, "2 h 5 min"),
        (3_600, "1 h"),
        (86_400, "24 h"),
    ],
)
def test_what_is_left_has_the_units_that_matter(seconds: float, words: str) -> None:
    assert time_left(seconds) == words


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("index_bytes", 365_838_336, "365.8 MB"),
        ("index_bytes", 999, "999 B"),
        ("bytes_per_vector", 1_024.0, "1,024 B"),
        ("cost_month_usd", 3.341, "$3.34 a month"),
        ("search_ms_p95", 0.0412, "0.0412 ms"),
        ("query_ms_p95", 9.14, "9.14 ms"),
        ("documents_per_second", 3.058, "3.06/s"),
        ("search_queries_per_second", 27_305.4, "27,305/s"),
        ("build_seconds", 2_400.0, "40 min"),
    ],
)
def test_a_figure_within_a_line_is_short(name: str, value: float, words: str) -> None:
    assert brief(name, value) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0.4 s"), (59, "59 s"), (2_400, "40 min"), (20_000, "5.6 h"), (1_728_000, "20 days")]
)
def test_a_duration_is_in_a_unit_that_suits_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("name", "worsening", "words"),
    [
        ("index_bytes", 0.25, "4 × smaller"),
        ("index_bytes", 1.2, "20% larger"),
        ("index_bytes", 1.0, "the same"),
        ("index_bytes", 1.001, "about the same"),
        ("search_ms_p95", 1.12, "12% slower"),
        ("search_ms_p95", 2_137.4, "2,137 × slower"),
        ("documents_per_second", 0.4, "2.5 × quicker"),
        ("cost_month_usd", 0.9, "10% cheaper"),
        ("overlap@10", 1.25, "20% lower"),  # 1 / 1.25: from 1.0 to 0.8
    ],
)
def test_a_change_is_told_as_a_person_would(name: str, worsening: float, words: str) -> None:
    assert change(name, worsening) == words
