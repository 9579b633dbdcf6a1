"""Tables of a run's own in a user's server: removed at the end, whatever happens, and each fault in one clear line."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import psycopg
import pytest

from evalkit.arrays import FloatMatrix
from evalkit.config import IndexConfig
from evalkit.errors import UserError
from evalkit.search import Searcher, Vectors, build, plan
from evalkit.search.engine import Payload
from evalkit.search.engines.database import is_orphan, machine, own_name
from evalkit.search.engines.pgvector.connection import UNLIMITED, one_session, told
from tests.search.engines.contract import ASKED, DIMS, DOCUMENTS, IDS, MATRIX, PLACE, QUANTIZATIONS, best_by_numpy
from tests.search.engines.pgvector.conftest import VARIABLE, at_server, schemas

FLOAT32 = QUANTIZATIONS["float32"]
PASSWORD = "Zx9-hunter-Qw4"  # noqa: S105


def searched(config: IndexConfig) -> Searcher:
    return build(Vectors(MATRIX, DIMS), PLACE, FLOAT32, config, payload=Payload(IDS))


def refusal(config: IndexConfig) -> str:
    with pytest.raises(UserError) as refused:
        plan(DIMS, DOCUMENTS, FLOAT32, config)
    assert refused.value.hint
    assert "\n" not in refused.value.problem
    return refused.value.problem


def end_all_sessions(server: psycopg.Connection) -> None:
    server.execute("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'evalkit'")


@dataclass(frozen=True)
class Cut(Vectors):
    """Vectors after whose first block every session of evalkit is ended."""

    server: psycopg.Connection

    def blocks(self) -> Iterator[tuple[int, FloatMatrix]]:
        yield 0, MATRIX[:400]
        end_all_sessions(self.server)
        yield 400, np.tile(MATRIX[400:], (1, 1))


def test_a_run_s_own_schema_has_the_ids_as_they_were_and_goes_with_the_run(server: psycopg.Connection) -> None:
    with searched(at_server("pgvector_hnsw")) as searcher:
        (schema,) = schemas(server)
        server.execute(f"vacuum {schema}.documents")  # there is nothing left to give back
        rows = server.execute(f"select id from {schema}.documents order by row").fetchall()
        facts = searcher.index.facts()
        built = searcher.built
        heap, index = server.execute(
            f"select pg_table_size('{schema}.documents'), pg_relation_size('{schema}.documents_embedding')"
        ).fetchone()
    assert [identifier for (identifier,) in rows] == IDS
    assert not is_orphan(schema)
    assert schemas(server) == set()
    assert "Index Scan using documents_embedding" in facts.proof["plan"]
    assert "hnsw (embedding" in facts.proof["index"]
    assert facts.version.startswith("PostgreSQL 18")
    assert index == built.index_bytes - built.table_bytes > 0
    assert 0 < built.table_bytes - heap < heap  # the primary key


def test_what_is_kept_is_told_and_no_later_run_takes_it_for_a_killed_one_s(
    server: psycopg.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    searched(at_server("pgvector_exact", keep=True)).close()
    (schema,) = schemas(server)
    assert f"kept: the table {schema}.documents in the PostgreSQL of {VARIABLE}" in capsys.readouterr().err
    searched(at_server("pgvector_exact")).close()
    assert schemas(server) == {schema}
    server.execute(f"drop schema {schema} cascade")


def test_what_a_killed_run_left_goes_with_the_next(server: psycopg.Connection) -> None:
    dead = f"evalkit_{machine()}_999999999_1700000000_0a0b0c0d"  # of a process that never was
    living = own_name()
    for schema in (dead, living):
        server.execute(f"create schema {schema}")
    searched(at_server("pgvector_exact")).close()
    assert schemas(server) == {living}
    server.execute(f"drop schema {living}")


def test_a_session_that_ends_while_searching_is_one_line_and_nothing_is_left(server: psycopg.Connection) -> None:
    with searched(at_server("pgvector_exact")) as searcher:
        assert searcher.rank(ASKED, 10).rows.tolist() == best_by_numpy(10).tolist()
        end_all_sessions(server)
        with pytest.raises(UserError, match=f"PostgreSQL of {VARIABLE}, searching: ") as lost:
            searcher.find(ASKED[:1], 10)
    assert "What was finished is kept" in lost.value.hint
    assert schemas(server) == set()


@pytest.mark.parametrize("keep", [False, True])
def test_a_session_that_ends_while_filling_is_one_line_and_nothing_is_left(
    server: psycopg.Connection, keep: bool
) -> None:
    with pytest.raises(UserError, match=f"PostgreSQL of {VARIABLE}, filling a table: "):
        build(Cut(MATRIX, DIMS, server), PLACE, FLOAT32, at_server("pgvector_exact", keep=keep), payload=Payload(IDS))
    assert schemas(server) == set()


def test_a_statement_that_waits_too_long_is_told_and_what_fills_has_no_limit(server: psycopg.Connection) -> None:
    config = at_server("pgvector_exact", timeout_seconds=1.5)
    with one_session(config) as session, told(config, "waiting"):
        assert session.connection.execute("show statement_timeout").fetchone() == ("1500ms",)
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.connection.execute("select pg_sleep(60)")
    with one_session(config, UNLIMITED) as session:
        assert session.connection.execute("show statement_timeout").fetchone() == ("0",)
        assert session.connection.execute("select pg_sleep(2)").fetchone()


@pytest.mark.usefixtures("server")
def test_a_dead_connection_is_noticed_after_the_time_that_is_given() -> None:
    with one_session(at_server("pgvector_exact", timeout_seconds=60), UNLIMITED) as session:
        set_to = session.connection.info.get_parameters()
    keepalives = [int(set_to[f"keepalives_{name}"]) for name in ("idle", "interval", "count")]
    assert keepalives[0] + keepalives[1] * keepalives[2] == 60
    assert set_to["tcp_user_timeout"] == "60000"


def test_a_password_that_is_refused_is_in_no_message(
    server: psycopg.Connection, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((rules,),) = server.execute("show hba_file").fetchall()
    server.execute("create role guarded login password 'another'")
    before = server.execute("select pg_read_file(%s)", [rules]).fetchone()[0]
    with open(rules, "w") as file:  # noqa: PTH123
        file.write("local all guarded scram-sha-256\n" + before)
    server.execute("select pg_reload_conf()")
    guarded = address.replace("user=postgres", "user=guarded")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv(VARIABLE, guarded)
    said = refusal(at_server("pgvector_exact"))
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv(VARIABLE, f"{guarded} password={PASSWORD}")
    said += refusal(at_server("pgvector_exact"))
    assert said.count('password authentication failed for user "guarded"') == 2
    monkeypatch.setenv(VARIABLE, f"postgresql://guarded:{PASSWORD}@[broken")
    assert PASSWORD not in said + refusal(at_server("pgvector_exact"))
    config = at_server("pgvector_exact", url=f"{guarded} password={PASSWORD}", url_variable=None)
    assert refusal(config) == "url holds a password, and a run keeps its settings."


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("host=/nowhere user=postgres", "connecting: connection to server on socket"),
        ("host=127.0.0.1 port=9 user=postgres", "connecting: connection "),
        ("not an address", "its address can't be read"),
    ],
)
def test_a_server_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, address: str, expected: str) -> None:
    monkeypatch.setenv(VARIABLE, address)
    assert expected in refusal(at_server("pgvector_exact"))


def test_a_database_that_can_not_do_it_is_refused(
    server: psycopg.Connection, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.execute("create database bare")
    server.execute("create role reader login")
    monkeypatch.setenv(VARIABLE, address.replace("dbname=postgres", "dbname=bare"))
    assert "has no extension vector" in refusal(at_server("pgvector_exact"))
    monkeypatch.setenv(VARIABLE, address.replace("dbname=postgres", "dbname=none"))
    assert 'database "none" does not exist' in refusal(at_server("pgvector_exact"))
    monkeypatch.setenv(VARIABLE, address.replace("user=postgres", "user=reader"))
    assert "the user may not create a schema" in refusal(at_server("pgvector_exact"))
    monkeypatch.setenv(VARIABLE, address)
    newest = server.execute("select extversion from pg_extension where extname = 'vector'").fetchone()[0]
    for version, index, expected in (
        ("0.6.2", "pgvector_exact", "has pgvector 0.6.2, which has no halfvec"),
        ("0.7.4", "pgvector_hnsw", "without iterative_scan"),
    ):
        server.execute("update pg_extension set extversion = %s where extname = 'vector'", [version])
        assert expected in refusal(at_server(index))
    server.execute("update pg_extension set extversion = %s where extname = 'vector'", [newest])
