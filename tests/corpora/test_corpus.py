"""Fingerprint, lint and the rule for queries that are documents."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.corpora.corpus import Corpus, build_corpus, document_text
from evalkit.corpora.lint import truncation
from evalkit.errors import UserError

DOCUMENTS = [("d1", "red apple"), ("d2", "green pear"), ("d3", "blue house")]
QUERIES = [("q1", "apple"), ("q2", "pear")]
QRELS = {"q1": {"d1": 2, "d3": 0}, "q2": {"d2": 1}}


def findings(corpus: Corpus) -> dict[str, tuple[int, int]]:
    return {f.check: (f.count, f.total) for f in corpus.findings}


@given(st.randoms(use_true_random=False))
def test_the_fingerprint_does_not_depend_on_order(shuffler: random.Random) -> None:
    documents, queries = list(DOCUMENTS), list(QUERIES)
    shuffler.shuffle(documents)
    shuffler.shuffle(queries)
    shuffled = build_corpus("c", documents, queries, dict(reversed(QRELS.items())))
    assert shuffled.fingerprint == build_corpus("c", DOCUMENTS, QUERIES, QRELS).fingerprint


@pytest.mark.parametrize(
    "changed",
    [
        ([("d1", "red apple."), *DOCUMENTS[1:]], QUERIES, QRELS),
        ([("d9", "red apple"), *DOCUMENTS[1:]], QUERIES, {"q1": {"d9": 2, "d3": 0}, "q2": {"d2": 1}}),
        (DOCUMENTS, [("q1", "apples"), *QUERIES[1:]], QRELS),
        (DOCUMENTS, QUERIES, {**QRELS, "q2": {"d2": 2}}),
        ([("d1", "red"), ("d2", "applegreen pear"), DOCUMENTS[2]], QUERIES, QRELS),
    ],
)
def test_the_fingerprint_changes_with_any_text_id_or_judgment(changed: tuple) -> None:
    assert build_corpus("c", *changed).fingerprint != build_corpus("c", DOCUMENTS, QUERIES, QRELS).fingerprint


def test_a_clean_corpus_has_no_findings() -> None:
    assert findings(build_corpus("c", DOCUMENTS, QUERIES, QRELS)) == {}


def test_lint_finds_each_oddity_and_counts_it() -> None:
    documents = [*DOCUMENTS, ("d4", ""), ("d5", "red apple"), ("d1", "again"), ("d6", "pear")]
    queries = [*QUERIES, ("q3", "nobody judged this"), ("q4", "only bad ones"), ("q1", "again"), ("q5", " ")]
    qrels = {
        "q1": {"d1": 1, "unknown": 1},
        "q2": {"d6": 1},
        "q4": {"d2": 0},
        "q5": {"d3": 1},
        "q9": {"d1": 1},
    }
    corpus = build_corpus("c", documents, queries, qrels)
    assert findings(corpus) == {
        "empty_documents": (1, 6),
        "duplicate_documents": (1, 6),
        "duplicate_document_ids": (1, 7),
        "duplicate_query_ids": (1, 6),
        "empty_queries": (1, 4),
        "judgments_of_unknown_documents": (1, 5),
        "judgments_of_unknown_queries": (1, 5),
        "queries_without_judgments": (1, 5),
        "queries_without_relevant_documents": (1, 4),
        "queries_equal_to_their_document": (1, 4),
    }
    assert corpus.queries.ids == ["q1", "q2", "q4"]
    assert corpus.documents.texts[0] == "red apple"


def test_trap_26_truncated_documents_are_counted_and_said() -> None:
    (found,) = truncation(["d1", "d2", "d3", "d4"], [True, False, True, False], 256, "m")
    assert (found.count, found.share) == (2, 0.5)
    assert str(found) == "2 of 4 documents are cut at the 256 tokens that m reads ('d1', 'd3')"
    assert truncation(["d1"], [False], 256, "m") == []


def test_trap_15_a_query_that_is_a_document_must_not_find_itself() -> None:
    documents = [("a", "Title all birds fly"), ("b", "no they do not")]
    corpus = build_corpus("c", documents, [("a", "all birds fly")], {"a": {"b": 1}})
    assert corpus.excluded == {"a": "a"}


def test_ids_that_merely_look_alike_are_not_ignored() -> None:
    corpus = build_corpus("c", [("1", "red"), ("2", "blue")], [("1", "which colour is first?")], {"1": {"1": 1}})
    assert corpus.excluded == {}


def test_a_document_that_is_judged_relevant_is_never_ignored_unless_asked() -> None:
    arguments = ([("1", "red")], [("1", "red")], {"1": {"1": 1}})
    assert build_corpus("c", *arguments).excluded == {}
    assert build_corpus("c", *arguments, ignore_identical_ids=True).excluded == {"1": "1"}
    other = ([("1", "red"), ("2", "blue")], [("1", "red")], {"1": {"2": 1}})
    assert build_corpus("c", *other, ignore_identical_ids=False).excluded == {}


@pytest.mark.parametrize(
    ("title", "text", "joined"), [("T", "x", "T x"), ("", "x", "x"), (None, " x ", "x"), ("T", "", "T"), ("", "", "")]
)
def test_title_and_text_are_joined_as_beir_does(title: str | None, text: str, joined: str) -> None:
    assert document_text(title, text) == joined


def test_a_corpus_without_documents_or_judged_queries_is_refused() -> None:
    with pytest.raises(UserError, match="no documents"):
        build_corpus("c", [], QUERIES, QRELS)
    with pytest.raises(UserError, match="none of 1 judged queries is among the 2 queries"):
        build_corpus("c", DOCUMENTS, QUERIES, {"other": {"d1": 1}})
