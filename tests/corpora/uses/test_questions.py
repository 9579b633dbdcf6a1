"""Questions in order of arrival, and what is refused in one line."""

from pathlib import Path

import pytest

from evalkit.config import BeirCorpus, TableCorpus
from evalkit.corpora.uses.questions import AskedCorpus, load
from evalkit.errors import UserError

STREAM = "text,answer\nhow,a\nwhy,b\nhow so,a\nwhere,c\nwhy not,b\n"


def read(tmp_path: Path, content: str, answer: str | None = "answer", seed: int | None = None) -> AskedCorpus:
    (tmp_path / "stream.csv").write_text(content, encoding="utf-8")
    return load("own", TableCorpus(questions=str(tmp_path / "stream.csv"), answer=answer), seed)


def test_questions_stay_in_the_order_of_their_file(tmp_path: Path) -> None:
    corpus = read(tmp_path, STREAM)
    assert list(corpus.documents.texts) == ["how", "why", "how so", "where", "why not"]
    assert corpus.answers == ("a", "b", "a", "c", "b")


def test_a_seed_draws_another_order_with_the_same_answers(tmp_path: Path) -> None:
    drawn, given = read(tmp_path, STREAM, seed=1), read(tmp_path, STREAM)
    assert list(drawn.documents.texts) != list(given.documents.texts)
    assert sorted(zip(drawn.documents.texts, drawn.answers, strict=True)) == sorted(
        zip(given.documents.texts, given.answers, strict=True)
    )


def test_the_order_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    first, second = read(tmp_path, STREAM).fingerprints, read(tmp_path, STREAM, seed=1).fingerprints
    assert [name for name in first if first[name] != second[name]] == ["judgments"]


def test_odd_questions_are_told(tmp_path: Path) -> None:
    corpus = read(tmp_path, STREAM + "how,b\n,a\nwho,\n")
    assert {f.check: f.count for f in corpus.findings} == {
        "conflicting_questions": 1,
        "empty_questions": 1,
        "unanswered_questions": 1,
    }


@pytest.mark.parametrize(
    ("content", "answer", "says"),
    [
        (STREAM, None, "corpus.own.answer is not set"),
        (STREAM, "anwser", "has no column 'anwser'"),
        ("text,answer\nhow,a\n", "answer", "has 1 questions with an answer; a cache needs 2"),
        ("text,answer\nhow,a\nwhy,a\n", "answer", "one answer alone, 'a'"),
    ],
)
def test_bad_input_in_one_line(tmp_path: Path, content: str, answer: str | None, says: str) -> None:
    with pytest.raises(UserError) as refused:
        read(tmp_path, content, answer)
    assert says in refused.value.problem
    assert "\n" not in refused.value.problem


def test_a_corpus_of_retrieval_has_no_stream(colours: Path) -> None:
    with pytest.raises(UserError, match="has no questions with answers, which task=cache needs"):
        load("own", BeirCorpus(path=str(colours)), None)
