"""Whatever stands in a corpus's files, what is read of them is what they say, or a line says what is wrong."""

import bz2
import codecs
import csv
import gzip
import io
import json
import lzma
import os
import random
import re
import socket
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.corpora import load_corpus
from evalkit.corpora.files import opening
from evalkit.errors import UserError
from tests.fuzz.data import (
    FILE_LAYOUTS,
    LAYOUTS,
    REFUSED,
    SIDES,
    TEXT_LAYOUTS,
    Row,
    Rows,
    assert_same,
    expected,
    format_in,
    loaded,
    of_records,
    sound,
    written,
)
from tests.fuzz.rule import fuzz, no_hang

CHANCE = st.integers(0, 2**32).map(random.Random)
SECONDS = 20

STRINGS = (
    *("", " ", "\t", "0", "d1", "q1", "D1", " d1", "d1 ", "d1\u200b", "null", "NaN", "true", "1.0", "-1", "2", "1e1"),
    *("1_0", "1,5", "0x1", "inf", "[1]", "{}", '"', '""', 'a "quoted" word', "a,b;c|d", "a\u2028b", "a\x85b", "a\x0bb"),
    *("\u202eabc", "🙂", "e\u0301", "x" * 50_000, "#", "# no comment", "a\x00b", "\x00", "\ufeff", "１", "9" * 5_000),
)
VALUES: tuple[Any, ...] = (
    *STRINGS,
    *(None, True, False, 0, 1, -1, 101, 10**30, 2**53, 2.0**53, 2.0**60, 0.5, 1.0, -0.0, 1e300, 5e-324),
    *(float("nan"), float("inf"), [], ["a"], {}, {"en": "a"}, "\ud83d", "\ude42\ud83d", "\ud83d\ude42", "a\nb", "a\rb"),
)


def junk(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    row = chance.choice(rows[chance.choice(SIDES)])
    row[chance.choice(list(row))] = chance.choice(values)


def junk_everywhere(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    side = chance.choice(SIDES)
    column, value = chance.choice(list(rows[side][0])), chance.choice(values)
    for row in rows[side]:
        row[column] = value


def again(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    side = rows[chance.choice(SIDES)]
    side.insert(chance.randrange(len(side) + 1), dict(chance.choice(side)))


def again_but_for_a_cell(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    side = rows[chance.choice(SIDES)]
    row = dict(chance.choice(side))
    row[chance.choice(list(row))] = chance.choice(values)
    side.append(row)


def dropped(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    side = rows[chance.choice(SIDES)]
    del side[chance.randrange(len(side)) :: chance.choice((1, 2, 100))]


def shuffled(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    chance.shuffle(rows[chance.choice(SIDES)])


def turned(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    """The columns of one side in another order, or two cells of a row in each other's place."""
    side = rows[chance.choice(SIDES)]
    if chance.random() < 0.5:
        side[:] = [dict(reversed(row.items())) for row in side]
        return
    row = chance.choice(side)
    one, other = chance.choice(list(row)), chance.choice(list(row))
    row[one], row[other] = row[other], row[one]


def more_columns(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    for row in rows[chance.choice(SIDES)]:
        row[chance.choice(("comment", "Text", "ID", "notes"))] = chance.choice(STRINGS[:20])


def fewer_columns(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    side = rows[chance.choice(("documents", "queries", "qrels"))]
    column = chance.choice([name for name in side[0] if name != "title"] or ["id"])
    for row in side:
        row.pop(column, None)


def sides_exchanged(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    rows["documents"], rows["queries"] = (
        [{**row, "title": None} for row in rows["queries"]],
        [{name: row[name] for name in ("id", "text") if name in row} for row in rows["documents"]],
    )


def retyped(rows: Rows, chance: random.Random, values: Sequence[Any]) -> None:
    """Ids that are numbers, whole floats, or numbers on one side alone."""
    kinds = [chance.choice((int, float, str)) for _ in range(2)] if None in values else [str, str]
    for side, column, kind in zip(("documents", "qrels"), ("id", "document_id"), kinds, strict=True):
        for row in rows[side]:
            if str(row.get(column))[1:].isdecimal() and len(str(row[column])) < 9:
                row[column] = kind(str(row[column])[1:])


CHANGES = (
    *(junk, junk, junk, junk_everywhere, again, again_but_for_a_cell, dropped, shuffled, turned, more_columns),
    *(fewer_columns, sides_exchanged, retyped),
)


def fits(rows: Rows, layout: str) -> bool:
    """Whether ``layout`` can hold ``rows`` as they are: typed columns, and cells that nothing splits."""
    if layout == "records":
        return all({"query_id", "document_id", "score"} <= row.keys() for row in rows["qrels"]) and len(
            {(row["query_id"], row["document_id"]) for row in rows["qrels"]}
        ) == len(rows["qrels"])
    if layout == "table parquet":
        return all(rows.values()) and all(
            is_typed([row.get(name) for row in side]) for side in rows.values() for name in side[0]
        )
    return True


def is_typed(values: Sequence[Any]) -> bool:
    kinds = {type(value) for value in values if value is not None}
    return len(kinds) <= 1 and not kinds & {list, dict} and all(is_storable(value) for value in values)


def is_storable(value: Any) -> bool:
    return (
        abs(value) < 2**63
        if type(value) is int
        else not (type(value) is str and "\ud7ff" < max(value, default="") < "\ue000")
    )


@fuzz(whole=6_000, sample=40)
@given(
    layout=st.sampled_from(LAYOUTS),
    change=st.sampled_from(CHANGES),
    times=st.sampled_from((1, 1, 1, 2, 4)),
    chance=CHANCE,
)
def test_rows_that_are_changed_read_as_they_say_or_are_refused(
    layout: str, change: Callable[..., None], times: int, chance: random.Random
) -> None:
    rows = sound()
    values = STRINGS if layout in TEXT_LAYOUTS or layout == "beir tsv" else VALUES
    for turn in range(times):
        if all(rows.values()):
            (change if turn == 0 else chance.choice(CHANGES))(rows, chance, values)
    with TemporaryDirectory() as folder, no_hang(SECONDS):
        try:
            if not fits(rows, layout):
                return
        except TypeError:  # ids that are lists
            return
        if layout == "records":
            assert_same(of_records(rows), expected(rows))
        else:
            files = written(rows, layout, Path(folder, "own"))
            assert_same(loaded(layout, Path(folder, "own"), files), expected(rows))


def zipped(content: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("corpus.jsonl", content)
    return written.getvalue()


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def recoded(encoding: str) -> Callable[[bytes], bytes]:
    return lambda content: content.decode().encode(encoding, "replace")


def damaged(content: bytes) -> bytes:
    """A checksum that does not fit."""
    whole = gzip.compress(content)
    return whole[:-8] + bytes([whole[-8] ^ 1]) + whole[-7:]


SAME: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "with a byte-order mark": lambda content: codecs.BOM_UTF8 + content,
    "lines of Windows": lambda content: content.replace(b"\n", b"\r\n"),
    "lines of old Macs": lambda content: content.replace(b"\n", b"\r"),
    "no end of the last line": lambda content: content.rstrip(b"\n"),
    "empty lines at its end": lambda content: content + b"\n\r\n\n",
    "gzip": gzip.compress,
    "gzip of two parts": lambda content: gzip.compress(content[:50]) + gzip.compress(content[50:]),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}
UNREADABLE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda content: b"",
    "UTF-16": recoded("utf-16"),
    "UTF-16 without a mark": recoded("utf-16-le"),
    "UTF-16 of the other order": recoded("utf-16-be"),
    "UTF-32": recoded("utf-32"),
    "gzip cut short": lambda content: gzip.compress(content)[:-12],
    "gzip without its end": lambda content: gzip.compress(content)[:-4],
    "gzip with a wrong checksum": damaged,
    "gzip of gzip": lambda content: gzip.compress(gzip.compress(content)),
    "gzip with junk behind it": lambda content: gzip.compress(content) + b"junk",
    "bzip2 cut short": lambda content: bz2.compress(content)[:-12],
    "xz cut short": lambda content: lzma.compress(content)[:-12],
    "a zip archive": zipped,
    "a web page": lambda content: b"<!DOCTYPE html><html><body>Not found</body></html>",
    "a pointer": lambda content: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n",
    "a pickle": lambda content: b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00]\x94.",
    "NULs before it": lambda content: b"\0" * 4096 + content,
    "a byte that is no UTF-8": lambda content: content[:-3] + b"\xff" + content[-3:],
    "half a character": lambda content: content.replace(b"d", b"\xed\xa0\x80"),
    "nested deeply": lambda content: b"[" * 100_000,
    "objects nested deeply": lambda content: b'{"a":' * 100_000,
}
WAYS = {**dict.fromkeys(SAME, True), **dict.fromkeys(UNREADABLE, False)}
LINES = tuple(layout for layout in FILE_LAYOUTS if layout != "table parquet")


@fuzz(whole=2_000, sample=30)
@given(
    layout=st.sampled_from(LINES), side=st.sampled_from(SIDES), way=st.sampled_from(list(WAYS)), renamed=st.booleans()
)
def test_a_file_that_is_written_in_another_way_reads_the_same_or_is_refused(
    layout: str, side: str, way: str, renamed: bool
) -> None:
    rows = sound()
    with TemporaryDirectory() as folder, no_hang(SECONDS):
        files = written(rows, layout, Path(folder, "own"))
        file = files[side]
        file.write_bytes((SAME | UNREADABLE)[way](file.read_bytes()))
        if (
            suffix := {"gzip": ".gz", "bzip2": ".bz2", "xz": ".xz", "zstd": ".zst"}.get(way.partition(" ")[0])
            if renamed
            else None
        ):
            files[side] = file.rename(f"{file}{suffix}")
        found = loaded(layout, Path(folder, "own"), files)
        assert_same(found, expected(rows) if WAYS[way] else REFUSED)


JUNK = (
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b'"', b"\t", b",", b"\n", b"\r", b"#", b"[", b'{"a":', b"\x1f\x8b"),
    *(b"NaN", b"null", b"true", b"[1]", b"{}", b"-1", b"1e999", b"99999999999999999999", b"\\ud83d", "\u2028".encode()),
    *(b"9" * 10_000, b"\\u0000", b"\\", b"d1", b"q1", b'"id"', b"\xed\xa0\x80", b"\x1a", b"\x85"),
)


def spoilt(content: bytes, chance: random.Random) -> bytes:
    """``content`` with a byte changed, some taken out, junk put in, its end cut off, or some of it twice."""
    at = chance.randrange(len(content) + 1)
    return chance.choice(
        (
            content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :],
            content[:at] + content[at + chance.randrange(1, 40) :],
            content[:at] + chance.choice(JUNK) + content[at:],
            content[:at],
            content[:at] + content[max(0, at - 60) :],
        )
    )


def parsed(content: bytes, format_: str, side: str) -> list[Row]:
    """What a file says by Python's own readers, all of it at once."""
    text = content.decode("utf-8-sig")
    if format_ == "jsonl":
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        rows = [json.loads(line) for line in lines if line.strip()]
        return [judged(row) for row in rows] if side == "qrels" else rows
    if (
        format_ == "tsv" and side == "qrels"
    ):  # no CSV: a quote that opens one cell of a line closes in it, or is a letter
        split = [line.split("\t") for line in re.split("\r\n|\r|\n", text)]
        read = [
            [cell[1:-1].replace('""', '"') if re.fullmatch('".*"', cell) else cell for cell in row] for row in split
        ]
    else:
        read = list(csv.reader(io.StringIO(text, newline=""), delimiter={"csv": ",", "tsv": "\t"}[format_]))
    cells = [row for row in read if any(cell.strip() for cell in row) and not is_comment(row, side)]
    names = [name.strip() for name in cells[0]]
    if side == "qrels" and names[-1].isdecimal():  # no header
        names, cells = ["query_id", "document_id", "score"], [[], *cells]
    rows = [dict(zip(names, [*row, *[None] * len(names)], strict=False)) for row in cells[1:]]
    return [judged(row) for row in rows] if side == "qrels" else rows


def is_comment(cells: Sequence[str], side: str) -> bool:
    """Whether a line of judgments begins with # and is too short to be one."""
    return side == "qrels" and cells[0].startswith("#") and len(cells) < 3


def judged(row: Row) -> Row:
    """A judgment by the letters of its names."""
    return {LETTERS.get(re.sub(r"[\W_]", "", name).lower(), name): value for name, value in row.items()}


LETTERS = {
    **dict.fromkeys(("queryid", "query", "qid", "q"), "query_id"),
    **dict.fromkeys(("documentid", "document", "docid", "doc", "did"), "document_id"),
    **dict.fromkeys(("score", "rel"), "score"),
}


@fuzz(whole=6_000, sample=40)
@given(
    layout=st.sampled_from(FILE_LAYOUTS),
    side=st.sampled_from(SIDES),
    times=st.sampled_from((1, 1, 3, 10)),
    chance=CHANCE,
)
def test_spoilt_bytes_are_read_as_they_stand_or_refused(
    layout: str, side: str, times: int, chance: random.Random
) -> None:
    rows = sound()
    with TemporaryDirectory() as folder, no_hang(SECONDS):
        files = written(rows, layout, Path(folder, "own"))
        content = files[side].read_bytes()
        for _ in range(times):
            content = spoilt(content, chance)
        files[side].write_bytes(content)
        found = loaded(layout, Path(folder, "own"), files)
        if found is REFUSED or layout == "table parquet":
            return
        rows[side] = parsed(content, format_in(layout, side), side)
        assert_same(found, expected(rows))


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket is short
        try:
            opened.bind(path.name)
        finally:
            os.chdir(here)


def folder_with_a_pipe(path: Path) -> None:
    path.mkdir()
    os.mkfifo(path / f"part-0{path.suffix}")


def link_to(target: str, path: Path) -> None:
    path.symlink_to(target)


def two_links(path: Path) -> None:
    path.symlink_to("other-link")
    path.with_name("other-link").symlink_to(path.name)


NO_FILES: dict[str, Callable[[Path], object]] = {
    "a pipe": fifo,
    "a socket": listening,
    "a folder": Path.mkdir,
    "a folder with a pipe": folder_with_a_pipe,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "links in a circle": two_links,
    "a link to nothing": lambda path: path.symlink_to("nothing"),
    **{f"a link to {device}": partial(link_to, device) for device in ("/dev/zero", "/dev/null")},
    "a link to a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a link to its folder": lambda path: path.symlink_to("."),
}


@fuzz(whole=400, sample=40)
@given(layout=st.sampled_from(FILE_LAYOUTS), side=st.sampled_from(SIDES), kind=st.sampled_from(list(NO_FILES)))
def test_what_is_no_file_is_refused_and_not_waited_for(layout: str, side: str, kind: str) -> None:
    with TemporaryDirectory() as folder, no_hang(SECONDS):
        files = written(sound(), layout, Path(folder, "own"))
        files[side].unlink()
        NO_FILES[kind](files[side])
        assert loaded(layout, Path(folder, "own"), files) is REFUSED


@pytest.mark.parametrize("kind", NO_FILES)
def test_an_image_that_is_no_file_is_refused_and_not_waited_for(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    rows = sound()
    rows["documents"][0]["image"] = "image.png"
    files = written(rows, "beir jsonl", tmp_path / "own")
    NO_FILES[kind](tmp_path / "own" / "image.png")
    with no_hang(SECONDS):
        assert loaded("beir jsonl", tmp_path / "own", files) is REFUSED


@pytest.mark.parametrize("layout", ["beir jsonl"])
def test_one_line_of_50_mb_is_one_text(layout: str, tmp_path: Path) -> None:
    rows = sound()
    rows["documents"][4]["text"] = "word " * 10_000_000
    files = written(rows, layout, tmp_path / "own")
    with no_hang(SECONDS):
        found = loaded(layout, tmp_path / "own", files)
    assert found.documents.texts[4] == f"of pear {'word ' * 10_000_000}".strip()
    assert len(found.documents) == 12


@pytest.mark.parametrize("value", ['"of pear"', "null", "2"])
@pytest.mark.parametrize(
    ("side", "name"), [("documents", "text"), ("queries", "id"), ("qrels", "score"), ("documents", "unknown")]
)
def test_an_object_that_has_a_name_twice_is_refused(side: str, name: str, value: str, tmp_path: Path) -> None:
    rows = sound()
    rows[side][1] |= {"more": {"unknown": [{"unknown": 1}]}}
    files = written(rows, "table jsonl", tmp_path / "own")
    assert_same(loaded("table jsonl", tmp_path / "own", files), expected(rows))
    content = files[side].read_text()
    files[side].write_text(content.replace(f'"{name}": ', f'"{name}": {value}, "{name}": '))
    if name == "unknown":
        files[side].write_text(content.replace('[{"', f'[{{"{name}": {value}, "'))
    table = {side: str(file) for side, file in files.items()}
    with pytest.raises(UserError, match=f"{files[side].name} line [12] names '{name}' twice in one object"):
        load_corpus("own", {"source": "table", "document_title": "title", **table})
    assert content != files[side].read_text()


@pytest.mark.parametrize(
    ("layout", "side"), [("beir jsonl", "documents"), ("beir tsv", "qrels"), ("table csv", "qrels")]
)
def test_a_hundred_thousand_columns_more_change_nothing(layout: str, side: str, tmp_path: Path) -> None:
    rows = sound()
    rows[side][0] |= {f"column {number}": "" for number in range(100_000)}
    files = written({**rows, side: rows[side][:2]}, layout, tmp_path / "own")
    with no_hang(SECONDS):
        found = loaded(layout, tmp_path / "own", files)
    assert_same(found, expected({**rows, side: rows[side][:2]}))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("layout", ["beir jsonl", "beir tsv", "table csv"])
def test_a_number_of_ten_thousand_digits_is_refused_or_a_text(layout: str, side: str, tmp_path: Path) -> None:
    number = b"9" * 10_000
    files = written(sound(), layout, tmp_path / "own")
    is_json = files[side].suffix == ".jsonl"
    column = {"documents": b"red red", "queries": b"where is red?"}.get(side)
    content = files[side].read_bytes()
    old = (b'"score": 2' if is_json else b"2\n") if side == "qrels" else column
    if side == "documents":
        old = b"red fish as a text"
    new = {b'"score": 2': b'"score": ' + number, b"2\n": number + b"\n"}.get(old, number)
    if is_json and side != "qrels":
        old, new = b'"' + old + b'"', number
    assert old in content
    files[side].write_bytes(content.replace(old, new, 1))
    found = loaded(layout, tmp_path / "own", files)
    if is_json or side == "qrels":
        assert found is REFUSED
    else:
        texts = found.documents.texts if side == "documents" else found.queries.texts
        assert texts[0].endswith(number.decode())


@pytest.mark.parametrize(
    ("fold", "content"),
    [(gzip.compress, b"\n"), (gzip.compress, b'{"_id": "d1", "text": "a"}\n')]
    + [(fold, b"{") for fold in (gzip.compress, bz2.compress, lzma.compress, zstd)],
)
def test_what_unfolds_to_far_more_than_it_is_is_not_read_to_its_end(
    content: bytes, fold: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "FEW_BYTES", 2**17)
    monkeypatch.setattr(opening, "MOST_BYTES", 2**17)
    file = tmp_path / "corpus.jsonl"
    file.write_bytes(fold(content * (2**22 // len(content))))
    read = 0
    with pytest.raises(UserError, match=r"unfolds to more than 200 times its size|is longer than"):  # noqa: PT012
        for _, line in opening.read_lines(file):
            read += len(line)
    assert read <= max(2**17, 200 * file.stat().st_size) < 2**22
