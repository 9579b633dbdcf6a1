"""A server beside that of evalkit's own: what a user has, asked by its address in an environment variable."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache

import psycopg
import pytest
from pgvector.psycopg import register_vector

from evalkit.config import IndexConfig
from evalkit.config.compose import compose
from evalkit.search.engines.pgvector.private_server import private_server

VARIABLE = "DATABASE_OF_A_TEST"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with private_server() as (folder, _):
        yield f"host={folder / 'data'} user=postgres dbname=postgres"


@pytest.fixture
def server(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A connection to it; VARIABLE is its address."""
    monkeypatch.setenv(VARIABLE, address)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("create extension if not exists vector")
        register_vector(connection)
        yield connection


def at_server(name: str, **settings: object) -> IndexConfig:
    """The index of conf/ that is called so, in that server."""
    config = of_conf_anew(name)
    config.url_variable = VARIABLE
    for setting, value in settings.items():
        setattr(config, setting, value)
    return config


def of_conf_anew(name: str) -> IndexConfig:
    """The index of conf/ that is called so, to be changed."""
    return deepcopy(of_conf(name))


@cache
def of_conf(name: str) -> IndexConfig:
    config: IndexConfig = compose("run", [f"index={name}"]).index[name]
    return config


def schemas(server: psycopg.Connection) -> set[str]:
    rows = server.execute("select nspname from pg_namespace where nspname like 'evalkit%'").fetchall()
    return {name for (name,) in rows}
