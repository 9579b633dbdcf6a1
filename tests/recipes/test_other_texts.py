"""Texts of the other databases, run as they stand: in Qdrant's local mode, Milvus Lite, against the SDKs' own calls."""

import inspect
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.errors import UserError
from evalkit.recipes.recipe import recipe_of
from tests.recipes.stored import DIMS, IDS, QUERIES, VECTORS, names_of, run_of

GRAPH = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10, "segments": 1}
QDRANT = IndexConfig(engine="qdrant", options=GRAPH, search={"ef": [64, 512]})
MILVUS = IndexConfig(
    engine="milvus", options={"index_type": "HNSW", "M": 16, "efConstruction": 100}, search={"ef": [8, 400]}
)
LISTS = IndexConfig(engine="milvus", search={"nprobe": [20]})
WEAVIATE = IndexConfig(
    engine="weaviate", options={"index": "hnsw", "m": 32, "ef_construction": 128}, search={"ef": [64]}
)
HOSTILE = ('a"b', "a'b", "a\nimport os; raise SystemExit", '"""', "\\", "{CONTRACT}", "${HOME}", "\u202e", "語")
EXACT = [[IDS[row] for row in rows] for rows in np.argsort(-(QUERIES @ VECTORS.T), axis=1, kind="stable")[:, :10]]


def found(names: dict[str, Any], client: Any) -> list[list[str]]:
    return [[id_ for id_, _ in names["search"](client, query.tolist())] for query in QUERIES]


QDRANT_CODES = {
    "float32": ("", ""),
    "float16": ("Datatype.FLOAT16", ""),
    "int8": ("ScalarType.INT8", "rescore=False"),
    "binary": ("BinaryQuantizationConfig(always_ram=True)", "rescore=False"),
    "binary_rescore": ("BinaryQuantizationConfig(always_ram=True)", "rescore=True, oversampling=4"),
    "pq": ("CompressionRatio.X32", "rescore=False"),
}


@pytest.mark.filterwarnings("ignore:.*has no effect:UserWarning")
@pytest.mark.parametrize("quantization", QDRANT_CODES)
def test_qdrant(quantization: str) -> None:
    """Its local mode takes what a server takes, and searches exactly whatever it is told of graphs and codes."""
    from qdrant_client import QdrantClient

    kept, searched = QDRANT_CODES[quantization]
    candidates = 40 if quantization.endswith("rescore") else None
    text = recipe_of(*run_of(quantization, QDRANT, "hnsw", operating_point="ef=64", candidates=candidates)).text
    assert kept in text
    assert searched in text
    assert "hnsw_ef=64, exact=False" in text
    names = names_of(text)
    client = QdrantClient(":memory:")
    names["create"](client)
    names["fill"](client, IDS, VECTORS.tolist())
    assert found(names, client) == EXACT
    client.close()


def test_qdrants_own_contract_and_options_reach_the_request() -> None:
    from qdrant_client import QdrantClient, models

    text = recipe_of(*run_of("int8", QDRANT, "hnsw", operating_point="ef=512")).text
    client = Recorder(QdrantClient)
    names = names_of(text)
    names["create"](client)
    ((collection,), said) = client.calls["create_collection"]
    assert (collection, said["metadata"]) == ("documents", names["CONTRACT"])
    assert said["vectors_config"] == models.VectorParams(
        size=DIMS, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT32
    )
    assert said["hnsw_config"] == models.HnswConfigDiff(m=16, ef_construct=100, full_scan_threshold=10)
    assert said["optimizers_config"] == models.OptimizersConfigDiff(default_segment_number=1, indexing_threshold=1)


@pytest.mark.parametrize(("quantization", "is_exact"), [("float32", True), ("int8", False), ("binary_rescore", False)])
def test_qdrants_codes_are_compared_where_no_graph_is(quantization: str, is_exact: bool) -> None:
    """Told to be exact, Qdrant passes over them."""
    index = IndexConfig(engine="qdrant", options={"m": 0})
    text = recipe_of(*run_of(quantization, index, "exact", candidates=40)).text
    assert f"exact={is_exact}" in text


def test_qdrant_re_orders_by_vectors_kept_as_halves() -> None:
    changed = QuantizationConfig(kind="binary", bits=1, rescore=RescoreConfig(store="float16"))
    assert (
        "Datatype.FLOAT16" in recipe_of(*run_of("codes", QDRANT, "hnsw", changed=changed, operating_point="ef=64")).text
    )


@pytest.mark.parametrize("serve_k", [3, 7, 10, 30, 49, 100])
def test_qdrant_re_orders_as_many_as_were_measured(serve_k: int) -> None:
    """It cuts oversampling × limit to a whole number."""
    point = {"operating_point": "ef=64", "candidates": 100, "serve_k": serve_k}
    text = recipe_of(*run_of("binary_rescore", QDRANT, "hnsw", **point)).text
    (factor,) = re.findall(r"oversampling=([\d.e]+)", text)
    assert int(float(factor) * serve_k) == 100


@pytest.mark.parametrize(
    ("quantization", "index", "word", "operating_point", "name"),
    [
        ("float32", IndexConfig(engine="milvus"), "flat", "", "FLAT"),
        ("float32", MILVUS, "hnsw", "ef=400", "HNSW"),
        ("float32", LISTS, "ivf", "nprobe=20", "IVF_FLAT"),
        ("int8", MILVUS, "hnsw", "ef=400", "HNSW_SQ"),
        ("int8", LISTS, "ivf", "nprobe=20", "IVF_SQ8"),
    ],
)
def test_milvus(
    quantization: str, index: IndexConfig, word: str, operating_point: str, name: str, tmp_path: Path
) -> None:
    """Every list and every candidate is looked at; codes of eight bits find nearly the same."""
    MilvusClient = pytest.importorskip("pymilvus").MilvusClient  # noqa: N806

    text = recipe_of(*run_of(quantization, index, word, operating_point=operating_point)).text
    assert f"index_type='{name}'" in text
    names = names_of(text)
    client = MilvusClient(str(tmp_path / "lite.db"))
    try:
        names["create"](client)
        names["fill"](client, IDS, VECTORS.tolist())
        ids = found(names, client)
        built = client.describe_index("documents", "vector")
    finally:
        client.close()
    built_with = {"flat": {}, "hnsw": {"M": 16, "efConstruction": 100}, "ivf": {"nlist": 20}}[word]
    assert {key: built.get("params", {}).get(key) for key in built_with} == built_with
    if quantization == "float32":
        assert ids == EXACT
    else:
        assert np.mean([len(set(own) & set(best)) for own, best in zip(ids, EXACT, strict=True)]) > 9


def test_milvus_keeps_the_contract_where_its_engine_reads_it(tmp_path: Path) -> None:
    from evalkit.search.engines.there_already import contract_in

    MilvusClient = pytest.importorskip("pymilvus").MilvusClient  # noqa: N806

    names = names_of(recipe_of(*run_of("float32", IndexConfig(engine="milvus"), "flat")).text)
    client = MilvusClient(str(tmp_path / "lite.db"))
    try:
        names["create"](client)
        properties = client.describe_collection("documents")["properties"]
    finally:
        client.close()
    assert contract_in(properties["evalkit_contract"]) == names["CONTRACT"]


def test_a_collection_of_milvus_that_was_there_is_asked_by_its_own_metric() -> None:
    """Milvus Lite takes any, and gives scores that are none."""
    there = replace(MILVUS, url="http://h", table="theirs")
    texts = [recipe_of(*run_of("float32", index, "hnsw", operating_point="ef=400")).text for index in (MILVUS, there)]
    assert ["'metric_type': 'IP'" in text for text in texts] == [True, False]


def test_a_graph_of_milvus_looks_at_what_it_is_asked_for() -> None:
    assert "'ef': 10" in recipe_of(*run_of("float32", MILVUS, "hnsw", operating_point="ef=8")).text


class Recorder:
    """Calls by the names of a client of ``kind``, with arguments that its methods take."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self.calls: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}

    def __getattr__(self, name: str) -> Any:
        method = inspect.signature(getattr(self.kind, name))

        def call(*given: Any, **named: Any) -> None:
            method.bind(self, *given, **named)
            self.calls[name] = (given, named)

        return call


class Namespace:
    def __init__(self, **parts: Any) -> None:
        self.__dict__ |= parts


RQ = QuantizationConfig(kind="rabitq", bits=8, rescore=RescoreConfig())
NAMES = {
    **{"rescoreLimit": "rescore_limit", "trainingLimit": "training_limit"},
    **{name: name for name in ("segments", "centroids", "bits")},
}
WEAVIATES = {
    "float32": (None, {}, None),
    "int8": (None, {"type": "sq", "rescoreLimit": 0, "trainingLimit": 400}, None),
    "binary_rescore": (None, {"type": "bq", "rescoreLimit": 40}, 40),
    "pq": (None, {"type": "pq", "segments": 3, "centroids": 256, "trainingLimit": 400}, None),
    "rq8": (RQ, {"type": "rq", "bits": 8, "rescoreLimit": 40}, 40),
}


def weaviate_settings(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The collection that a text makes, and its only vector."""
    from weaviate.collections.collections.sync import _Collections

    collections = Recorder(_Collections)
    names_of(text)["create"](Namespace(collections=collections))
    ((sent,), _) = collections.calls["create_from_dict"]
    ((name, vector),) = sent["vectorConfig"].items()
    assert name == "default"
    return sent, vector


def of_weaviates_classes(index: str, quantizer: Any, **settings: Any) -> dict[str, Any]:
    """What the client library itself sends of a vector."""
    from weaviate.classes.config import Configure, VectorDistances
    from weaviate.collections.classes.config import _CollectionConfigCreate

    made = getattr(Configure.VectorIndex, index)(distance_metric=VectorDistances.DOT, quantizer=quantizer, **settings)
    sent = _CollectionConfigCreate(
        name="Any", vector_config=Configure.Vectors.self_provided(vector_index_config=made)
    )._to_dict()
    vector: dict[str, Any] = sent["vectorConfig"]["default"]
    return vector


@pytest.mark.parametrize("quantization", WEAVIATES)
def test_weaviate(quantization: str) -> None:
    """The collection is what its own classes would send, and what is not compressed says so."""
    from weaviate.classes.config import Configure

    config, quantizer, candidates = WEAVIATES[quantization]
    point = run_of(quantization, WEAVIATE, "hnsw", changed=config, operating_point="ef=64", candidates=candidates)
    text = recipe_of(*point).text
    sent, vector = weaviate_settings(text)
    assert (sent["class"], json.loads(sent["description"])) == ("Documents", names_of(text)["CONTRACT"])
    word, settings = quantizer.get("type", ""), {key: value for key, value in quantizer.items() if key != "type"}
    named = {NAMES[key]: value for key, value in settings.items()}
    of_client = getattr(Configure.VectorIndex.Quantizer, word)(**named) if word else None
    expected = of_weaviates_classes("hnsw", of_client, max_connections=32, ef_construction=128, ef=64)
    if word:  # the client adds what the server would take anyway
        assert {key: expected["vectorIndexConfig"][word][key] for key in vector["vectorIndexConfig"][word]} == {
            "enabled": True,
            **settings,
        }
    else:
        expected["vectorIndexConfig"]["skipDefaultQuantization"] = True
    assert vector["vectorizer"] == expected["vectorizer"]
    assert {**vector["vectorIndexConfig"], word: None} == {**expected["vectorIndexConfig"], word: None}


def test_weaviate_without_a_graph() -> None:
    index = IndexConfig(engine="weaviate", options={"index": "flat", "grpc_port": 1})
    _, vector = weaviate_settings(recipe_of(*run_of("binary", index, "flat")).text)
    assert (vector["vectorIndexType"], vector["vectorIndexConfig"]["bq"]["enabled"]) == ("flat", True)
    assert vector.keys() == of_weaviates_classes("flat", None).keys()


def test_weaviate_is_filled_and_asked_by_calls_that_it_has() -> None:
    from weaviate.collections.data.sync import _DataCollection
    from weaviate.collections.queries.near_vector.query.sync import _NearVectorQuery

    names = names_of(recipe_of(*run_of("float32", WEAVIATE, "hnsw", operating_point="ef=64")).text)
    data, query = Recorder(_DataCollection), Answering(_NearVectorQuery)
    query.answer = Namespace(
        objects=[Namespace(properties={"document_id": "d7"}, metadata=Namespace(distance=-0.5), uuid="u")]
    )
    client = Namespace(collections=Namespace(get=lambda name: Namespace(data=data, query=query)))
    names["fill"](client, IDS[:2], VECTORS[:2].tolist())
    ((objects,), _) = data.calls["insert_many"]
    assert [(each.properties, each.vector) for each in objects] == [
        ({"document_id": id_}, vector) for id_, vector in zip(IDS[:2], VECTORS[:2].tolist(), strict=True)
    ]
    assert names["search"](client, QUERIES[0].tolist()) == [("d7", 0.5)]
    assert query.calls["near_vector"][1]["limit"] == 10


class Answering(Recorder):
    """With an ``answer`` to every call."""

    answer: Any = None

    def __getattr__(self, name: str) -> Any:
        call = super().__getattr__(name)
        return lambda *given, **named: (call(*given, **named), self.answer)[1]


def test_pinecone() -> None:
    from pinecone import Index, Pinecone

    names = names_of(recipe_of(*run_of("float32", IndexConfig(engine="pinecone"), "pinecone")).text)
    client, index = Recorder(Pinecone), Answering(Index)
    index.answer = Namespace(matches=[Namespace(id="7", score=0.5, metadata={"document_id": "d7"})])
    names["create"](client)
    names["keep_contract"](index)
    (record,) = index.calls["upsert"][1]["vectors"]
    assert json.loads(record["metadata"]["evalkit_contract"]) == names["CONTRACT"]
    names["fill"](index, IDS[:3], VECTORS[:3].tolist())
    ((name,), said) = client.calls["create_index"]
    assert (name, said["dimension"], said["metric"]) == ("documents", DIMS, "dotproduct")
    assert [each["metadata"]["document_id"] for each in index.calls["upsert"][1]["vectors"]] == IDS[:3]
    assert names["search"](index, QUERIES[0].tolist()) == [("d7", 0.5)]


PYTHON_ENGINES = {
    "faiss": (None, "flat"),
    "qdrant": (IndexConfig(engine="qdrant"), "exact"),
    "milvus": (IndexConfig(engine="milvus"), "flat"),
    "weaviate": (IndexConfig(engine="weaviate"), "hnsw"),
    "pinecone": (IndexConfig(engine="pinecone"), "pinecone"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("engine", PYTHON_ENGINES)
def test_foreign_names_stay_names_in_python(engine: str, name: str) -> None:
    """Model, table, columns, what is in comments: nothing runs that the same text with a plain name hasn't."""
    texts = []
    for own in ("plain", name):
        index, word = PYTHON_ENGINES[engine]
        if index is not None:
            reached = {"url": "http://h", "table": own, "id_column": own, "vector_column": own}
            index = IndexConfig(engine=engine, **reached)
        about, point = run_of(
            "float32", index, word, model=own, stages=own, chunking=own, engine_version=own, revision=own
        )
        about["models"][0]["prompts"] = {"query": own, "document": own}
        recipe = recipe_of(about, point)
        assert json.loads(recipe.contract)["model"] == own
        texts.append((recipe.text, names_of(recipe.text)))
    (plain, plain_names), (hostile, names) = texts
    assert set(names) == set(plain_names)
    assert names["CONTRACT"]["prompts"] == {"query": name, "document": name}
    assert len(hostile.splitlines()) == len(plain.splitlines())
    assert "\u202e" not in hostile
    assert "create" not in names


@pytest.mark.parametrize(
    ("engine", "word", "quantization", "options", "reason"),
    [
        ("qdrant", "ivf", "float32", {}, "Qdrant has no index ivf"),
        ("qdrant", "hnsw", "int4", {}, "Qdrant keeps no int4"),
        ("qdrant", "hnsw", "float32", {"quick": 1}, "Qdrant's option quick"),
        ("milvus", "hnsw", "binary", {}, "Milvus with binary in hnsw"),
        ("milvus", "flat", "int8_rescore", {}, "with a finer copy"),
        ("weaviate", "dynamic", "float32", {}, "Weaviate's index dynamic"),
        ("weaviate", "hnsw", "int4", {}, "Weaviate keeps no int4"),
        ("pinecone", "pinecone", "int8", {}, "Pinecone takes float32 alone"),
        ("numpy", "flat", "float32", {}, "no text for the engine numpy"),
    ],
)
def test_what_an_engine_has_not_is_refused(
    engine: str, word: str, quantization: str, options: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        recipe_of(*run_of(quantization, IndexConfig(engine=engine, options=options), word))
