"""The rows of JSON Lines, CSV, TSV and Parquet files, one by one, so that every complaint names a file and a row."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from evalkit.corpora.files.opening import (
    MOST_BYTES,
    content_of,
    files_of,
    opened_file,
    read_lines,
    refuse_foreign,
    too_long,
    without_compression,
)
from evalkit.errors import UserError, abridged, first_line

Row = dict[str, Any]
PlacedRows = Iterator[tuple[str, Row]]

PARQUET_ROWS, PARQUET_BYTES = 10_000, 64_000_000  # of a batch, at most
SHOWN, MOST_NAMES, MOST_CHARACTERS = 60, 12, 300
DELIMITERS = "\t,;|"
BACKSLASH = 'Double the quotes within a field ("") instead of writing \\ before them.'
WHOLE_OBJECTS = "Write each object whole in a line of its own, with nothing behind it (JSON Lines)."


def read_rows(path: str | Path, columns: Sequence[str] = (), swallowed: list[str] | None = None) -> PlacedRows:
    """("<file> line|row <n>", column → value) of every row of the files that ``path`` names.

    ``columns`` are all that the caller reads, the id's first; empty reads all. ``swallowed`` is given the beginnings
    of rows that seem to lie within a field of another row (CSV, after a stray quote). A folder's ``name=value``, as
    Hive writes them, are columns too. Raises UserError for what can't be read.
    """
    named = Path(path).expanduser()
    for file in files_of(path):
        read = READERS.get(format_of(file)) or READERS.get(format_of(named))
        if read is None:
            way_out = "Convert it to one" + (", or take it out of the folder." if named.is_dir() else ".")
            raise UserError(f"{file} is none of {', '.join(f'.{name}' for name in READERS)}.", way_out)
        folders = file.parent.relative_to(named).parts if named.is_dir() else ()
        partition = dict(part.split("=", 1) for part in folders if "=" in part)
        for where, row in read(file, columns, [] if swallowed is None else swallowed):
            yield where, {**partition, **row} if partition else row


def format_of(file: Path) -> str:
    return without_compression(file.name).rpartition(".")[2].lower()


def read_jsonl(file: Path, columns: Sequence[str] = (), swallowed: list[str] | None = None) -> PlacedRows:
    """The objects of a JSON Lines file; empty lines are passed over. Raises UserError for a line that is no object."""
    for number, line in read_lines(file):
        if not line.strip():
            continue
        where = f"{file} line {number}"
        try:
            value = JSON.decode(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{where} is not JSON: {error.msg} (column {error.colno}).", one_object(line)) from None
        except TwiceError as error:
            raise UserError(f"{where} names {error} twice in one object.", "Keep one of them.") from None
        except (RecursionError, ValueError) as error:
            raise UserError(f"{where} is not JSON that can be read: {first_line(error)}.") from None
        if not isinstance(value, dict):
            raise UserError(f"{where} is no JSON object.", one_object(line))
        yield where, value


class TwiceError(ValueError):
    """The name that an object has twice, as it is shown."""


def named_once(pairs: list[tuple[str, Any]]) -> Row:
    """An object of JSON. Raises TwiceError where two of its ``pairs`` have one name."""
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [name for name, _ in pairs]
        raise TwiceError(ascii(next(name for name in names if names.count(name) > 1))[:SHOWN])
    return row


JSON = json.JSONDecoder(object_pairs_hook=named_once)


def one_object(line: str) -> str:
    """What to do about a line that is not one object of JSON Lines; empty where it is nothing like JSON."""
    hints = {"[": "Write one object in each line (JSON Lines), not one list.", "{": WHOLE_OBJECTS}
    return hints.get(line.lstrip()[:1], "")


def read_csv(file: Path, columns: Sequence[str], swallowed: list[str]) -> PlacedRows:
    """The rows of a CSV or TSV file with a header; without one where ``columns`` are numbers from 1.

    Raises UserError for a row with something in a field beyond the header's, and for a quote that is never closed.
    """
    csv.field_size_limit(MOST_BYTES)
    lines = PhysicalLines(file)
    first = next(lines, "")
    delimiter = delimiter_of(first)
    if re.fullmatch(r"sep=.\s*", first):  # as Excel writes it before the header
        first, delimiter = next(lines, ""), first[4]
    if columns and all(column.isdecimal() for column in columns):
        yield from numbered_rows(file, chain([first], lines), delimiter, columns)
        return
    cells = csv.reader(chain([first], lines), delimiter=delimiter)
    try:
        names = [name.strip() for name in next(cells, [])]
        if not any(names):
            raise UserError(f"{file} has no header: its first line is empty.", "Name its columns there.")
        refuse_unnamed(file, names, columns)
        refuse_twice(file, names, columns)
        yield from csv_rows(file, cells, lines, names, delimiter, columns, swallowed)
    except csv.Error as error:
        if "field limit" in str(error):
            raise too_long(f"{file}: the field that goes on to line {lines.number}") from None
        raise UserError(f"{file} is not a CSV file that can be read: {error}.") from None


def numbered_cells(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    if delimiter == "\t":
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return csv.reader(lines, delimiter=delimiter, strict=True)


def numbered_rows(file: Path, lines: Iterator[str], delimiter: str, columns: Sequence[str]) -> PlacedRows:
    """Rows without a header: the columns are 1, 2, … Between tabs, quotes are characters like others.

    Raises UserError where the first row lacks one of ``columns``, though others may have it.
    """
    try:
        for number, cells in enumerate(numbered_cells(lines, delimiter), 1):
            if not cells:
                continue
            row = {str(place): cell for place, cell in enumerate(cells, 1)}
            if number == 1 and (lacking := [column for column in columns if column not in row]):
                problem = f"{file} has {len(row)} columns in its first row, and no column {lacking[0]}"
                raise UserError(f"{problem}.", "Without a header they are numbers from 1.")
            yield f"{file} row {number}", row
    except csv.Error as error:
        raise UserError(f"{file} is not a CSV file that can be read: {error}.") from None


def refuse_unnamed(file: Path, names: Sequence[str], columns: Sequence[str]) -> None:
    """Raises UserError where none of ``columns`` is among the ``names`` of the first line: it may be no header."""
    if columns and not set(columns) & set(names):
        first = abridged(", ".join(ascii(name)[:SHOWN] for name in names[:MOST_NAMES]), MOST_CHARACTERS)
        raise UserError(
            f"{file}: its first line, {first}, names no column that is read: {', '.join(columns)}.",
            "Write the columns' names there, in the same case, or say in the settings what they are called.",
        )


def refuse_twice(file: Path, names: Sequence[str], columns: Sequence[str]) -> None:
    """Raises UserError where one of ``columns`` (any, where none is given) stands twice among a header's ``names``."""
    if twice := [name for name in columns or names if names.count(name) > 1 and name]:
        raise UserError(
            f"{file} has two columns '{abridged(twice[0], SHOWN)}'.", "Keep one of them, or name them apart."
        )


def delimiter_of(header: str) -> str:
    """What most fields of a header stand between: tabs, commas, semicolons or bars, those within quotes aside."""
    return max(DELIMITERS, key=re.sub(r'"[^"]*"', "", header).count)


def csv_rows(
    file: Path,
    rows: Iterator[list[str]],
    lines: "PhysicalLines",
    names: Sequence[str],
    delimiter: str,
    columns: Sequence[str],
    swallowed: list[str],
) -> PlacedRows:
    key = names.index(columns[0]) if columns and columns[0] in names else 0
    lines.taken.clear()
    for number, cells in enumerate((cells for cells in rows if cells), 1):
        where, physical = f"{file} row {number}", list(lines.taken)
        lines.taken.clear()
        if lines.ended:
            raise UserError(f"{where} opens a quote that is never closed.", "Double the quotes within a field.")
        if beyond := [cell for cell in cells[len(names) :] if cell.strip()]:
            raise UserError(
                f"{where} has {len(cells)} fields, its header {len(names)}: {ascii(beyond[0])[:SHOWN]} is in none.",
                BACKSLASH if '\\"' in "".join(physical) else "Quote fields that hold the delimiter.",
            )
        if len(physical) > 1 and len(cells) > key and len(names) > 1:  # one column alone has no rows within
            swallowed += within(physical[1:], cells[key], key, len(names), delimiter)
        yield where, dict(zip(names, [*cells, *[None] * (len(names) - len(cells))], strict=False))


class PhysicalLines(Iterator[str]):
    """A file's lines for csv.reader; ``taken`` are those that it has read of the current row."""

    def __init__(self, file: Path) -> None:
        self.lines = read_lines(file)
        self.taken: list[str] = []
        self.number = 0
        self.ended = False

    def __next__(self) -> str:
        try:
            self.number, line = next(self.lines)
        except StopIteration:
            self.ended = True
            raise
        self.taken.append(line)
        return line


def within(continued: Iterable[str], id_: str, key: int, width: int, delimiter: str) -> Iterator[str]:
    """Ids of rows among the lines that a field goes on over: as many fields, and an id written like this row's."""
    for line in continued:
        cells = line.rstrip("\r\n").split(delimiter)
        if len(cells) == width and shape(cells[key]) == shape(id_):
            yield cells[key]


def shape(id_: str) -> str:
    """``doc-17`` and ``doc-4`` are written alike: ``9-9``; so are ``3f-bc`` and ``91-7c``, for one digit is enough."""
    return re.sub(r"[^\W_]+", "9" if re.search(r"\d", id_) else "a", id_.strip())


def read_parquet(file: Path, columns: Sequence[str], swallowed: list[str]) -> PlacedRows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened_file(file) as opened:
        content = content_of(opened)
    if content != "parquet":
        refuse_foreign(file, content)
    number = 0
    try:
        with pq.ParquetFile(file) as parquet:
            schema = parquet.schema_arrow
            refuse_twice(file, schema.names, columns)
            wanted = [f.name for f in schema if not columns or f.name in columns or not is_apart(f.type)]
            for batch in parquet.iter_batches(rows_at_once(parquet.metadata), columns=wanted):
                refuse_long_cells(file, number, batch)
                for row in batch.to_pylist():
                    number += 1
                    yield f"{file} row {number}", row
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file} is not UTF-8 after row {number}: {error.reason}.", "Store its texts as UTF-8."
        ) from None
    except (pa.ArrowException, ValueError, OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(f"{file} is no Parquet file that can be read: {first_line(error).rstrip('.')}.") from None


def rows_at_once(metadata: Any) -> int:
    """How many rows of a Parquet file to take together: fewer, the larger they are."""
    row_groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    largest = max((group.total_byte_size / max(group.num_rows, 1) for group in row_groups), default=1)
    return max(1, min(PARQUET_ROWS, int(PARQUET_BYTES / max(largest, 1))))


def refuse_long_cells(file: Path, rows_before: int, batch: Any) -> None:
    """Raises UserError for a text of more than MOST_BYTES in a ``batch`` that comes after so many rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for column in batch.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            is_long = pc.greater(pc.binary_length(column), MOST_BYTES)
            if pc.any(is_long).as_py():
                raise too_long(f"{file} row {rows_before + 1 + pc.index(is_long, True).as_py()}")


def is_apart(type_: Any) -> bool:
    """Whether a column of this Arrow type is left unread where nobody asks for it: vectors and objects are large."""
    import pyarrow as pa

    return bool(pa.types.is_nested(type_) or pa.types.is_temporal(type_))


READERS: dict[str, Callable[[Path, Sequence[str], list[str]], PlacedRows]] = {
    "jsonl": read_jsonl,
    "ndjson": read_jsonl,
    "json": read_jsonl,
    "csv": read_csv,
    "tsv": read_csv,
    "parquet": read_parquet,
}
