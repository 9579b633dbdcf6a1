"""Settings and figures in words."""

import pytest

from evalkit.results.in_words import about, advice, counted, duration, setting_words


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
def test_durations_have_the_units_that_matter(seconds: float, words: str) -> None:
    assert duration(seconds) == words
