"""Known texts and judged ones: with a place each, or made of labels; and what can't be judged."""

from pathlib import Path

import pytest

from evalkit.config import OutliersTask, TableCorpus
from evalkit.config.schema.kinds import corpus_config
from evalkit.corpora.uses.outliers import OutlierCorpus, load
from evalkit.errors import UserError

KNOWN = "text\nred apple\nblue pear\nred apple\n\ngreen fish\n"
MIXED = "text,where\nred pear,inside\ncloud bird,Outside\nblue fish,near\nstone,outside\n"


def corpus_of(folder: Path, train: str = KNOWN, test: str = MIXED, **settings: str) -> OutlierCorpus:
    (folder / "train.csv").write_text(train)
    (folder / "test.csv").write_text(test)
    files = {"train": str(folder / "train.csv"), "test": str(folder / "test.csv")}
    return load("mine", TableCorpus(**{**files, "label": "where", **settings}), OutliersTask())


def found(corpus: OutlierCorpus) -> dict[str, int]:
    return {finding.check: finding.count for finding in corpus.findings}


def test_places_are_read_as_they_are_said(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path)
    assert corpus.name == "mine"
    assert list(corpus.documents.texts) == ["red apple", "blue pear", "red apple", "green fish"]
    assert dict(zip(corpus.queries.texts, corpus.places, strict=True)) == {
        "red pear": "inside",
        "cloud bird": "outside",
        "blue fish": "near",
        "stone": "outside",
    }
    assert found(corpus) == {}
    assert corpus.judgments == 4


def test_a_place_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    before = corpus_of(tmp_path).fingerprints
    after = corpus_of(tmp_path, test=MIXED.replace("near", "outside")).fingerprints
    assert before["judgments"] != after["judgments"]
    assert before["documents"] == after["documents"]


def test_what_is_odd_is_told(tmp_path: Path) -> None:
    test = MIXED + "red apple,outside\ngreen fish,inside\nriver,\n,inside\nstone,inside\n"
    corpus = corpus_of(tmp_path, train='text,id\nred apple,1\n" ",2\ngreen fish,3\nbird,1\n', test=test)
    assert found(corpus) == {
        "empty_train": 1,
        "empty_test": 1,
        "unlabelled_test": 1,
        "conflicting_test": 1,
        "texts_learned_from": 2,
        "outliers_learned_from": 1,
    }
    assert found(corpus_of(tmp_path, "id,text\n1,a\n1,b\n2,c\n", "id,text,where\n1,d,inside\n2,e,near\n", id="id")) == {
        "repeated_train": 1
    }


def labels(count: int, texts: int, split: str) -> str:
    rows = [f"{split} text {text} of {label},label {label}" for label in range(count) for text in range(texts)]
    return "\n".join(["text,where", *rows]) + "\n"


def test_a_share_of_other_labels_is_held_out_and_said_to_be_made(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, labels(10, 3, "train"), labels(11, 2, "test"))
    (note,) = corpus.findings
    assert (note.check, note.count, note.total) == ("made_outliers", 2, 10)
    assert corpus.name == "mine (labels held out)"
    held_out = {*note.examples, "label 10"}  # nothing is learned of the last one either
    known = [corpus.documents.texts[row] for row in corpus.known.tolist()]
    assert {text.rpartition("of ")[2] for text in known} == {
        str(label) for label in range(10) if f"label {label}" not in held_out
    }
    assert len(known) == 8 * 3
    assert len(corpus.documents) == 10 * 3  # which another task reads, too
    for text, place in zip(corpus.queries.texts, corpus.places, strict=True):
        assert (place == "outside") == (f"label {text.rpartition(' ')[2]}" in held_out)
    again = corpus_of(tmp_path, labels(10, 3, "train"), labels(11, 2, "test"))
    assert again.fingerprint == corpus.fingerprint


def test_of_two_labels_one_is_held_out(tmp_path: Path) -> None:
    corpus = corpus_of(tmp_path, labels(2, 3, "train"), labels(2, 3, "test"))
    assert sorted(corpus.places) == ["inside"] * 3 + ["outside"] * 3


@pytest.mark.parametrize(
    ("train", "test", "says"),
    [
        (KNOWN, MIXED + "sky,elsewhere\n", "test-5 has 'elsewhere' in column 'where'"),
        (KNOWN, "text,where\na,inside\nb,inside\n", "has no outside text in test"),
        (KNOWN, "text,where\na,near\nb,outside\n", "has no inside text in test"),
        ("text\nsame\nsame\n", MIXED, "has 1 different texts in train; it needs 2"),
        ("text\n", MIXED, "has 0 different texts in train"),
        (KNOWN, "text,place\na,inside\n", "has no column 'where'"),
        (KNOWN, labels(2, 2, "test"), "has no column 'where'"),  # labels to hold out are needed on both sides
        (labels(2, 2, "train"), labels(2, 2, "test").replace("label 1", "label 0"), "one label alone"),
        (labels(2, 1, "train"), "text,where\na,label 5\nb,label 6\n", "no label of test is one of train"),
    ],
)
def test_what_can_not_be_judged_is_one_clear_line(tmp_path: Path, train: str, test: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        corpus_of(tmp_path, train, test)
    assert says in error.value.problem
    assert "\n" not in error.value.problem


def test_no_column_of_labels_and_a_source_without_any(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"corpus\.mine\.label is not set"):
        load("mine", TableCorpus(train="a.csv", test="b.csv"), OutliersTask())
    with pytest.raises(UserError, match="has no labels, which task=outliers needs"):
        load("mine", corpus_config("mine", {"source": "beir", "path": str(tmp_path)}), OutliersTask())
