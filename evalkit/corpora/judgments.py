"""Judgments of every file to qrels: which column is what its header's names say, else BEIR's or TREC's order."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.corpora.files.cells import grade_of, id_of
from evalkit.corpora.files.opening import files_of, read_lines
from evalkit.corpora.files.rows import delimiter_of, format_of, read_rows
from evalkit.errors import UserError

ROLES: dict[str, Sequence[str]] = {  # the names of each column without case, quotes and separators, the surest first
    "query": ("queryid", "qid", "topicid", "topic", "query", "q"),
    "document": ("corpusid", "documentid", "docid", "docno", "passageid", "pid", "did", "document", "doc", "passage"),
    "grade": ("score", "relevance", "rel", "grade", "rating", "label", "judgment", "judgement", "gain", "relevant"),
    "iteration": ("iter", "iteration", "q0"),
}
WRITE = "Write query-id, corpus-id, score with tabs between and these names above, or TREC's query 0 document grade."
SHOWN = 80


class Judgment(NamedTuple):
    """``grade`` of ``document`` for ``query``; ``where`` it stands ends with its number: ``qrels.csv row 3``."""

    where: str
    query: str
    document: str
    grade: int


class Names(NamedTuple):
    """The columns of a file of judgments by name; null is whatever name tells what it is (see ROLES)."""

    query: str | None = None
    document: str | None = None
    grade: str | None = None
    all_relevant: bool = False


BY_NAME = Names()


def collect(judgments: Iterable[Judgment]) -> dict[str, dict[str, int]]:
    """query id → document id → grade, the same in any order of ``judgments``.

    A pair may be judged twice with the same grade. Raises UserError, naming both places, where the grades differ.
    """
    qrels: dict[str, dict[str, int]] = {}
    places: dict[str, dict[str, str]] = {}
    for where, query, document, grade in judgments:
        known = qrels.setdefault(query, {}).setdefault(document, grade)
        first = places.setdefault(query, {}).setdefault(document, where)
        if known != grade:
            raise UserError(
                f"{where} judges {document!r} for {query!r} with {grade}, {shortened(first, where)} with {known}.",
                "Keep one of them.",
            )
    return qrels


def shortened(first: str, where: str) -> str:
    """``line 3`` of ``qrels.tsv line 3`` where the other place is in the same file."""
    file, _, place = first.rpartition(" ")
    file, _, kind = file.rpartition(" ")
    return f"{kind} {place}" if where.startswith(f"{file} ") else first


def read_judgments(path: str | Path, names: Names = BY_NAME, ignored: list[str] | None = None) -> Iterator[Judgment]:
    """Each judgment of the files that ``path`` names: JSON Lines, Parquet, or text with tabs, commas or spaces.

    Names come in any order, case and quoting. Text without a header is query, document, grade, or TREC's query, 0,
    document, grade. ``ignored`` is given the names of columns that are none of these. Raises UserError, with the
    header, where it does not tell which column is what, and for a grade that is none.
    """
    ignored = [] if ignored is None else ignored
    for file in files_of(path):
        read = named_rows(file, names, ignored) if format_of(file) in ("jsonl", "ndjson", "json", "parquet") else None
        yield from read or text_rows(file, names, ignored)


def named_rows(file: Path, names: Names, ignored: list[str]) -> Iterator[Judgment]:
    keys: Sequence[str] = ()
    columns: Mapping[str, str] = {}
    for where, row in read_rows(file):
        if tuple(row) != keys:
            keys, columns = tuple(row), columns_of(tuple(row), names, where, ignored)
        yield judgment({role: row.get(name) for role, name in columns.items()}, columns, where)


def judgment(cells: Mapping[str, Any], columns: Mapping[str, str], where: str) -> Judgment:
    query, document = (id_of(cells[role], where, columns[role]) for role in ("query", "document"))
    return Judgment(where, query, document, grade_of(cells["grade"], where) if "grade" in cells else 1)


def text_rows(file: Path, names: Names, ignored: list[str]) -> Iterator[Judgment]:
    """Judgments of a text file: its header, where it has one, is its first line, or stands behind a ``#``."""
    columns: Mapping[str, str] = {}
    places: Mapping[str, int] = {}
    is_csv = format_of(file) == "csv"
    for number, whole_line in read_lines(file):
        line, where = whole_line.rstrip("\r\n"), f"{file} line {number}"
        is_comment = line.startswith("#")
        if not line.strip() or (is_comment and columns):
            continue
        try:
            cells = split(line.lstrip("# ") if is_comment else line, is_csv)
        except csv.Error as error:
            raise UserError(f"{where} can't be split into columns: {error}.") from None
        if not columns and (names_all(cells) if is_comment else is_header(cells) or names != BY_NAME):
            columns = columns_of(cells, names, where, ignored)
            places = {role: cells.index(name) for role, name in columns.items()}
        elif not is_comment:
            columns = columns or {role: role for role in ROLES}
            at = places or positions(cells, line, where)
            if len(cells) <= max(at.values()):
                raise UserError(f"{where} has {len(cells)} columns: {line[:SHOWN]!a}.", WRITE)
            yield judgment({role: cells[i] for role, i in at.items()}, columns, where)


def split(line: str, is_csv: bool) -> list[str]:
    """The cells of a line: of CSV between its commas or semicolons, else between tabs, else between spaces."""
    if is_csv:
        return next(csv.reader([line], delimiter=delimiter_of(line)), [])
    cells = line.split("\t") if line.count("\t") >= 2 else line.split()
    return [re.sub(r'^"(.*)"$', r"\1", cell) for cell in cells]


def positions(cells: Sequence[str], line: str, where: str) -> dict[str, int]:
    """Which cell is what in a file without a header."""
    if len(cells) not in (3, 4):
        raise UserError(f"{where} has {len(cells)} columns: {line[:SHOWN]!a}.", WRITE)
    return {"query": 0, "document": len(cells) - 2, "grade": len(cells) - 1}


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first line names columns: none of its cells is a number."""
    return len(cells) > 1 and not any(re.fullmatch(r"\s*[-+]?\d+(\.\d*)?\s*", cell) for cell in cells)


def names_all(cells: Sequence[str]) -> bool:
    return {"query", "document", "grade"} <= roles_of(cells).keys()


def columns_of(header: Sequence[str], names: Names, where: str, ignored: list[str]) -> dict[str, str]:
    """role → its column's name. Raises UserError, which quotes the header, where a name is not among it."""
    asked = {role: name for role in ROLES if (name := getattr(names, role, None)) is not None}
    found = {role: name for role, name in {**roles_of(header), **asked}.items() if name in header}
    if names.all_relevant:
        found.pop("grade", None)
    needed = ("query", "document") if names.all_relevant else ("query", "document", "grade")
    if missing := [role for role in needed if role not in found]:
        quoted = ", ".join(ascii(name)[:SHOWN] for name in header)
        raise UserError(f"{where}: no column of {quoted} is known as the {' or the '.join(missing)}.", WRITE)
    ignored += [name for name in header if name not in found.values() and name not in ignored]
    return {role: found[role] for role in needed}


def roles_of(header: Sequence[str]) -> dict[str, str]:
    """role → the name in ``header`` that tells it; the roles that none tells are left out."""
    plain = {re.sub(r"[\W_]", "", name).lower(): name for name in reversed(header)}
    told = {role: next((plain[name] for name in known if name in plain), None) for role, known in ROLES.items()}
    return {role: name for role, name in told.items() if name is not None}
