"""Rows of the files that a table's settings name, for the kinds of task that need other files than retrieval."""

from collections.abc import Sequence

from evalkit.config import CorpusConfig, TableCorpus
from evalkit.corpora.files.rows import read_rows
from evalkit.corpora.lint import Noticed
from evalkit.corpora.records import Rows
from evalkit.errors import UserError


def table_of(name: str, source: CorpusConfig, kind: str, needs: str) -> TableCorpus:
    """``source`` as a table. Raises UserError where it is another source, which has no such data; ``needs`` is said."""
    if isinstance(source, TableCorpus):
        return source
    raise UserError(
        f"corpus '{name}' (source {source.source}) has no {needs}, which task={kind} needs.",
        "Give files of your own: corpus=table, or a task of mteb: corpus=mteb.",
    )


def rows_of(name: str, table: TableCorpus, setting: str, columns: Sequence[str], noticed: Noticed) -> Rows:
    """The rows of the file that ``corpus.<name>.<setting>`` names. Raises UserError where it names none."""
    return read_rows(file_of(name, table, setting), columns, noticed.swallowed)


def file_of(name: str, table: TableCorpus, setting: str) -> str:
    """The path that ``corpus.<name>.<setting>`` is. Raises UserError where it isn't set."""
    path: str | None = getattr(table, setting)
    if not path:
        raise UserError(f"corpus.{name}.{setting} is not set.", f"Give it: corpus.{name}.{setting}=<file>.")
    return path


def column_of(name: str, table: TableCorpus, setting: str) -> str:
    """The column that ``corpus.<name>.<setting>`` is. Raises UserError where it isn't set."""
    column: str | None = getattr(table, setting)
    if not column:
        raise UserError(f"corpus.{name}.{setting} is not set.", f"Name its column: corpus.{name}.{setting}=<column>.")
    return column


def row_id(split: str, number: int) -> str:
    """What a row without an id of its own is called; numbers are from 1."""
    return f"{split}-{number}"
