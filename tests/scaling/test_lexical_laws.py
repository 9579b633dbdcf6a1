"""BM25 over a corpus so many times over is BM25 over that many documents, and its law says what the clock says."""

import numpy as np
import pytest

import evalkit.scaling.lexical as lexical_module
from evalkit.config import Bm25Model, RandomModel
from evalkit.lexical import load_retriever
from evalkit.measures.laws import BUILD, SEARCH, SIZE
from evalkit.scaling.at_size import TIMED
from evalkit.scaling.lexical import growing, measure

TEXTS = ["a green house by the sea", "a red house", "the sea is green", "boats at sea", "a red boat by a green house"]
BM25 = Bm25Model()
RANDOM = RandomModel()


def test_copies_have_the_scores_and_postings_of_what_they_are_copies_of() -> None:
    one, many = load_retriever(BM25, TEXTS), load_retriever(BM25, TEXTS).repeated(3)
    read = one.read("green sea house")
    assert many.documents == 15
    assert np.array_equal(np.sort(many.scores(read)), np.sort(np.repeat(one.scores(read), 3)))
    again = load_retriever(BM25, TEXTS * 3)
    assert len(many.engine.scores["data"]) == len(again.engine.scores["data"])
    assert np.array_equal(many.engine.scores["indptr"], 3 * one.engine.scores["indptr"])


def test_the_law_is_a_line_beyond_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(retriever: object, *_: object) -> dict[str, float]:
        return dict.fromkeys(TIMED, 0.01 + 2e-5 * retriever.documents)

    monkeypatch.setattr(lexical_module, "timed", timed)
    retriever = load_retriever(BM25, TEXTS)
    found = measure(retriever, ["sea"], 10, 1.0, cache_bytes=10_000)
    law = found.laws[SEARCH[0]]
    assert law.at(10**6) == pytest.approx(20.01, rel=1e-3)
    assert law.sizes[1] * retriever.bytes_per_document >= 15_000
    assert law.at(len(TEXTS)) == found.own[SEARCH[0]]


def test_building_is_a_pass_and_the_vocabulary_does_not_grow() -> None:
    retriever = load_retriever(BM25, TEXTS)
    laws = growing(retriever, 0.5)
    assert laws[BUILD].at(10 * len(TEXTS)) == pytest.approx(5.0)
    postings = len(TEXTS) * retriever.bytes_per_document
    assert laws[SIZE].at(10 * len(TEXTS)) == pytest.approx(retriever.index_bytes + 9 * postings)


def test_a_random_order_has_no_law() -> None:
    found = measure(load_retriever(RANDOM, TEXTS), ["sea"], 10, 1.0, cache_bytes=10_000)
    assert set(found.why) == set(TIMED)
    assert found.laws == {}
