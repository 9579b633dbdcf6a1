"""Connections to PostgreSQL: opened, made ready for vectors, and what goes wrong there in one line without secrets."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evalkit.config import IndexConfig
from evalkit.errors import UserError, printable
from evalkit.search.engines.database import address_of
from evalkit.search.engines.pgvector.private_server import private_address
from evalkit.search.engines.server_errors import foreign_words, secrets_of
from evalkit.web.addresses import shown

if TYPE_CHECKING:
    from psycopg import Connection

OLDEST = (0, 7)  # without halfvec and binary_quantize
PROBES = 4  # of a connection on which nothing comes, before it is given up
HINTS = {  # SQLSTATE, or its class: what helps
    "28": "Give the right user in the address and the password in PGPASSWORD, or both by url_variable.",
    "3D": "Name a database that is there at the end of the address.",
    "42501": "Ask for the right to do this, CREATE on the database for tables of a run's own.",
    "53100": "The server's disk is full: free some of it, or try fewer documents.",
    "53200": "The server is out of memory: try fewer documents or dims.",
    "53300": "Raise max_connections of the server, or try fewer clients at once.",
    "53400": "A limit of the server is too low for this.",
    "54": "Raise options.maintenance_work_mem, or build a smaller index (fewer lists, fewer dims).",
    "57014": "It took longer than timeout_seconds: raise it, or try fewer candidates.",
}
UNLIMITED = {"statement_timeout": "0"}  # of what fills and builds, which takes as long as it takes
UNREACHABLE = "Is it running, and is this its address? A password belongs into PGPASSWORD or url_variable."
LOST = "What was finished is kept; run it again when the server is back."
VERSIONS = """select current_setting('server_version'), e.extversion,
  set_config('search_path', concat_ws(', ', nullif(current_setting('search_path'), ''), quote_ident(n.nspname)), false)
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector'"""


@dataclass
class Session:
    """A ``connection`` that knows vectors, and which settings have been ``applied`` to it."""

    connection: "Connection[Any]"
    version: str = ""
    pgvector: tuple[int, ...] = ()
    applied: dict[str, str] = field(default_factory=dict)

    def apply(self, settings: Mapping[str, str]) -> None:
        """Set what is not set already."""
        changed = {name: value for name, value in settings.items() if self.applied.get(name) != value}
        if changed:
            calls = ", ".join("set_config(%s, %s, false)" for _ in changed)
            self.connection.execute(f"select {calls}", [text for pair in changed.items() for text in pair])
            self.applied |= changed


def opened(index: IndexConfig, settings: Mapping[str, str] | None = None) -> Session:
    """A new session with ``settings``, whose statements end after ``timeout_seconds`` unless these say otherwise.

    Raises UserError where there is none, or no pgvector that is new enough.
    """
    import psycopg
    from pgvector.psycopg import register_vector

    logging.getLogger("psycopg").addHandler(logging.NullHandler())  # of a lost connection it says more than one line
    address = address_of(index) or private_address()
    seconds = max(PROBES, int(index.timeout_seconds))
    with told(index, "connecting"):
        connection = psycopg.connect(
            address,
            autocommit=True,
            connect_timeout=seconds,
            tcp_user_timeout=1000 * seconds,
            keepalives_idle=seconds // PROBES,
            keepalives_interval=seconds // PROBES,
            keepalives_count=PROBES - 1,
            client_encoding="utf8",
            fallback_application_name="evalkit",
        )
    try:
        with told(index, "connecting"):
            session = Session(connection)
            session.apply({"statement_timeout": f"{int(index.timeout_seconds * 1000)}ms"})
            if not address_of(index):
                connection.execute("create extension if not exists vector")
            row = connection.execute(VERSIONS).fetchone()
            if row is None:
                raise no_extension(index, connection)
            session.version, session.pgvector = words(row[0], row[1]), numbers(row[1])
            if session.pgvector < OLDEST:
                raise UserError(f"{place(index)} has pgvector {row[1]}, which has no halfvec.", "0.7 is the oldest.")
            register_vector(connection)
            session.apply(settings or {})
        return session
    except BaseException:
        connection.close()
        raise


def closed(session: Session) -> None:
    session.connection.close()


def no_extension(index: IndexConfig, connection: "Connection[Any]") -> UserError:
    available = connection.execute("select 1 from pg_available_extensions where name = 'vector'").fetchone()
    hint = "Install pgvector on the server; then, in this database: create extension vector."
    return UserError(
        f"the database of {place(index)} has no extension vector.",
        "Say in this database: create extension vector." if available else hint,
    )


def words(postgresql: str, pgvector: str) -> str:
    """``PostgreSQL 18.4, pgvector 0.8.5``."""
    return printable(f"PostgreSQL {postgresql.split()[0]}, pgvector {pgvector}", 100)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def place(index: IndexConfig) -> str:
    """The server as messages call it."""
    if index.url_variable:
        return f"the PostgreSQL of {index.url_variable}"
    return f"the PostgreSQL at {printable(shown(index.url), 200)}" if index.url else "the private PostgreSQL"


@contextmanager
def told(index: IndexConfig, doing: str) -> Iterator[None]:
    """Raises UserError for whatever PostgreSQL or the way to it refuses within; ``doing`` says at what."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        state = error.sqlstate or ""
        lost = LOST if doing != "connecting" else UNREACHABLE
        hint = HINTS.get(state) or HINTS.get(state[:2]) or (lost if is_lost(error) else "What it says may tell why.")
        said = without_secrets(index, error.diag.message_primary or str(error))
        raise UserError(f"{place(index)}, {doing}: {said}.", hint) from None


def is_lost(error: Exception) -> bool:
    """Whether there is no server at the other end (any more)."""
    import psycopg

    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)


def without_secrets(index: IndexConfig, text: str) -> str:
    """``text`` on one line, without what opens the server; nothing of an address that is none."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    address = address_of(index)
    try:
        conninfo_to_dict(address or "")
    except ProgrammingError:
        return "its address can't be read: postgresql://user@host:5432/database is one"
    lines = [line for line in text.splitlines() if not line.startswith("\t")]  # libpq guesses
    return foreign_words(" ".join(lines).removeprefix("connection is bad: "), secrets_of(address))


@contextmanager
def one_session(index: IndexConfig, settings: Mapping[str, str] | None = None) -> Iterator[Session]:
    """A session that is closed at the end."""
    session = opened(index, settings)
    try:
        yield session
    finally:
        with suppress(Exception):
            closed(session)
