"""No message has what opens a server in it, whichever engine quotes whichever server or library."""

from collections.abc import Callable
from urllib.parse import quote

import pytest

from evalkit.config import IndexConfig
from evalkit.search.engines.milvus.connection import Connection as Milvus
from evalkit.search.engines.pgvector.connection import without_secrets
from evalkit.search.engines.qdrant.connection import Connection as Qdrant
from evalkit.search.engines.server_errors import foreign_words, secrets_in, secrets_of
from evalkit.search.engines.weaviate.connection import Connection as Weaviate

PASSWORD, KEY, PG = "p@ss/w0rd-Zx9", "key-7f3a91c2d4e5", "pg-Qw4-hunter"
SAYING: dict[str, Callable[[IndexConfig, str], str]] = {
    "pgvector": without_secrets,
    "qdrant": lambda index, said: Qdrant(index).safe(said),
    "milvus": lambda index, said: Milvus(index, index_address(), "there").safe(said),
    "weaviate": lambda index, said: Weaviate(index).server.words(said),
}


def index_address() -> str:
    return f"https://reader:{quote(PASSWORD, safe='')}@db.example:8443"


@pytest.mark.parametrize("engine", SAYING)
def test_no_engine_quotes_a_password_or_a_key(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scheme = "postgresql" if engine == "pgvector" else "https"
    monkeypatch.setenv("ADDRESS", index_address().replace("https", scheme))
    monkeypatch.setenv("THE_KEY", f"root:{KEY}" if engine == "milvus" else KEY)
    monkeypatch.setenv("PGPASSWORD", PG)
    index = IndexConfig(engine=engine, url_variable="ADDRESS", key_variable="THE_KEY")
    secrets = [PASSWORD, quote(PASSWORD, safe=""), PG, *([KEY] if engine != "pgvector" else [])]
    said = SAYING[engine](index, f"no login with {' or '.join(secrets)}\nat\x1b[2J db.example")
    assert said.startswith(f"no login with {' or '.join(['<removed>'] * len(secrets))} at")
    assert "\n" not in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:6333", []),
        ("postgresql://analytics@host/db", []),
        ("postgresql://me:a%20b@host:5432/db?sslmode=require", ["a%20b", "a b"]),
        ("postgresql://me:se/cr?t@host/db", ["se/cr?t"]),
        ("postgresql://host/db?user=me&password=pw1", ["pw1"]),
        ("host=h user=me password='it\\'s' sslpassword=other", ["it's", "other"]),
        ("https://tokenthatislong@host", ["tokenthatislong"]),
        ("https://host?api-key=k1&limit=5", ["k1"]),
        ("me:secret@host:9", ["secret"]),
    ],
)
def test_what_of_an_address_is_secret(address: str, expected: list[str]) -> None:
    assert sorted(set(secrets_in(address))) == sorted(expected)


def test_of_two_secrets_the_longer_goes_first() -> None:
    assert foreign_words("it is root:Milvus-secret.", secrets_of(None, "root:Milvus-secret")) == "it is <removed>"
