"""Rows to documents and queries, the same way for every source: which column is what, and what it holds."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalkit.corpora.clusters import first_of_each_query
from evalkit.corpora.corpus import document_text
from evalkit.corpora.files.cells import id_of, text_of
from evalkit.corpora.images import Image
from evalkit.errors import UserError, abridged, did_you_mean

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)  # https://…, data:…
Placed = tuple[str, Mapping[str, Any]]  # where a row stands, and column → value
Rows = Iterable[Placed]


@dataclass
class Column:
    """A column by its names, the first of which that a row has counts.

    Some row must have it, not each, as JSON Lines leave out what is null: ``refuse_unmet`` tells in the end. No row
    needs an ``optional`` one.
    """

    names: tuple[str, ...]
    optional: bool = False
    met: bool = field(default=False, init=False)
    first: Placed | None = field(default=None, init=False)  # the first row without it

    def of(self, row: Mapping[str, Any], where: str) -> tuple[str, Any]:
        """The name that it has in this row and its value; null where the row has no such column."""
        for name in self.names:
            if name in row:
                self.met = True
                return name, row[name]
        self.first = self.first or (where, row)
        return self.names[0] if self.names else "", None

    def refuse_unmet(self) -> None:
        """Raises UserError where rows were read and none had this column."""
        if self.first and self.names and not self.met and not self.optional:
            where, row = self.first
            raise UserError(
                f"{where} has no column '{self.names[0]}'.", abridged(did_you_mean(self.names[0], map(str, row)), 300)
            )

    def text(self, row: Mapping[str, Any], where: str) -> str | None:
        name, value = self.of(row, where)
        return text_of(value, where, name)

    def id(self, row: Mapping[str, Any], where: str) -> str:
        name, value = self.of(row, where)
        self.refuse_unmet()
        return id_of(value, where, name)


@dataclass(frozen=True)
class Columns:
    """What the columns of one side are called, each by one name or several; without a name there is none."""

    id: tuple[str, ...]
    text: tuple[str, ...]
    title: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    cluster: tuple[str, ...] = ()
    optional: bool = False

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.id, *self.text, *self.title, *self.image, *self.cluster)


def documents(rows: Rows, columns: Columns, folder: Path) -> Iterator[tuple[str, str]]:
    """(id, title and text) of every row, empty where there is no text.

    A row with an ``image``, a path from ``folder``, is that image instead. An address of an image is not fetched: such
    a row is its text. Raises UserError where it has none.
    """
    id_, text = Column(columns.id), Column(columns.text)
    title, image = Column(columns.title, columns.optional), Column(columns.image, columns.optional)
    for where, row in rows:
        name, file = image.of(row, where)
        if isinstance(file, str) and file and not ADDRESS.match(file):
            yield id_.id(row, where), Image(folder / file, where)
            continue
        read = document_text(title.text(row, where), text.text(row, where))
        if file and not read:
            raise UserError(f"{where}: '{name}' is no image's path, and there is no text.", "Images are not fetched.")
        yield id_.id(row, where), read
    for column in (text, title, image):
        column.refuse_unmet()


def queries(rows: Rows, columns: Columns) -> Iterator[tuple[str, str]]:
    """(id, text) of every row, empty where there is no text."""
    id_, text = Column(columns.id), Column(columns.text)
    for where, row in rows:
        yield id_.id(row, where), text.text(row, where) or ""
    text.refuse_unmet()


def clusters(rows: Rows, columns: Columns) -> dict[str, str]:
    """query id → the name in its cluster column, for the queries that have one."""
    id_, cluster = Column(columns.id), Column(columns.cluster, columns.optional)
    names = first_of_each_query((id_.id(row, where), cluster.text(row, where)) for where, row in rows)
    cluster.refuse_unmet()
    return names
