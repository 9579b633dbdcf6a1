"""Pairs of texts of every format, with scores or labels, and what is refused in them."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evalkit.config import PydocCorpus, TableCorpus
from evalkit.corpora.uses import pairs
from evalkit.corpora.uses.pairs import PairedCorpus
from evalkit.errors import UserError

HEADER = ["one", "other", "judged"]
ROWS = [["a b", "a c", "4.5"], ["d", "e, f", "0"], ["a b", "d", "1"], ["g", "g", "5"]]


def written(folder: Path, name: str, rows: list[list[str]]) -> Path:
    path, frame = folder / name, pd.DataFrame(rows, columns=HEADER)
    if name.endswith("csv"):
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([HEADER, *rows])
    elif name.endswith("jsonl"):
        path.write_text("\n".join(json.dumps(dict(zip(HEADER, row, strict=True))) for row in rows))
    elif name.endswith("parquet"):
        frame.to_parquet(path)
    else:
        path.mkdir()
        frame[:2].to_parquet(path / "part-0.parquet")
        frame[2:].to_parquet(path / "part-1.parquet")
    return path


def load(path: Path, **settings: str | None) -> PairedCorpus:
    columns = {"first": "one", "second": "other", "score": "judged", **settings}
    return pairs.load("mine", TableCorpus(pairs=str(path), **columns))


@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.parquet", "parts"])
def test_every_format_gives_the_same_pairs(tmp_path: Path, name: str) -> None:
    corpus = load(written(tmp_path, name, ROWS))
    texts = corpus.documents.texts
    both = zip(corpus.first, corpus.second, strict=True)
    assert [[texts[first], texts[second]] for first, second in both] == [row[:2] for row in ROWS]
    assert corpus.scores.tolist() == [4.5, 0, 1, 5]
    assert sorted(texts) == ["a b", "a c", "d", "e, f", "g"]  # each once
    assert not corpus.are_labels
    assert corpus.fingerprint == load(written(tmp_path, "again.csv", ROWS)).fingerprint


def test_stsbenchmark_is_read_by_the_numbers_of_its_columns(shared_data: Path) -> None:
    path = shared_data / "stsb" / "sts-test.csv"
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    corpus = load(path, first="6", second="7", score="5")
    texts = np.array(list(corpus.documents.texts))
    assert corpus.scores.tolist() == [float(cells[4]) for cells in lines]
    assert texts[corpus.first].tolist() == [cells[5] for cells in lines]
    assert texts[corpus.second].tolist() == [cells[6] for cells in lines]
    assert len(corpus.pair_ids) == 1379


def test_a_column_beyond_the_first_row_is_refused_though_longer_rows_have_it(shared_data: Path) -> None:
    with pytest.raises(UserError, match=r"sts-test\.csv has 7 columns in its first row, and no column 9\."):
        load(shared_data / "stsb" / "sts-test.csv", first="9", second="7", score="5")


@pytest.mark.parametrize("words", [("1", "0"), ("yes", "No"), ("TRUE", "false"), ("1.0", "0.0")])
def test_labels_are_yes_and_no_in_the_usual_words(tmp_path: Path, words: tuple[str, str]) -> None:
    rows = [["a", "b", words[0]], ["c", "d", words[1]], ["e", "f", words[0]]]
    corpus = load(written(tmp_path, "p.csv", rows), score=None, label="judged")
    assert corpus.are_labels
    assert corpus.scores.tolist() == [1, 0, 1]


def test_what_is_odd_about_pairs_is_said(tmp_path: Path) -> None:
    odd = [["", "x", "1"], ["x", " ", "1"], ["x", "y", ""], ["a c", "a b", "2"]]
    corpus = load(written(tmp_path, "p.csv", [*ROWS, *odd]))
    assert {finding.check: (finding.count, finding.examples) for finding in corpus.findings} == {
        "missing_sides": (2, ("pair-5", "pair-6")),
        "unscored_pairs": (1, ("pair-7",)),
        "equal_texts": (1, ("pair-4",)),
        "conflicting_pairs": (1, ("pair-8",)),  # the first one, turned round
    }
    assert corpus.pair_ids == ("pair-1", "pair-2", "pair-3", "pair-4", "pair-8")


@pytest.mark.parametrize(
    ("value", "label", "message"),
    [
        ("high", False, r"p\.csv row 5: 'judged' is 'high', not a number\."),
        ("nan", False, "'judged' is 'nan', not a number"),
        ("inf", False, "'judged' is 'inf', not a number"),
        ("maybe", True, r"row 1: 'judged' is '4\.5', neither yes nor no\.\n.*corpus\.<key>\.score=judged"),
    ],
)
def test_what_is_no_score_and_no_label_is_named(tmp_path: Path, value: str, label: bool, message: str) -> None:
    path = written(tmp_path, "p.csv", [*ROWS, ["x", "y", value]])
    with pytest.raises(UserError, match=message):
        load(path, **({"score": None, "label": "judged"} if label else {}))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"score": None}, r"neither corpus\.mine\.score nor corpus\.mine\.label is set"),
        ({"label": "judged"}, r"corpus\.mine\.score and corpus\.mine\.label are both set"),
        ({"first": None}, r"corpus\.mine\.first is not set"),
        ({"first": "other"}, r"corpus\.mine\.first and corpus\.mine\.second are one column, 'other'"),
        ({"first": "on"}, r"p\.csv row 1 has no column 'on'\.\n.*Did you mean 'one'"),
    ],
)
def test_columns_that_are_not_named_or_not_there_are_refused(
    tmp_path: Path, settings: dict[str, str | None], message: str
) -> None:
    path = written(tmp_path, "p.csv", ROWS)
    with pytest.raises(UserError, match=message):
        load(path, **settings)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has 0 pairs with both texts and a score; it needs 3"),
        (ROWS[:2], "has 2 pairs with both texts"),
        ([[a, b, "3"] for a, b, _ in ROWS], r"has one score alone, 3: there is nothing to tell apart"),
    ],
)
def test_too_few_pairs_and_equal_scores_are_refused(tmp_path: Path, rows: list[list[str]], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(written(tmp_path, "p.csv", rows))


def test_a_source_without_pairs_is_refused() -> None:
    with pytest.raises(UserError, match=r"\(source pydoc\) has no pairs, which task=pairs needs"):
        pairs.load("mine", PydocCorpus())
