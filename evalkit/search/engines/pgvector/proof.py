"""What PostgreSQL itself says: by which index a search goes, how that index was made, and how many bytes all takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.errors import printable
from evalkit.search.engine import Plan
from evalkit.search.engines.pgvector.codes import as_parameter
from evalkit.search.engines.pgvector.connection import Session
from evalkit.search.engines.pgvector.table import Table

EXPLAINED_K = 10
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


def explained(session: Session, table: Table, plan: Plan) -> list[Step]:
    """The plan of a search at the session's settings, the outermost step first."""
    query = np.full(plan.dims, plan.dims**-0.5)
    statement, kinds = table.nearest(EXPLAINED_K), [table.kept.codes]
    if plan.quantization.rescore:
        statement, kinds = table.rescored(EXPLAINED_K, EXPLAINED_K), [table.kept.column, table.kept.codes]
    parameters = [as_parameter(kind, query) for kind in kinds]
    row = session.connection.execute(f"explain (format json, costs off) {statement}", parameters).fetchone()
    return list(steps(row[0][0]["Plan"])) if row else []


def unproven(way: Sequence[Step], table: Table) -> str:
    """Why it does not go as asked; empty where it does."""
    used = {step.index for step in way if step.index}
    if table.indexes and not used.intersection(table.indexes):
        return f"PostgreSQL searches without the index: {in_words(way)}"
    if not table.indexes and used:
        return f"PostgreSQL searches by an index: {in_words(way)}"
    return ""


def proof_of(session: Session, table: Table, way: Sequence[Step]) -> dict[str, str]:
    """The plan of a search, and how its index is defined."""
    name = table.name.replace("%%", "%")
    definitions = session.connection.execute(DEFINITIONS, [name, list(table.indexes)]).fetchall()
    settings = ", ".join(f"{key} = {value}" for key, value in sorted(session.applied.items()) if "." in key)
    return {
        "plan": in_words(way),
        "column": f"{table.kept.column}({table.dims})",
        "index": printable("; ".join(text for (text,) in definitions), 1000) or "none: every vector is compared",
        **({"settings": settings} if settings else {}),
    }


def in_words(way: Sequence[Step]) -> str:
    return printable(" > ".join(map(str, way)), 500)


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
