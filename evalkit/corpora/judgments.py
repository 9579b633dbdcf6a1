"""Judgments of every file to qrels: which column is what its header's names say, else BEIR's or TREC's order."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.corpora.files.cells import grade_of, id_of
from evalkit.corpora.files.opening import files_of, read_lines
from evalkit.corpora.files.rows import delimiter_of, format_of, read_rows
from evalkit.errors import UserError, abridged

ROLES: dict[str, Sequence[str]] = {  # the names of each column without case, quotes and separators, the surest first
    "query": ("queryid", "qid", "topicid", "topic", "query", "q"),
    "document": ("corpusid", "documentid", "docid", "docno", "passageid", "pid", "did", "document", "doc", "passage"),
    "grade": ("score", "relevance", "rel", "grade", "rating", "label", "judgment", "judgement", "gain", "relevant"),
    "iteration": ("iter", "iteration", "q0"),
}
WRITE = "Write query-id, corpus-id, score with tabs between and these names above, or TREC's query 0 document grade."
OR_NAME = " Or say what a table calls them: qrels_query, qrels_document, qrels_score."
IN_ORDER = {role: role for role in ROLES}
SHOWN, MOST_NAMES, MOST_CHARACTERS = 80, 12, 300


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
                f"{where} judges {quoted(document)} for {quoted(query)} with {grade}, "
                f"{shortened(first, where)} with {known}.",
                "Keep one of them.",
            )
    return qrels


def quoted(id_: str) -> str:
    return abridged(repr(id_), SHOWN)


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
        yield judgment([row.get(name) for name in columns.values()], columns, where)


def judgment(cells: Sequence[Any], columns: Mapping[str, str], where: str) -> Judgment:
    """The judgment in ``cells``: query, document and grade, which is 1 where there are but two."""
    query, document = id_of(cells[0], where, columns["query"]), id_of(cells[1], where, columns["document"])
    return Judgment(where, query, document, grade_of(cells[2], where) if len(cells) > 2 else 1)


def text_rows(file: Path, names: Names, ignored: list[str]) -> Iterator[Judgment]:
    """Judgments of a text file: its header, where it has one, is its first line, or stands behind a ``#``."""
    columns: Mapping[str, str] = {}
    places: Mapping[str, int] = {}
    order: Mapping[str, int] = {}
    for where, cells in cells_of(file, names):
        is_comment = cells[0].startswith("#")
        header = without_mark(cells) if is_comment else cells
        if not columns and (names_all(header) if is_comment else is_header(header) or names != BY_NAME):
            columns = columns_of(header, names, where, ignored)
            places = {role: header.index(name) for role, name in columns.items()}
        elif not is_comment or is_judgment(cells, places):
            columns = columns if columns or is_comment else IN_ORDER
            at = places or positions(cells, where)
            order = order or at
            if at != order:
                raise UserError(f"{where} has not as many columns as those before it: {shown(cells)}.", WRITE)
            try:
                needed = [cells[i] for i in at.values()]
            except IndexError:
                raise UserError(f"{where} has {len(cells)} columns: {shown(cells)}.", WRITE) from None
            if "\n" in "".join(needed):
                raise UserError(
                    f"{where} opens a quote that is closed in another line: {shown(cells)}.", "Mend the quotes."
                )
            yield judgment(needed, columns or IN_ORDER, where)


def cells_of(file: Path, names: Names) -> Iterator[tuple[str, list[str]]]:
    """(place, cells) of each line that is not empty.

    All lines are split like CSV by the delimiter of the first, comments aside, if the file is CSV or that line has no
    spaces or tabs; else each between its tabs, where it has two, or one below a header with tabs, else between spaces.
    """
    first = next((line for _, line in read_lines(file) if line.strip() and not line.startswith("#")), "").strip()
    if format_of(file) == "csv" or len(first.split()) == 1:
        yield from csv_cells(file, delimiter_of(first))
        return
    least_tabs = 1 if names.all_relevant or is_header(first.split("\t")) else 2
    name = str(file)
    for number, line in read_lines(file):
        if not line.isspace():
            yield f"{name} line {number}", split(line.rstrip("\r\n"), least_tabs)


def csv_cells(file: Path, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    rows = csv.reader((line for _, line in read_lines(file)), delimiter=delimiter)
    line = 1
    try:
        for cells in rows:
            if any(cell.strip() for cell in cells):
                yield f"{file} line {line}", cells
            line = rows.line_num + 1
    except csv.Error as error:
        raise UserError(f"{file} line {line} can't be split into columns: {error}.") from None


def split(line: str, least_tabs: int) -> list[str]:
    cells = line.split("\t") if line.count("\t") >= least_tabs else re.split(r"[ \t]+", line.strip(" \t"))
    return [unquoted(cell) for cell in cells] if '"' in line else cells


def unquoted(cell: str) -> str:
    is_quoted = len(cell) > 1 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"') if is_quoted else cell


def without_mark(comment: Sequence[str]) -> list[str]:
    """The cells of a comment without its ``#``."""
    first = comment[0].lstrip("# ")
    return [first, *comment[1:]] if first else list(comment[1:])


def is_judgment(cells: Sequence[str], places: Mapping[str, int]) -> bool:
    """Whether a line that begins with ``#`` is no comment (which has a space behind it) but judges such a query."""
    at = places or ({"query": 0, "grade": len(cells) - 1} if len(cells) in (3, 4) else {})
    is_whole = len(cells) > max(at.values(), default=len(cells))
    return is_whole and at["query"] == 0 and "grade" in at and is_number(cells[at["grade"]]) and is_id(cells[0])


def is_id(cell: str) -> bool:
    """Whether behind the ``#`` that a cell begins with comes more, and no space."""
    return cell.lstrip("#")[:1].strip() != ""


def positions(cells: Sequence[str], where: str) -> dict[str, int]:
    """Which cell is what in a file without a header; empty ones at the end are none."""
    filled = max((i for i, cell in enumerate(cells, 1) if cell.strip()), default=0)
    if filled not in (3, 4):
        raise UserError(f"{where} has {filled} columns: {shown(cells)}.", WRITE)
    return {"query": 0, "document": filled - 2, "grade": filled - 1}


def shown(cells: Sequence[str]) -> str:
    return ascii(" ".join(cells)[:SHOWN])


def is_header(cells: Sequence[str]) -> bool:
    """Whether a first line names columns: all that are needed, or none of its cells is a number."""
    return len(cells) > 1 and (names_all(cells) or not any(map(is_number, cells)))


def is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*[-+]?\d+(\.\d*)?\s*", cell) is not None


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
        names_there = abridged(", ".join(ascii(name)[:SHOWN] for name in header[:MOST_NAMES]), MOST_CHARACTERS)
        raise UserError(
            f"{where}: no column of {names_there} is known as the {' or the '.join(missing)}.", WRITE + OR_NAME
        )
    if twice := [found[role] for role in needed if list(header).count(found[role]) > 1]:
        raise UserError(f"{where}: two columns are called {ascii(twice[0])[:SHOWN]}.", "Keep one of them.")
    known = {"", *found.values(), *ignored}
    ignored += dict.fromkeys(name for name in header if name not in known)
    return {role: found[role] for role in needed}


def roles_of(header: Sequence[str]) -> dict[str, str]:
    """role → the name in ``header`` that tells it; the roles that none tells are left out."""
    plain = {re.sub(r"[\W_]", "", name).lower(): name for name in reversed(header)}
    told = {role: next((plain[name] for name in known if name in plain), None) for role, known in ROLES.items()}
    return {role: name for role, name in told.items() if name is not None}
