"""Every setting that an engine plans has a text, and the engine's own client library takes what it says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices
from evalkit.errors import UserError
from evalkit.recipes.recipe import recipe_of
from evalkit.search import operating_points, plan
from tests.recipes.stored import CONFIG, DIMS, DOCUMENTS, IDS, QUERIES, VECTORS, names_of, run_of
from tests.search.engines.milvus.collections import served
from tests.search.engines.milvus.stand_in import StandIn
from tests.search.engines.weaviate_stub import weaviate_stub

DATABASES = [name for name in group_choices("index") if compose("run", [f"index={name}"]).index[name].engine != "faiss"]
PAIRS = QuantizationConfig(kind="product", bits=4, subvector_dims=2)  # all that Milvus's SCANN has
PARTS = QuantizationConfig(kind="product", bits=8, subvector_dims=4)  # 6 parts of 24 dims
BYTES = QuantizationConfig(kind="rabitq", bits=8)  # which Weaviate has
QUANTIZATIONS = {**CONFIG.quantization, "pairs": PAIRS, "parts": PARTS, "bytes": BYTES}


def texts(name: str, address: str | None = None, **options: Any) -> dict[tuple[str, str], str]:
    """The text of every quantization and operating point that the engine plans for the index of conf/."""
    of_conf: IndexConfig = compose("run", [f"index={name}"]).index[name]
    index = replace(of_conf, url=address, options={**of_conf.options, **options})
    found: dict[tuple[str, str], str] = {}
    for word, quantization in QUANTIZATIONS.items():
        try:
            planned = plan(DIMS, DOCUMENTS, quantization, index)
        except UserError:
            continue
        for point in operating_points(name, index, quantization, 10):
            of_point = point.name.removeprefix(name).strip("()")
            stored = {"operating_point": of_point, "candidates": point.candidates, "metric": planned.metric}
            about = run_of(word, index, name.removeprefix(f"{index.engine}_"), changed=quantization, **stored)
            found[word, of_point] = recipe_of(*about).text
    return found


def found_by(text: str, client: Any) -> np.ndarray:
    """How many of the ten nearest each search of the text finds, in a collection that it made and filled."""
    names = names_of(text)
    names["create"](client)
    names["fill"](client, IDS, VECTORS.tolist())
    best = np.argsort(-(QUERIES @ VECTORS.T), axis=1)[:, :10]
    ids = [[id_ for id_, _ in names["search"](client, query.tolist())] for query in QUERIES]
    return np.array([len({IDS[row] for row in rows} & set(own)) for rows, own in zip(best, ids, strict=True)])


@pytest.mark.filterwarnings("ignore:.*has no effect:UserWarning")
def test_texts_of_qdrant() -> None:
    """Its local mode takes what a server takes, and searches exactly."""
    from qdrant_client import QdrantClient

    every = texts("qdrant_hnsw") | texts("qdrant_exact")
    assert len(every) > 10
    for text in every.values():
        client = QdrantClient(":memory:")
        assert (found_by(text, client) == 10).all()
        client.close()


@pytest.mark.parametrize(("name", "kinds"), [("milvus_flat", 3), ("milvus_hnsw", 5), ("milvus_ivf", 7)])
def test_texts_of_milvus_with_all_kinds_of_a_server(name: str, kinds: int) -> None:
    """By the stand-in, which compares all vectors as they were sent to it."""
    from pymilvus import MilvusClient

    from evalkit.search.engines.milvus.lite import imported

    with imported(), served(StandIn()) as (address, _):
        every = texts(name, address)
    assert len({word for word, _ in every}) >= kinds
    for (word, _), text in every.items():
        server = StandIn()
        with imported(), served(server) as (address, _):
            client = MilvusClient(address, dedicated=True)
            assert found_by(text, client).mean() > (2 if word == "binary" else 9), word
            client.close()
        ((name_of_index, metric),) = {(each["index_type"], each["metric_type"]) for each in server.indexes.values()}
        assert f"index_type='{name_of_index}'" in text
        assert metric == ("HAMMING" if word == "binary" else "IP")


@pytest.mark.parametrize("name", ["weaviate_flat", "weaviate_hnsw"])
def test_texts_of_weaviate(name: str) -> None:
    """As its own classes would send them; what is not compressed says so, as a server may compress what does not."""
    from tests.recipes.test_other_texts import weaviate_settings

    with weaviate_stub() as stub:
        every = texts(name, stub.url, grpc_port=stub.grpc_port)
    assert every
    for (word, _), text in every.items():
        _, vector = weaviate_settings(text)
        settings = vector["vectorIndexConfig"]
        assert vector["vectorIndexType"] == name.removeprefix("weaviate_")
        codes = {key for key in ("sq", "bq", "pq", "rq") if settings.get(key, {}).get("enabled")}
        assert len(codes) == (word != "float32")
        assert settings.get("skipDefaultQuantization", False) == (word == "float32")


@pytest.mark.parametrize("name", [name for name in DATABASES if name.startswith("pgvector")])
def test_texts_of_pgvector(name: str) -> None:
    """tests/recipes/test_pgvector_text.py runs such in a PostgreSQL."""
    every = texts(name)
    assert {word for word, _ in every} >= {"float32", "float16", "binary", "binary_rescore"}
    assert all(text.count("PREPARE") == 1 for text in every.values())


def test_every_index_of_conf_is_one_of_these() -> None:
    known = ("qdrant_", "milvus_", "weaviate_", "pgvector_", "pinecone")
    assert {name for name in DATABASES if not name.startswith(known)} == set()
