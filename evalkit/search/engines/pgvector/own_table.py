"""A table of a run's own, in a schema of its own: made, filled by COPY, indexed, and removed at the end."""

from collections.abc import Iterator
from contextlib import suppress
from secrets import token_hex
from typing import Any

from evalkit.search.engine import Payload, Plan
from evalkit.search.engines.database import PREFIX, is_orphan, own_name
from evalkit.search.engines.pgvector.codes import as_parameter, kept
from evalkit.search.engines.pgvector.connection import UNLIMITED, Session, one_session, told
from evalkit.search.engines.pgvector.methods import EXACT, MEMORY, built_with, method_of
from evalkit.search.engines.pgvector.table import Table, quoted
from evalkit.vectors.matrix import Vectors

TABLE, COLUMN, INDEX = "documents", "embedding", "documents_embedding"
MOST_WORKERS = 1024


def own_table(plan: Plan, payload: Payload, schema: str) -> Table:
    """As it will be in ``schema``."""
    what = kept(plan.quantization)
    return Table(
        name=f"{schema}.{TABLE}",
        key="row",
        column=COLUMN,
        dims=plan.dims,
        kept=what,
        distance=what.distance,
        indexes=() if method_of(plan.index) == EXACT else (INDEX,),
        labels={name: f"label_{number}" for number, name in enumerate(payload.labels)},
    )


def made(plan: Plan, documents: Vectors, payload: Payload) -> str:
    """Make the table, fill and index it; the name of its schema, which is removed where anything goes wrong."""
    schema = own_name()
    try:
        with one_session(plan.index, UNLIMITED) as session, told(plan.index, "filling a table"):
            drop_orphans(session)
            table = own_table(plan, payload, schema)
            create(session, plan, table, schema)
            copy(session, table, documents, payload)
            session.connection.execute(f"alter table {table.name} add primary key (row)")
            if table.indexes:
                build_index(session, plan, table)
            session.connection.execute(f"vacuum (analyze) {table.name}")
            if plan.index.keep:
                schema = kept_for_good(session, schema)
    except BaseException:
        dropped(plan, schema)
        raise
    return schema


def create(session: Session, plan: Plan, table: Table, schema: str) -> None:
    session.connection.execute(f"create schema {schema}")
    labels = "".join(f", {column} bigint" for column in (table.labels or {}).values())
    vector = f"{COLUMN} {table.kept.column}({plan.dims})"
    session.connection.execute(f"create table {table.name} (row bigint, id text, {vector}{labels})")


def copy(session: Session, table: Table, documents: Vectors, payload: Payload) -> None:
    columns = ["row", "id", COLUMN, *(table.labels or {}).values()]
    statement = f"copy {table.name} ({', '.join(columns)}) from stdin (format binary)"
    with session.connection.cursor() as cursor, cursor.copy(statement) as copying:
        copying.set_types(["int8", "text", table.kept.column, *("int8" for _ in payload.labels)])
        for values in records(table, documents, payload):
            copying.write_row(values)


def records(table: Table, documents: Vectors, payload: Payload) -> Iterator[list[Any]]:
    ids, labels = payload.ids, list(payload.labels.values())
    for first, block in documents.blocks():
        for row, vector in enumerate(block, first):
            identifier = storable(ids[row]) if len(ids) else str(row)
            yield [row, identifier, as_parameter(table.kept.column, vector), *(int(label[row]) for label in labels)]


def storable(identifier: str) -> str:
    """As PostgreSQL's text can hold it: without NUL and halves of characters, which are spelled."""
    return identifier.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def build_index(session: Session, plan: Plan, table: Table) -> None:
    settings, threads = {}, plan.index.build_threads
    if threads is not None:
        settings["max_parallel_maintenance_workers"] = str(min(threads - 1, MOST_WORKERS))
    if plan.index.options.get(MEMORY):
        settings[MEMORY] = str(plan.index.options[MEMORY])
    session.apply(settings)
    session.connection.execute(f"create index {INDEX} on {table.name} {index_words(plan)}")


def index_words(plan: Plan) -> str:
    """What stands behind the table's name in CREATE INDEX."""
    what = kept(plan.quantization)
    options = built_with(plan.index, plan.documents)
    build = f" with ({', '.join(f'{name} = {value}' for name, value in options.items())})" if options else ""
    codes = what.expression(COLUMN, plan.dims)
    return f"using {method_of(plan.index)} ({codes} {what.codes}_{what.distance}_ops){build}"


def kept_for_good(session: Session, schema: str) -> str:
    """Rename the schema, so that no later run takes it for what a killed one left; its new name."""
    new = f"{PREFIX}_kept_{token_hex(4)}"
    session.connection.execute(f"alter schema {schema} rename to {new}")
    return new


def dropped(plan: Plan, schema: str) -> None:
    """Remove ``schema``; where the server is gone, the next run does it."""
    with suppress(Exception), one_session(plan.index) as session:
        session.connection.execute(f"drop schema if exists {quoted(schema)} cascade")


def drop_orphans(session: Session) -> None:
    """Remove what runs of this machine that were killed left in this database."""
    session.apply({"lock_timeout": "3s"})  # a killed run's server may still be building
    names = session.connection.execute(r"select nspname from pg_namespace where nspname like 'evalkit\_%%'", ())
    for (name,) in names.fetchall():
        if is_orphan(name):
            with suppress(Exception):  # another user's, or gone already
                session.connection.execute(f"drop schema if exists {quoted(name)} cascade")
    session.apply({"lock_timeout": "0"})
