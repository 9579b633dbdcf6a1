"""Labelled texts of every format are one corpus, and whatever is wrong in them is one clear line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from evalkit.__main__ import main
from evalkit.config import BeirCorpus, ClusteringTask, TableCorpus
from evalkit.corpora.uses import labelled
from evalkit.corpora.uses.labelled import LabelledCorpus
from evalkit.errors import UserError
from evalkit.tasks.clustering import Clustering

ROWS = [("pay by card", "card"), ("lost, card", "card"), ("borrow money", "loan"), ("a loan", "loan")]
Write = Callable[[Path, list[tuple[str, str]]], Path]


def as_csv(folder: Path, rows: list[tuple[str, str]]) -> Path:
    with (folder / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return folder / "t.csv"


def as_jsonl(folder: Path, rows: list[tuple[str, str]]) -> Path:
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    (folder / "t.jsonl").write_text("\n".join(lines))
    return folder / "t.jsonl"


def as_parquet(folder: Path, rows: list[tuple[str, str]]) -> Path:
    pd.DataFrame(rows, columns=["text", "label"]).to_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def as_folder(folder: Path, rows: list[tuple[str, str]]) -> Path:
    (folder / "parts").mkdir()
    for number, part in enumerate((rows[:1], rows[1:])):
        pd.DataFrame(part, columns=["text", "label"]).to_parquet(folder / "parts" / f"part-{number}.parquet")
    return folder / "parts"


def load(train: Path | None, test: Path | None, kind: str = "classification", **settings: object) -> LabelledCorpus:
    files = {name: str(path) for name, path in (("train", train), ("test", test)) if path}
    return labelled.load("mine", TableCorpus(**files, **{"label": "label", **settings}), kind)


@pytest.mark.parametrize("write", [as_csv, as_jsonl, as_parquet, as_folder])
def test_every_format_gives_the_same_corpus(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path, ROWS)
    corpus = load(path, path)
    assert list(corpus.documents.texts) == [text for text, _ in ROWS]
    assert corpus.document_labels == corpus.query_labels == ("card", "card", "loan", "loan")
    assert list(corpus.queries.ids) == ["test-1", "test-2", "test-3", "test-4"]
    (tmp_path / "other").mkdir()
    again = as_csv(tmp_path / "other", ROWS)
    assert corpus.fingerprint == load(again, again).fingerprint


def test_columns_without_a_header_are_numbers(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('9,"lost, card",card\n7,a loan,loan\n')
    corpus = load(tmp_path / "t.csv", tmp_path / "t.csv", text="2", label="3", id="1")
    assert list(corpus.documents.ids) == ["9", "7"]
    assert list(corpus.queries.texts) == ["lost, card", "a loan"]
    with pytest.raises(UserError, match=r"t\.csv has 3 columns in its first row, and no column 5\."):
        load(tmp_path / "t.csv", tmp_path / "t.csv", text="2", label="5")


def test_another_label_is_another_fingerprint(tmp_path: Path) -> None:
    before = load(None, as_csv(tmp_path, ROWS), "clustering").fingerprint
    assert load(None, as_csv(tmp_path, [*ROWS[:3], ("a loan", "card")]), "clustering").fingerprint != before


def test_banking77_is_read_whole(shared_data: Path) -> None:
    folder = shared_data / "banking77"
    corpus = load(folder / "train.csv", folder / "test.csv", label="category")
    assert (len(corpus.documents), len(corpus.queries), len(set(corpus.query_labels))) == (10_003, 3_080, 77)
    frame = pd.read_csv(folder / "train.csv")
    assert list(corpus.documents.texts) == frame["text"].tolist()
    assert list(corpus.document_labels) == frame["category"].tolist()


def test_what_is_odd_about_labels_is_said(tmp_path: Path) -> None:
    train = as_csv(tmp_path, [*ROWS, ("a loan", "card"), ("alone", "rare"), ("", "card"), ("no label", "")])
    (tmp_path / "other").mkdir()
    test = as_csv(tmp_path / "other", [("a loan", "loan"), ("new", "card"), ("strange", "unheard")])
    findings = {finding.check: finding for finding in load(train, test).findings}
    assert {check: (found.count, found.total, found.examples) for check, found in findings.items()} == {
        "empty_train": (1, 8, ("train-7",)),
        "unlabelled_train": (1, 8, ("train-8",)),
        "conflicting_train": (1, 6, ("train-5",)),
        "labels_of_one_text": (1, 3, ("rare",)),
        "unknown_labels": (1, 3, ("test-3",)),
        "texts_learned_from": (1, 3, ("test-1",)),
    }
    assert "labels have one text alone in train" in str(findings["labels_of_one_text"])


def test_an_id_that_comes_again_is_said(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,text,label\n1,a,x\n1,b,y\n2,c,y\n")
    corpus = load(None, tmp_path / "t.csv", "clustering", id="id")
    assert [(finding.check, finding.count) for finding in corpus.findings][:1] == [("repeated_test", 1)]
    assert list(corpus.documents.texts) == ["a", "c"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label": None}, r"corpus\.mine\.label is not set\.\n.*corpus\.mine\.label=<column>"),
        ({"label": "lable"}, r"t\.csv row 1 has no column 'lable'\.\n.*Did you mean 'label'"),
        ({"label": "Label", "text": "Text"}, r"its first line, 'text', 'label', names no column that is read: Text"),
    ],
)
def test_a_column_that_is_not_there_is_named(tmp_path: Path, settings: dict[str, object], message: str) -> None:
    path = as_csv(tmp_path, ROWS)
    with pytest.raises(UserError, match=message):
        load(path, path, **settings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,x\nb,x\n", "has one label alone in test, 'x'"),
        ("text,label\n", "has no text with a label in test"),
        ("text,label\n,x\nb,\n", "has no text with a label in test"),
        ("", r"test\.csv has no header: its first line is empty"),
        ("text,label\na,x\nb,y\n", "no label of test is one of train"),
    ],
)
def test_what_can_t_be_judged_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "test.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        load(as_csv(tmp_path, ROWS), tmp_path / "test.csv")


def test_files_that_are_not_given_or_not_there_are_named(tmp_path: Path) -> None:
    train = as_csv(tmp_path, ROWS)
    with pytest.raises(UserError, match=r"corpus\.mine\.test is not set"):
        load(train, None)
    with pytest.raises(UserError, match=r"gone\.csv does not exist"):
        load(train, tmp_path / "gone.csv")
    with pytest.raises(UserError, match=r"\(source beir\) has no labels, which task=classification needs"):
        labelled.load("mine", BeirCorpus(path=str(tmp_path)), "classification")


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (ROWS[1:3], {}, "has 2 texts for 2 clusters: there must be more"),
        (ROWS, {"draw_texts": 1}, r"draw_texts=1 is less than the 2 clusters"),
    ],
)
def test_fewer_texts_than_clusters_are_refused(
    tmp_path: Path, rows: list[tuple[str, str]], settings: dict[str, int], message: str
) -> None:
    source = TableCorpus(test=str(as_csv(tmp_path, rows)), label="label")
    with pytest.raises(UserError, match=message):
        Clustering.load("mine", source, ClusteringTask(**settings))


def test_a_user_s_mistake_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tiny_model: Path
) -> None:
    path = as_csv(tmp_path, ROWS)
    model = ["model=local", f"model.path={tiny_model}", "model.native_dims=32", f"store.path={tmp_path / 'store'}"]
    table = ["corpus=table", f"corpus.table.train={path}", f"corpus.table.test={path}", "corpus.table.label=kind"]
    assert main([*model, "task=classification", *table, f"results_dir={tmp_path / 'results'}"]) == 2
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"evalkit: {path} row 1 has no column 'kind'.",
        "         Known: label, text.",
    ]
    assert not list(tmp_path.rglob("*.npy"))
