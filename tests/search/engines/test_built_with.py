"""Options that a server would refuse once the vectors are there are refused before anything is encoded."""

from typing import Any

import pytest

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError
from evalkit.search import plan
from tests.search.engines.weaviate_stub import weaviate_stub

FLOAT32 = QuantizationConfig(faiss="Flat", kind="float", bits=32)


def planned(url: str = "http://127.0.0.1:1", **options: Any) -> str:
    return plan(32, 100, FLOAT32, IndexConfig(engine="weaviate", url=url, options=options)).words


@pytest.mark.parametrize("option", ["m", "ef_construction"])
@pytest.mark.parametrize("value", ["many", -1, 3, 16.5, True])
def test_weaviate_builds_its_graph_with_whole_numbers(option: str, value: Any) -> None:
    with pytest.raises(UserError) as raised:
        planned(**{option: value})
    assert raised.value.sentences == f"options.{option}={value} is not possible. Give a whole number of at least 4."


def test_what_is_null_weaviate_chooses() -> None:
    with weaviate_stub() as stub:
        there = {"url": stub.url, "grpc_port": stub.grpc_port}
        assert planned(**there, m=None, ef_construction=4) == planned(**there)
