"""Rows come out of files as people have them: compressed, in parts, with the marks that other tools leave."""

import bz2
import csv
import gzip
import json
import lzma
import uuid
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.corpora.files.rows import read_rows
from evalkit.errors import UserError

ROWS: list[dict[str, Any]] = [
    {"id": str(i), "text": text} for i, text in enumerate(("red, blue", 'a "b" c', "größe", "x\ny"))
]
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def named(value: object) -> str:
    """The id of a parameter: compressed bytes differ from one worker to the next."""
    return value if isinstance(value, str) else "content"


def rows(path: Path | str, *columns: str, swallowed: list[str] | None = None) -> list[dict[str, Any]]:
    return [row for _, row in read_rows(path, columns, swallowed)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", JSONL),
        ("a.ndjson", JSONL),
        ("a.JSONL", b"\xef\xbb\xbf" + JSONL.replace(b"\n", b"\r\n\r\n")),
        ("a.jsonl.gz", gzip.compress(JSONL)),
        ("a.jsonl.bz2", bz2.compress(JSONL)),
        ("a.jsonl", lzma.compress(JSONL)),
        ("a.jsonl", JSONL.replace(b"\n", b"\r")),
        ("a.jsonl.gz", gzip.compress(JSONL[:40]) + gzip.compress(JSONL[40:])),
        ("a.jsonl", gzip.compress(JSONL)),
        ("a.csv", pd.DataFrame(ROWS).to_csv(index=False).encode()),
        ("a.csv", pd.DataFrame(ROWS).to_csv(index=False, sep=";").encode("utf-8-sig")),
        ("a.tsv", pd.DataFrame(ROWS).to_csv(index=False, sep="\t").encode()),
        ("a.csv.gz", gzip.compress(pd.DataFrame(ROWS).to_csv(index=False, quoting=csv.QUOTE_ALL).encode())),
    ],
    ids=named,
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert rows(tmp_path / name) == ROWS


@pytest.mark.parametrize("name", ["a.jsonl.zst", "a.jsonl"])
def test_zstandard_is_read_with_and_without_its_suffix(tmp_path: Path, name: str) -> None:
    with pa.output_stream(str(tmp_path / "x"), compression="zstd") as out:
        out.write(JSONL)
    (tmp_path / "x").rename(tmp_path / name)
    assert rows(tmp_path / name) == ROWS


def test_a_folder_of_parts_is_read_in_order_without_markers(tmp_path: Path) -> None:
    folder = tmp_path / "documents.parquet"
    for language, row in (("de", ROWS[0]), ("en", ROWS[1])):
        (folder / f"language={language}").mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist([row]), folder / f"language={language}" / "part-0.snappy.parquet")
    (folder / "_SUCCESS").write_text("")
    (folder / "language=de" / ".part-0.crc").write_text("x")
    expected = [{"language": "de", **ROWS[0]}, {"language": "en", **ROWS[1]}]
    assert rows(folder) == expected
    assert rows(folder / "*" / "*.parquet") == ROWS[:2]
    assert rows(str(folder / "**" / "part*")) == ROWS[:2]


def test_parts_without_a_suffix_are_of_their_folders_format(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").mkdir()
    (tmp_path / "corpus.jsonl" / "part-00000").write_bytes(JSONL)
    assert rows(tmp_path / "corpus.jsonl") == ROWS


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1].jsonl").write_bytes(JSONL)
    assert rows(tmp_path / "a[1].jsonl") == ROWS


def parquet_of(table: pa.Table) -> bytes:
    written = pa.BufferOutputStream()
    pq.write_table(table, written)
    return bytes(written.getvalue().to_pybytes())


PARQUET = parquet_of(pa.Table.from_pylist(ROWS * 100))


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
HTML = b"\xef\xbb\xbf\n<!DOCTYPE html>\n<html><body>Not Found</body></html>\n"
TWICE = parquet_of(pa.Table.from_arrays([pa.array(["1"])] * 3, names=["id", "text", "text"]))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.jsonl.gz", JSONL, "a.jsonl.gz is not a gzip file"),
        ("a.csv.zst", b"id,text\n", "a.csv.zst is not a zstd file"),
        ("a.jsonl.gz", gzip.compress(JSONL)[:-9], "a.jsonl.gz is damaged after line"),
        ("a.jsonl.gz", gzip.compress(JSONL)[:-6] + b"123456", "a.jsonl.gz is damaged after line"),
        ("a.jsonl.gz", gzip.compress(JSONL)[:12] + b"\xff" * 40, "a.jsonl.gz is damaged after line 0"),
        ("a.jsonl", b"PK\x03\x04...", "a.jsonl is a zip archive"),
        ("a.csv", PARQUET, "a.csv is a Parquet file"),
        ("a.csv", "id,text\n".encode("utf-16"), "a.csv is written in UTF-16"),
        ("a.csv", "id,text\n1,größe\n".encode("latin-1"), "a.csv line 2 is not UTF-8"),
        ("a.jsonl", b'[{"id": "1"}]', "line 1 is no JSON object.*\n.*one object in each line"),
        ("a.jsonl", b"[\n", "line 1 is not JSON.*\n.*one object in each line"),
        ("a.jsonl", b'{"a":' * 100_000, "line 1 is not JSON"),
        ("a.parquet", b"id,text\n", "a.parquet is no Parquet file that can be read"),
        ("a.parquet", PARQUET[:-400], "a.parquet is no Parquet file that can be read"),
        ("a.csv", b"", "a.csv has no header"),
        ("a.csv", b"\n1,red\n", "a.csv has no header"),
        ("a.csv", b"id,text\n1,red,blue\n", "row 1 has 3 fields, its header 2: 'blue' is in none"),
        ("a.csv", b'id,text\n1,red\n2,"blue\n3,green\n', "row 2 opens a quote that is never closed"),
        ("a.csv", b"id,text,text\n1,red,blue\n", "has two columns 'text'"),
        ("a.csv", b'id,x,text\n1,,red\n2,5" pipe,"blue\n', "row 2 opens a quote that is never closed"),
        ("a.csv", b'id,text,lang\n1,"a \\"b, c\\"",en\n', 'row 1 has 4 fields.*\n.*Double the quotes'),
        ("a.tsv", b"1\tred\n2\tblue\n", "a.tsv: its first line, '1', 'red', names no column that is read: id, text"),
        ("a.jsonl", b'{\n "id": "1"\n}\n', "line 1 is not JSON.*\n.*object whole in a line of its own"),
        ("a.jsonl", b'{"id": "1"},\n', "line 1 is not JSON.*\n.*with nothing behind it"),
        ("a.jsonl", "{}".encode("utf-32"), "a.jsonl is written in UTF-32"),
        ("a.jsonl", "{}".encode("utf-16-be"), "a.jsonl is written in UTF-16"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a.csv is an Excel or Office file"),
        *((name, LFS, f"{name} is a pointer of Git LFS") for name in ("a.jsonl", "a.csv", "a.parquet", "a.jsonl.gz")),
        *((name, HTML, f"{name} is a web page") for name in ("a.jsonl", "a.tsv", "a.parquet", "a.csv.gz")),
        ("a.parquet", TWICE, "a.parquet has two columns 'text'"),
        ("a.jsonl.xz", lzma.compress(JSONL)[:-20], "a.jsonl.xz is damaged after line"),
        ("a.jsonl.bz2", JSONL, "a.jsonl.bz2 is not a bzip2 file"),
        ("a.txt", b"red", "a.txt is none of .jsonl, .ndjson, .json, .csv, .tsv, .parquet"),
    ],
    ids=named,
)  # fmt: skip
def test_what_can_not_be_read_is_one_line_with_its_place(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=expected):
        rows(tmp_path / name, "id", "text")


def test_damaged_pages_of_parquet_are_one_line(tmp_path: Path) -> None:
    whole = bytearray(PARQUET)
    for start in range(4, len(whole) // 2, 97):
        whole[start] ^= 0xFF
    (tmp_path / "a.parquet").write_bytes(bytes(whole))
    with pytest.raises(UserError, match=r"a\.parquet"):
        rows(tmp_path / "a.parquet")


def test_paths_that_name_nothing_say_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path, expected in (
        ("nowhere.jsonl", "nowhere.jsonl does not exist"),
        ("*.jsonl", r"no file matches .*\*\.jsonl"),
        ("empty", "empty is a folder without a data file in it"),
    ):
        with pytest.raises(UserError, match=expected):
            rows(tmp_path / path)


def test_a_part_that_is_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "a.jsonl").write_bytes(JSONL)
    (tmp_path / "parts" / "b.jsonl").symlink_to(tmp_path / "gone.jsonl")
    with pytest.raises(UserError, match=r"b\.jsonl is a link that leads to no file"):
        rows(tmp_path / "parts")


def test_fields_beyond_the_header_move_no_column_where_they_are_empty(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text\n1,red,\n2,blue,,\n3\n")
    assert rows(tmp_path / "a.csv") == [
        {"id": "1", "text": "red"},
        {"id": "2", "text": "blue"},
        {"id": "3", "text": None},
    ]


HEADERS = {
    "sep=;\nid;text\n1;red, green\n": "red, green",
    "id|text\n1|red, green\n": "red, green",
    "id\ttext\tof a, b, c or d\n1\tred, green\t\n": "red, green",
    '"id","text","of ""a;b;c;d"""\n1,"red; green",\n': "red; green",
    'id,"text","of\ntwo, lines"\n1,red,\n': "red",
    "id,text\r1,red\r": "red",
}


@pytest.mark.parametrize("content", HEADERS)
def test_a_header_is_read_as_it_is_written(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content, newline="")
    assert [(row["id"], row["text"]) for row in rows(tmp_path / "a.csv", "id", "text")] == [("1", HEADERS[content])]


def test_an_address_is_not_taken_for_a_file() -> None:
    with pytest.raises(UserError, match=r"s3://bucket/a\.parquet is an address"):
        rows("s3://bucket/a.parquet")


def test_rows_that_a_stray_quote_swallows_are_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,text\nd1,red\nd2,"blue\nd3,green\nd4,say "yes\nd5,pink\n')
    swallowed: list[str] = []
    assert [row["id"] for row in rows(tmp_path / "a.csv", "id", "text", swallowed=swallowed)] == ["d1", "d2", "d5"]
    assert swallowed == ["d3", "d4"]


def test_swallowed_rows_with_ids_of_hexadecimal_digits_are_noticed(tmp_path: Path) -> None:
    ids = [str(uuid.uuid5(uuid.NAMESPACE_DNS, str(i))) for i in range(20)]
    lines = [f"{id_},{chr(34) * (i in (2, 17))}red" for i, id_ in enumerate(ids)]
    (tmp_path / "a.csv").write_text("\n".join(["id,text", *lines, ""]))
    swallowed: list[str] = []
    assert len(rows(tmp_path / "a.csv", "id", "text", swallowed=swallowed)) == 5
    assert set(swallowed) <= set(ids[3:18])
    assert len(swallowed) >= 10


def test_texts_of_several_lines_are_no_swallowed_rows(tmp_path: Path) -> None:
    texts = ["Dear all,\nthanks, bye", "one\n\ntwo, three", "d7 is\nd8 too"]
    pd.DataFrame({"id": ["d1", "d2", "d3"], "text": texts}).to_csv(tmp_path / "a.csv", index=False)
    swallowed: list[str] = []
    assert [row["text"] for row in rows(tmp_path / "a.csv", "id", swallowed=swallowed)] == texts
    assert swallowed == []


def test_columns_that_nobody_reads_are_left_unread_where_they_are_large(tmp_path: Path) -> None:
    table = pa.Table.from_pylist([{"id": 1, "text": "red", "embedding": [0.1, 0.2], "kind": "x"}])
    pq.write_table(table, tmp_path / "a.parquet")
    assert rows(tmp_path / "a.parquet", "id", "text") == [{"id": 1, "text": "red", "kind": "x"}]


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\0"), max_size=20)


@given(st.lists(st.tuples(st.integers(0, 99).map("d{}".format), TEXT), max_size=8), st.sampled_from([",", ";", "\t"]))
def test_what_pythons_csv_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, pairs: list, delimiter: str
) -> None:
    file = tmp_path_factory.mktemp("csv") / "a.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, delimiter=delimiter).writerows([("id", "text"), *pairs])
    assert [(row["id"], row["text"]) for row in rows(file)] == pairs


def test_a_file_of_one_column_has_no_rows_within_a_field(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text\nred apple\n\n"blue pear\ngreen fish"\n')
    swallowed: list[str] = []
    assert [row["text"] for row in rows(tmp_path / "a.csv", "text", swallowed=swallowed)] == [
        "red apple",
        "blue pear\ngreen fish",
    ]
    assert swallowed == []
