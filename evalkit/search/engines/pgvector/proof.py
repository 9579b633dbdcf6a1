"""What PostgreSQL itself says: by which index a search goes, how that index was made, and how many bytes all takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.errors import printable
from evalkit.search.engine import Filter
from evalkit.search.engines.pgvector.codes import as_parameter
from evalkit.search.engines.pgvector.connection import Session
from evalkit.search.engines.pgvector.table import Table

SIZES = """select pg_table_size(c.oid) + coalesce(sum(pg_relation_size(i.indexrelid)) filter (where i.indisprimary), 0),
  coalesce(sum(pg_relation_size(i.indexrelid)) filter (where x.relname = any(%s)), 0)
  from pg_class c left join pg_index i on i.indrelid = c.oid left join pg_class x on x.oid = i.indexrelid
  where c.oid = %s::regclass group by c.oid"""
DEFINITIONS = """select pg_get_indexdef(i.indexrelid) from pg_index i join pg_class x on x.oid = i.indexrelid
  where i.indrelid = %s::regclass and x.relname = any(%s)"""


@dataclass(frozen=True)
class Step:
    """A node of a plan, with the ``index`` that it uses."""

    kind: str
    index: str | None

    def __str__(self) -> str:
        return f"{self.kind} using {self.index}" if self.index else self.kind


@dataclass(frozen=True)
class Asked:
    """A ``statement`` that searches, the types of its parameters, and how many results its index is asked for."""

    statement: str
    kinds: tuple[str, ...]
    results: int


def nearest(table: Table, k: int, keep: Filter | None) -> Asked:
    return Asked(table.nearest(k, keep), (table.kept.codes,), k)


def rescored(table: Table, k: int, candidates: int, keep: Filter | None) -> Asked:
    return Asked(table.rescored(k, candidates, keep), (table.kept.column, table.kept.codes), candidates)


@dataclass(frozen=True)
class Way:
    """The ``steps`` of a search, the outermost first, and the ``settings`` of pgvector that it was planned at."""

    steps: Sequence[Step]
    settings: str

    def __str__(self) -> str:
        return printable(" > ".join(map(str, self.steps)), 500)


def explained(session: Session, asked: Asked, dims: int) -> Way:
    """How PostgreSQL goes about what is ``asked``, at the session's settings."""
    query = np.full(dims, dims**-0.5)
    parameters = [as_parameter(kind, query) for kind in asked.kinds]
    row = session.connection.execute(f"explain (format json, costs off) {asked.statement}", parameters).fetchone()
    settings = ", ".join(f"{key} = {value}" for key, value in sorted(session.applied.items()) if "." in key)
    return Way(list(steps(row[0][0]["Plan"])) if row else [], settings)


def unproven(ways: Sequence[Way], table: Table) -> str:
    """Why one of them does not go as asked; empty where all do."""
    for way in ways:
        used = {step.index for step in way.steps if step.index}
        if table.indexes and not used.intersection(table.indexes):
            return f"PostgreSQL searches without the index: {way}"
        if not table.indexes and used:
            return f"PostgreSQL searches by an index: {way}"
    return ""


def proof_of(session: Session, table: Table, ways: Sequence[Way]) -> dict[str, str]:
    """The plans of searches, and how their index is defined."""
    name = table.name.replace("%%", "%")
    definitions = session.connection.execute(DEFINITIONS, [name, list(table.indexes)]).fetchall()
    settings = "; ".join(dict.fromkeys(way.settings for way in ways))
    return {
        "plan": "; ".join(dict.fromkeys(map(str, ways))),
        "column": f"{table.kept.column}({table.dims})",
        "index": printable("; ".join(text for (text,) in definitions), 1000) or "none: every vector is compared",
        **({"settings": settings} if settings else {}),
    }


def steps(node: Mapping[str, Any]) -> Iterator[Step]:
    """A node and those below it."""
    yield Step(str(node["Node Type"]), node.get("Index Name"))
    for child in node.get("Plans", ()):
        yield from steps(child)


def sizes(session: Session, table: Table) -> tuple[int, int]:
    """Bytes of the table (its primary key and long vectors, too), and of that with the indexes that are searched."""
    name = table.name.replace("%%", "%")
    row = session.connection.execute(SIZES, [list(table.indexes), name]).fetchone()
    of_table, of_indexes = (int(part) for part in row) if row else (0, 0)
    return of_table, of_table + of_indexes
