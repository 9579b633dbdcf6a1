"""Judgments are read by the names above them, in every order and format that people keep them in."""

import csv
import gzip
import io
import json
from itertools import permutations
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalkit.corpora.judgments import Names, collect, read_judgments
from evalkit.errors import UserError

QRELS = {"q0": {"guide 0.md": 2, "1": 0}, "q1": {"1": 1}}
TRIPLES = [(query, document, grade) for query, grades in QRELS.items() for document, grade in grades.items()]


def read(file: Path, text: str | bytes, names: Names | None = None) -> tuple[dict[str, dict[str, int]], list[str]]:
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    ignored: list[str] = []
    return collect(read_judgments(file, names or Names(), ignored)), ignored


def lines(rows: list[tuple[object, ...]], separator: str = "\t") -> str:
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


NAMES = {
    "query": ("query-id", "query_id", "qid", "QueryID", '"query"', "Topic", "topic id"),
    "document": ("corpus-id", "doc_id", "DOCNO", "docid", '"Document.ID"', "doc", "passage_id"),
    "grade": ("score", "Relevance", "rel", "GRADE", '"rating"', "label", "judgment"),
}


@pytest.mark.parametrize(("query", "document", "grade"), zip(*NAMES.values(), strict=True))
def test_columns_are_what_they_are_called_in_any_order(tmp_path: Path, query: str, document: str, grade: str) -> None:
    header = (query, document, grade)
    for order in permutations(range(3)):
        rows = [header, *TRIPLES]
        text = lines([tuple(row[i] for i in order) for row in rows])
        assert read(tmp_path / "q.tsv", text) == (QRELS, [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.tsv", lines(TRIPLES)),
        ("q.tsv", lines([(q, 0, d, g) for q, d, g in TRIPLES])),
        ("q.tsv", lines([("query_id", "iter", "doc_id", "rel"), *((q, "Q0", d, g) for q, d, g in TRIPLES)])),
        ("q.tsv", "\ufeffQuery-ID\tCorpus-ID\tScore\r\n" + lines(TRIPLES).replace("\n", "\r\n")),
        ("q.tsv", "# judged by two people\n\n" + lines([("qid", "docid", "label"), *TRIPLES]) + "# the end\n\n"),
        ("q.tsv", "# qid\tdocid\tlabel\n" + lines(TRIPLES)),
        ("q.tsv", lines([(f'"{q}"', f'"{d}"', f'"{g}"') for q, d, g in [("qid", "doc", "rel"), *TRIPLES]])),
        ("q.csv", lines(TRIPLES, ",")),
        ("q.csv", lines([("qid", "docid", "label"), *TRIPLES], ";")),
        ("q.csv", lines([("score", "corpus-id", "query-id"), *((g, f'"{d}"', q) for q, d, g in TRIPLES)], ",")),
        ("q.txt", lines([(q, d, g) for q, d, g in TRIPLES])),
        ("q.tsv", lines(TRIPLES).replace("\n", "\r")),
        ("q.tsv", lines([(*triple, "") for triple in TRIPLES])),
        ("q.csv", lines([(*triple, "") for triple in TRIPLES], ",")),
        ("q.csv", lines([(*triple, "") for triple in [("qid", "docid", "label"), *TRIPLES]], ";")),
        ("q.tsv", lines([("query-id", "corpus-id", "score"), *TRIPLES], ",")),
        ("q.tsv", lines([("query-id", "corpus-id", "score"), *TRIPLES], "|")),
        ("q.tsv.gz", gzip.compress(lines(TRIPLES).encode(), mtime=0)),
        ("q.jsonl", "".join(json.dumps({"score": g, "docno": d, "topic": q}) + "\n" for q, d, g in TRIPLES)),
    ],
)
def test_the_same_judgments_come_out_of_every_layout(tmp_path: Path, name: str, text: str | bytes) -> None:
    assert read(tmp_path / name, text) == (QRELS, [])


IDS = ("<html-1", "PAR1", "a;b;c", "two words", 'the "x"', "no\u00a0break", "#1", "d,e")


@pytest.mark.parametrize("header", [[], [("qid", "doc", "rel")]])
@pytest.mark.parametrize(
    ("name", "separator", "ids"),
    [("q.csv", ",", IDS), ("q.csv", ";", IDS), ("q.tsv", "\t", IDS), ("q.txt", " ", ("no\u00a0break", "#1", "d,e"))],
)
def test_ids_of_any_characters_stay_whole(
    tmp_path: Path, name: str, separator: str, ids: tuple[str, ...], header: list[tuple[str, ...]]
) -> None:
    rows = [*((id_, id_, 1) for id_ in ids), ("q", "plain", 0)]
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator="\n").writerows([*header, *rows])
    read_back, ignored = read(tmp_path / name, buffer.getvalue())
    assert (read_back, ignored) == ({"q": {"plain": 0}, **{id_: {id_: 1} for id_ in ids}}, [])


def test_of_csv_other_columns_may_hold_several_lines(tmp_path: Path) -> None:
    text = 'qid,note,doc,rel\nq0,"seen\n\ntwice, by two",1,2\nq1,,1,1\n'
    assert read(tmp_path / "q.csv", text) == ({"q0": {"1": 2}, "q1": {"1": 1}}, ["note"])


@pytest.mark.parametrize("end", ["", 'q2,"d2,1\nq3,d3,1\n'])
def test_a_stray_quote_swallows_no_judgments(tmp_path: Path, end: str) -> None:
    with pytest.raises(UserError, match=r"line 3 (has 2 columns|opens a quote)"):
        read(tmp_path / "q.csv", 'qid,doc,rel\nq0,d0,1\nq1,"d1,1\nq4,d4,1\n' + end)


def test_a_line_behind_a_mark_judges_only_a_query_whose_id_may_begin_so(tmp_path: Path) -> None:
    comments = "# q9 0 d9 1\n#\n## q9 0 d9 1\n# judged in 2 rounds: 1\n#1 of 2 rounds\n"
    assert read(tmp_path / "q.qrels", f"q 0 d 1\n{comments}#9 0 d 1\n")[0] == {"q": {"d": 1}, "#9": {"d": 1}}
    assert read(tmp_path / "q.tsv", "doc\tqid\trel\nd\tq\t1\n#d\tq\t1\n")[0] == {"q": {"d": 1}}


def test_lines_of_both_orders_in_one_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 2 has not as many columns as those before it: 'q d 1'"):
        read(tmp_path / "q.tsv", "q\t0\td\t1\nq\td\t1\n")


@pytest.mark.parametrize("header", ["", "qid\tdoc\trel\n"])
@pytest.mark.parametrize("id_", ["##[x]", "#_x", "#-1", "#\u65e5", "#(a)", "##9", '#"', "#\u200b"])
def test_an_id_behind_a_mark_may_begin_with_any_character_but_a_space(tmp_path: Path, id_: str, header: str) -> None:
    text = f"{header}q\td\t1\n{id_}\td\t2\n# {id_}\td\t2\n##\td\t2\n"
    assert read(tmp_path / "q.tsv", text)[0] == {"q": {"d": 1}, id_: {"d": 2}}


def test_below_a_header_with_tabs_spaces_separate_nothing(tmp_path: Path) -> None:
    pairs = "qid\tdoc\nq\tguide 0.md\n"
    assert read(tmp_path / "q.tsv", pairs, Names(all_relevant=True))[0] == {"q": {"guide 0.md": 1}}
    with pytest.raises(UserError, match="line 2 has 2 columns: 'q guide 5'"):
        read(tmp_path / "q.tsv", "qid\tdoc\trel\nq\tguide 5\n")


def test_a_number_among_the_names_makes_no_judgment_of_a_header(tmp_path: Path) -> None:
    rows = [("query-id", "0", "corpus-id", "score"), *((q, 0, d, g) for q, d, g in TRIPLES)]
    assert read(tmp_path / "q.tsv", lines(rows)) == (QRELS, ["0"])


def test_two_columns_of_parquet_with_one_name_are_refused(tmp_path: Path) -> None:
    columns = [pa.array(["q"]), pa.array(["d"]), pa.array([1]), pa.array([0])]
    pq.write_table(pa.Table.from_arrays(columns, names=["qid", "doc", "rel", "rel"]), tmp_path / "q.parquet")
    with pytest.raises(UserError, match="two columns 'rel'"):
        collect(read_judgments(tmp_path / "q.parquet"))


def test_parquet_is_read_by_its_names_too(tmp_path: Path) -> None:
    frame = pd.DataFrame(TRIPLES, columns=["query-id", "corpus-id", "score"])[["score", "corpus-id", "query-id"]]
    frame.to_parquet(tmp_path / "q.parquet")
    assert collect(read_judgments(tmp_path / "q.parquet")) == QRELS


def test_trecs_columns_are_separated_by_any_space(tmp_path: Path) -> None:
    assert read(tmp_path / "q.qrels", "301 0  FBIS3-1 1\n301\t0 FBIS3-2 -1\n")[0] == {
        "301": {"FBIS3-1": 1, "FBIS3-2": -1}
    }


def test_columns_that_are_not_read_are_said(tmp_path: Path) -> None:
    rows = [("qid", "source", "doc_id", "grade", "query"), *((q, "people", d, g, "which?") for q, d, g in TRIPLES)]
    assert read(tmp_path / "q.tsv", lines(rows)) == (QRELS, ["source", "query"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "user\titem\tstars\nq0\td0\t1\n",
            r"line 1: no column of 'user', 'item', 'stars' is known as the query or the",
        ),
        ("query-id\tcorpus-id\tstars\nq0\td0\t1\n", r"'query-id', 'corpus-id', 'stars' is known as the grade\."),
        ("query-id\tcorpus-id\nq0\td0\n", r"'query-id', 'corpus-id' is known as the grade"),
        ("q0 d0\n", r"line 1: no column of 'q0', 'd0' is known as the query"),
        ("q0 1 d0 2 3\n", r"line 1 has 5 columns: 'q0 1 d0 2 3'"),
        ("qid\tdoc\trel\nq0\td0\n", r"line 2 has 1 columns|line 2 has 2 columns"),
        ("qid\tdoc\trel\nq0\t\t1\n", r"line 2 has nothing in 'doc'"),
        ("q0\t\t1\n", r"line 1 has nothing in 'document'"),
        ("qid\tdoc\trel\trel\nq0\td0\t1\t0\n", r"line 1: two columns are called 'rel'"),
        ("qid\tdoc\trel\nq0\td0\t1_0\n", r"line 2: the grade '1_0' is no whole number"),
        ("qid\tdoc\trel\nq0\td0\tyes\n", r"line 2: the grade 'yes' is no whole number"),
    ],
)
def test_a_header_or_line_that_is_not_understood_is_quoted(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        read(tmp_path / "q.tsv", text)


def test_names_that_are_given_win_and_must_be_there(tmp_path: Path) -> None:
    rows = [("user", "qid", "item", "stars"), *(("u", q, d, g) for q, d, g in TRIPLES)]
    assert read(tmp_path / "q.tsv", lines(rows), Names(document="item", grade="stars"))[0] == QRELS
    assert read(tmp_path / "q.tsv", lines(rows), Names(document="item", all_relevant=True))[0] == {
        "q0": {"guide 0.md": 1, "1": 1},
        "q1": {"1": 1},
    }
    with pytest.raises(UserError, match="known as the document"):
        read(tmp_path / "q.tsv", lines(rows), Names(document="items", grade="stars"))


def test_two_places_of_one_pair_are_named_across_files(tmp_path: Path) -> None:
    for name, grade in (("a.jsonl", 1), ("b.jsonl", 2)):
        (tmp_path / name).write_text(json.dumps({"qid": "q", "docid": "d", "score": grade}) + "\n")
    with pytest.raises(UserError, match=r"b\.jsonl line 1 judges 'd' for 'q' with 2, .*a\.jsonl line 1 with 1"):
        collect(read_judgments(tmp_path))
