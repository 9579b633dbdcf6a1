"""A table that is there already: found and read, never changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError, did_you_mean, printable
from evalkit.search.engine import Payload
from evalkit.search.engines.pgvector.codes import MADE_OF, MOST_KEPT, Kept, as_floats, kept
from evalkit.search.engines.pgvector.connection import Session
from evalkit.search.engines.pgvector.methods import EXACT, METHODS, method_of
from evalkit.search.engines.pgvector.table import Table, quoted
from evalkit.search.engines.there_already import UP_TO, Matched, contract_in, matched
from evalkit.vectors.matrix import Vectors

PAGE = 10_000  # ids that are read at once
READ_ONLY = {"default_transaction_read_only": "on"}
TABLES = """select n.nspname, c.relname, c.oid, pg_table_is_visible(c.oid)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'm') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')"""
COLUMNS = """select attname, split_part(format_type(atttypid, null), '.', -1), atttypmod
  from pg_attribute where attrelid = %s and attnum > 0 and not attisdropped"""
INDEXES = """select c.relname, m.amname, o.opcname, pg_get_indexdef(c.oid)
  from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am m on m.oid = c.relam
  join pg_opclass o on o.oid = i.indclass[0]
  where i.indrelid = %s and i.indisvalid and m.amname in ('hnsw', 'ivfflat')"""


@dataclass(frozen=True)
class TableThere:
    """``table`` has no keys yet; ``name`` is what it is called, ``contract`` what its comment says."""

    table: Table
    name: str
    contract: Mapping[str, Any] | None


def found_table(session: Session, index: IndexConfig, quantization: QuantizationConfig, dims: int) -> TableThere:
    """The table of ``index``. Raises UserError where there is none that can be searched as asked for."""
    if not index.id_column or not index.vector_column:
        raise UserError(
            f"of the table {said(index.table)} the columns are not known.",
            "Name those of the corpus's ids and of the vectors: id_column and vector_column.",
        )
    schema, name, number = table_of(session, index.table or "")
    types = {column: (kind, size) for column, kind, size in session.connection.execute(COLUMNS, [number]).fetchall()}
    for column in (index.id_column, index.vector_column):
        if column not in types:
            raise UserError(f"the table {said(name)} has no column {said(column)}.", did_you_mean(column, types))
    what = kept_there(name, index.vector_column, types[index.vector_column], quantization, dims)
    distance, indexes = indexes_of(session, number, name, what, index)
    table = Table(
        name=f"{quoted(schema)}.{quoted(name)}",
        key=f"{quoted(index.id_column)}::text",
        column=quoted(index.vector_column),
        dims=dims,
        kept=what,
        distance=distance,
        indexes=indexes,
    )
    comment = session.connection.execute("select obj_description(%s, 'pg_class')", [number]).fetchone()
    return TableThere(table, name, contract_in(comment[0] if comment else None))


def table_of(session: Session, given: str) -> tuple[str, str, int]:
    """Schema, name and number of the table that is called so, with or without its schema, letter by letter."""
    there = session.connection.execute(TABLES).fetchall()
    for schema, name, number, is_visible in there:
        if given == f"{schema}.{name}" or (given == name and is_visible):
            return schema, name, number
    names = [name if is_visible else f"{schema}.{name}" for schema, name, _, is_visible in there]
    raise UserError(f"there is no table {said(given)} in this database.", did_you_mean(given, names))


def kept_there(name: str, column: str, kind: tuple[str, int], asked: QuantizationConfig, dims: int) -> Kept:
    """The column's type and the codes that ``asked`` for. Raises UserError where these can't be had of it."""
    (type_, size), what = kind, kept(asked)
    if type_ not in MOST_KEPT:
        raise UserError(
            f"the column {said(column)} of {said(name)} holds {said(type_)}, no vectors.",
            "Name a column of vector, halfvec or bit as vector_column.",
        )
    if size > 0 and size != dims:
        raise UserError(f"the table {said(name)} has vectors of {size:,} dims, not {dims:,}.", f"Set dims=[{size}].")
    is_possible = type_ == what.column if asked.rescore else (type_, what.codes) in MADE_OF or type_ == what.codes
    if not is_possible:
        wanted = what.column if asked.rescore else what.codes
        raise UserError(
            f"the column {said(column)} of {said(name)} holds {type_}, which can't be searched as {wanted}.",
            "Choose the quantization that the table has: float32 of vector, float16 of halfvec, binary of bit.",
        )
    return Kept(type_, what.codes)


def indexes_of(session: Session, number: int, name: str, what: Kept, index: IndexConfig) -> tuple[str, tuple[str, ...]]:
    """By which distance the table is searched, and its indexes for that. Raises UserError where it has none."""
    method = method_of(index)
    if method == EXACT:
        return ("hamming" if what.codes == "bit" else "cosine"), ()
    there = session.connection.execute(INDEXES, [number]).fetchall()
    usable: dict[str, list[str]] = {}
    for index_name, index_method, operators, _ in there:
        codes, _, distance = operators.removesuffix("_ops").partition("_")
        if (index_method, codes) == (method, what.codes) and distance in ("ip", "cosine", "l2", "hamming"):
            usable.setdefault(distance, []).append(index_name)
    if not usable:
        listed = ", ".join(f"{said(index_name)} ({kind}, {operators})" for index_name, kind, operators, _ in there)
        others = [kind for kind in METHODS if kind == EXACT or kind in {row[1] for row in there}]
        raise UserError(
            f"the table {said(name)} has no index {method} of {what.codes}; it has {listed or 'none of vectors'}.",
            f"Search it with {' or '.join(f'index=pgvector_{kind}' for kind in others)}.",
        )
    distance = next(iter(usable))
    return distance, tuple(usable[distance])


def matched_table(
    session: Session, there: TableThere, documents: Vectors, payload: Payload
) -> tuple[Table, Matched[str]]:
    """The table with the key of each row.

    Raises UserError where its ids are not those of the corpus, or its vectors not those of the model.
    """
    table = there.table
    name = f"the table {said(there.name)}"
    if payload.labels:
        raise UserError(f"{name} is searched as it is: it has no labels to filter by.", "Leave out table, or filter.")
    pairs = ((key, key) for key in ids(session, table))

    def vectors(keys: list[str]) -> list[Any]:
        found = vectors_of(session, table, keys)
        return [found.get(key, []) for key in keys]

    count, are_signs = counted(session, table, UP_TO * len(documents)), table.kept.column == "bit"
    found = matched(name, payload.ids, documents, count, pairs, vectors, are_signs)
    return replace(table, keys=payload.ids, row=found.rows), found


def counted(session: Session, table: Table, most: int) -> int:
    """How many vectors it has, up to ``most``: a table of any size is told from the corpus's at once."""
    rows = f"select 1 from {table.name} where {table.column} is not null limit {int(most)}"  # noqa: S608
    row = session.connection.execute(f"select count(*) from ({rows}) rows", ()).fetchone()  # noqa: S608
    return int(row[0]) if row else 0


def ids(session: Session, table: Table) -> Iterator[str]:
    """Those of rows with a vector, in pages; null where a row has none."""
    with session.connection.transaction(), session.connection.cursor("ids") as cursor:
        cursor.itersize = PAGE
        cursor.execute(f"select {table.key} from {table.name} where {table.column} is not null", ())  # noqa: S608
        for (key,) in cursor:
            yield key


def vectors_of(session: Session, table: Table, keys: Sequence[Any]) -> dict[Any, Any]:
    """The column's values of ``keys``, as numbers."""
    query = f"select {table.key}, {table.column} from {table.name} where {table.key} = any(%s)"  # noqa: S608
    values = session.connection.execute(query, [list(keys)], binary=table.kept.column != "bit")
    return {key: as_floats(vector) for key, vector in values.fetchall()}


def said(foreign: str | None) -> str:
    return f"'{printable(foreign or '', 80)}'"
