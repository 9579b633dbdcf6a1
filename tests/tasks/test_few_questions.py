"""A corpus of few questions is told what it can show, by the tests' own rule of what is independent."""

import pytest

from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.tasks.few_questions import what_few_can_show


def corpus(questions: int, documents: int) -> Corpus:
    """Question i wants document i, around and around; and another document, so that no document names a cluster."""
    texts = [(f"d{i}", f"document {i}") for i in range(documents + 1)]
    queries = [(f"q{i}", f"question {i}") for i in range(questions)]
    qrels = {f"q{i}": {f"d{i % documents}": 1, f"d{documents}": 1} for i in range(questions)}
    return build_corpus("cranfield", texts, queries, qrels)


@pytest.mark.parametrize(
    ("questions", "said"),
    [
        (
            10,
            "cranfield has 10 judged questions: they can show only differences above about 0.21 in nDCG@10; "
            "about 790 would show 0.02",
        ),
        (
            1,
            "cranfield has 1 judged question: it can show no difference at all in nDCG@10; about 790 would show 0.02",
        ),
        (
            3,
            "cranfield has 3 judged questions: they can show no difference at all in nDCG@10; "
            "about 790 would show 0.02",
        ),
        (50, ""),
    ],
)
def test_few_questions_are_told_what_they_can_show(questions: int, said: str) -> None:
    assert what_few_can_show(corpus(questions, 5)) == said


def test_questions_about_one_document_count_once() -> None:
    texts = [(f"d{i}", f"document {i}") for i in range(10)]
    queries = [(f"q{i}", f"question {i}") for i in range(200)]
    dependent = build_corpus("mine", texts, queries, {f"q{i}": {f"d{i % 10}": 1} for i in range(200)})
    assert what_few_can_show(dependent).startswith(
        "mine has 200 judged questions in 10 groups that depend on each other: they can show only differences above "
        "about 0.21 in nDCG@10"
    )
