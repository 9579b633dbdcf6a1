"""A line or a cell beyond the limit is refused with its place, however long it goes on, and read whole up to it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from evalkit.corpora.files import opening, rows
from evalkit.corpora.files.rows import read_rows
from evalkit.errors import UserError

MOST = 1000


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (opening, rows):
        monkeypatch.setattr(module, "MOST_BYTES", MOST)


def jsonl(file: Path, text: str) -> None:
    file.write_text(f'{{"_id": "a", "text": "b"}}\n{{"_id": "c", "text": "{text}"}}\n', encoding="utf-8")


def csv(file: Path, text: str) -> None:
    file.write_text(f'_id,text\na,b\nc,"{text}"\n', encoding="utf-8")


def csv_of_lines(file: Path, text: str) -> None:
    csv(file, text.replace("xx", "x\n"))


def macs_csv(file: Path, text: str) -> None:
    file.write_bytes(b"_id,text\ra,b\r" + b"c," + text.encode() + b"\r")


def parquet(file: Path, text: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"_id": ["a", "c"], "text": ["b", text]}), file)


WRITERS = {  # name of the file: who writes it, characters of a text that fit, where one that doesn't is said to be
    "corpus.jsonl": (jsonl, 900, "line 2 is longer"),
    "corpus.csv": (csv, 900, "line 3 is longer"),
    "lines.csv": (csv_of_lines, 1000, "the field that goes on to line"),
    "mac.csv": (macs_csv, 900, "line 1 is longer"),
    "corpus.parquet": (parquet, 1000, "row 2 is longer"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_text_beyond_the_limit_is_refused_with_its_place(name: str, tmp_path: Path) -> None:
    write: Callable[[Path, str], None]
    write, fits, where = WRITERS[name]
    write(tmp_path / name, "x" * fits)
    *_, (_, last) = read_rows(tmp_path / name)
    assert (last["_id"], last["text"].count("x") + last["text"].count("\n")) == ("c", fits)
    write(tmp_path / name, "x" * (2 * MOST + 2))
    with pytest.raises(UserError, match=where) as caught:
        list(read_rows(tmp_path / name))
    assert str(tmp_path / name) in caught.value.problem


def test_rows_of_parquet_are_taken_by_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    file = tmp_path / "corpus.parquet"
    parquet(file, "x" * 900)
    assert rows.rows_at_once(pq.ParquetFile(file).metadata) == rows.PARQUET_ROWS
    monkeypatch.setattr(rows, "PARQUET_BYTES", 1)
    assert rows.rows_at_once(pq.ParquetFile(file).metadata) == 1
    assert [row["_id"] for _, row in read_rows(file)] == ["a", "c"]
