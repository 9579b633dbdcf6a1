"""Documents on disk: the same strings as in a list, without a list's memory."""

import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.corpora.corpus import build_corpus
from evalkit.corpora.texts import TextFile
from evalkit.measures.memory import PeakMemory

ANY_TEXT = st.text(st.characters(), max_size=40)  # lone surrogates too, as JSON may hold them


@given(st.lists(ANY_TEXT), st.slices(6))
def test_a_text_file_reads_like_the_list_it_was_made_from(texts: list[str], part: slice) -> None:
    file = TextFile(iter(texts))
    assert list(file) == texts
    assert file[part] == texts[part]
    assert [file[-i] for i in range(1, len(texts) + 1)] == texts[::-1]


def test_a_row_that_does_not_exist_is_an_index_error() -> None:
    for row in (2, -3):
        with pytest.raises(IndexError):
            TextFile(["a", "b"])[row]


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory of a phase is read from /proc")
def test_memory_does_not_hold_the_texts_of_documents() -> None:
    count, width = 4_000, 50_000

    def documents() -> Iterator[tuple[str, str]]:
        for i in range(count):
            yield f"d{i}", f"{i} ".ljust(width, "x")

    with PeakMemory() as before:
        pass
    with PeakMemory() as during:
        corpus = build_corpus("large", documents(), [("q", "x")], {"q": {"d1": 1}})
        assert len(corpus.fingerprint) == 64
    assert sum(map(len, corpus.documents.texts[:10])) == 10 * width
    assert (during.peak_rss_bytes or 0) - (before.peak_rss_bytes or 0) < count * width / 10
