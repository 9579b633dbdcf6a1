"""BEIR folders as people have them: what is there is found, what is missing is said with what is there."""

from pathlib import Path

import pytest

from evalkit.corpora import load_corpus
from evalkit.errors import UserError


def beir(folder: Path, **settings: object) -> dict[str, object]:
    return {"source": "beir", "path": str(folder), **settings}


def test_null_columns_that_the_first_rows_leave_out_are_no_missing_columns(colours: Path) -> None:
    file = colours / "corpus.jsonl"
    plain = load_corpus("beir", beir(colours))
    file.write_text('{"_id": "first", "title": "Title alone"}\n' + file.read_text())
    corpus = load_corpus("beir", beir(colours))
    assert corpus.documents.text_of("first") == "Title alone"
    assert len(corpus.documents) == len(plain.documents) + 1


@pytest.mark.parametrize("name", ["qrels/test.TSV", "qrels/test/part-0.tsv", "qrels/test.tsv/part-0"])
def test_judgments_of_a_split_are_found(colours: Path, name: str) -> None:
    plain = load_corpus("beir", beir(colours))
    judgments = (colours / "qrels" / "test.tsv").read_bytes()
    (colours / "qrels" / "test.tsv").unlink()
    (colours / name).parent.mkdir(exist_ok=True)
    (colours / name).write_bytes(judgments)
    assert load_corpus("beir", beir(colours)).fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("corpus.jsonl", "Corpus.jsonl", r"holds no corpus\.jsonl, but 'Corpus\.jsonl', 'qrels', 'queries\.jsonl'"),
        ("qrels/test.tsv", "qrels.tsv", r"no judgments at all, but 'corpus\.jsonl', 'qrels', 'qrels\.tsv', "),
    ],
)
def test_what_is_missing_is_said_with_what_is_there(colours: Path, old: str, new: str, expected: str) -> None:
    (colours / old).rename(colours / new)
    with pytest.raises(UserError, match=expected):
        load_corpus("beir", beir(colours))


def test_a_corpus_that_is_a_link_to_nothing_is_named(colours: Path) -> None:
    (colours / "corpus.jsonl").rename(colours / "gone.jsonl")
    (colours / "corpus.jsonl").symlink_to("nowhere.jsonl")
    with pytest.raises(UserError, match=r"corpus\.jsonl is no file that can be read"):
        load_corpus("beir", beir(colours))
