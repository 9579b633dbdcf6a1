"""Documents with known groups and with made copies, and what is refused in one line."""

from pathlib import Path

import pytest

from evalkit.config import BeirCorpus, TableCorpus
from evalkit.corpora import load_corpus
from evalkit.corpora.uses.duplicates import DuplicateCorpus, load
from evalkit.corpora.uses.edits import EDITS
from evalkit.errors import UserError

GROUPED = "id,text,same\na,one text,1\nb,one texts,1\nc,another,2\nd,another!,2\ne,alone,\nf,alone too,\n"


def table(tmp_path: Path, content: str, group: str | None = "same") -> TableCorpus:
    (tmp_path / "docs.csv").write_text(content, encoding="utf-8")
    return TableCorpus(documents=str(tmp_path / "docs.csv"), group=group)


def read(source: TableCorpus | BeirCorpus, made: int = 4, seed: int = 0, most: int = 50_000) -> DuplicateCorpus:
    return load("own", source, made, seed, most)


def test_known_groups_are_those_of_the_column_and_an_empty_cell_is_alone(tmp_path: Path) -> None:
    corpus = read(table(tmp_path, GROUPED))
    assert corpus.name == "own"
    assert corpus.codes.tolist() == [2, 2, 3, 3, 0, 1]
    assert (len(corpus.queries), corpus.judgments) == (0, 4)


def test_a_group_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    first = read(table(tmp_path, GROUPED)).fingerprints
    second = read(table(tmp_path, GROUPED.replace("alone too,", "alone too,1"))).fingerprints
    assert [name for name in first if first[name] != second[name]] == ["judgments"]


def test_equal_texts_of_two_groups_are_told(tmp_path: Path) -> None:
    corpus = read(table(tmp_path, GROUPED + "g,one text,2\n"))
    assert {f.check: f.count for f in corpus.findings}["equal_texts_of_two_groups"] == 1


def test_made_copies_are_on_the_side_of_queries_and_documents_are_retrieval_s(colours: Path) -> None:
    source = BeirCorpus(path=str(colours))
    searched, corpus = load_corpus("own", source), read(source)
    assert corpus.documents.fingerprint == searched.documents.fingerprint
    assert corpus.name == f"{searched.name} with made duplicates"
    assert len(corpus.queries) == min(4, len(searched.documents))
    groups = dict(zip([*corpus.documents.ids, *corpus.queries.ids], corpus.groups, strict=True))
    for id_, text in zip(corpus.queries.ids, corpus.queries.texts, strict=True):
        original = id_.rpartition(" (")[0]
        assert groups[id_] == groups[original]
        assert text != searched.documents.text_of(original)


def test_copies_are_drawn_by_their_seed(colours: Path) -> None:
    source = BeirCorpus(path=str(colours))
    assert list(read(source, 2).queries.texts) == list(read(source, 2).queries.texts)
    assert read(source, 2).fingerprint != read(source, 2, seed=1).fingerprint


def test_findings_say_how_many_of_each_kind_were_made(tmp_path: Path) -> None:
    rows = "".join(f"{n},Text {n} of Many. It says Words. And More of {n}.\n" for n in range(40))
    corpus = read(table(tmp_path, f"id,text\n{rows}", None), made=40)
    made = {f.check: f.count for f in corpus.findings if f.check.startswith("made_")}
    assert set(made) == {f"made_{kind}" for kind in EDITS}
    assert sum(made.values()) == 40
    assert min(made.values()) >= 5
    assert all("duplicates are made" in f.message for f in corpus.findings if f.check in made)


def test_equal_documents_are_of_one_group_where_copies_are_made(tmp_path: Path) -> None:
    corpus = read(table(tmp_path, "id,text\na,a text\nb,a text\nc,other\n", None), made=1)
    assert corpus.groups[0] == corpus.groups[1] != corpus.groups[2]


@pytest.mark.parametrize(
    ("content", "group", "says"),
    [
        (GROUPED, "gruop", "has no column 'gruop'"),
        ("id,text,same\na,x,1\nb,y,2\n", "same", "no two documents of one group"),
        ("id,text,same\na,x,1\nb,y,1\n", "same", "one group alone"),
        ("id,text\na,x\n", None, "has 1 documents with text; it needs 2"),
        (GROUPED + "g,x,3\n", "same", "7 documents, and all are compared with all"),
    ],
)
def test_bad_input_in_one_line(tmp_path: Path, content: str, group: str | None, says: str) -> None:
    with pytest.raises(UserError) as refused:
        read(table(tmp_path, content, group), most=6)
    assert says in refused.value.problem
    assert "\n" not in str(refused.value.problem)


def test_a_table_without_documents_is_told_what_to_set() -> None:
    with pytest.raises(UserError, match=r"corpus\.own\.documents is not set"):
        read(TableCorpus())
