"""Weaviate: calls of its client that make the collection with its index and codes, and ask it."""

from typing import Any

from evalkit.recipes.chosen import Chosen, Kind
from evalkit.recipes.introduction import contract_literal, python_text
from evalkit.recipes.literals import arguments, python

HNSW, FLAT = "hnsw", "flat"
OF_CLIENT = ("index", "grpc_host", "grpc_port")  # options that are none of the graph
RENAMED = {"m": "max_connections"}
MOST_LEARNED = 100_000  # vectors that a quantizer learns from


def text(chosen: Chosen) -> str:
    """Raises UserError for a quantization or an index that Weaviate has not."""
    if index_of(chosen) not in (HNSW, FLAT):
        raise chosen.refused(f"there is no text for Weaviate's index {chosen.index_word}")
    making = "" if chosen.is_there else create(chosen)
    return python_text(chosen, head(chosen), making, search(chosen))


def head(chosen: Chosen) -> str:
    return f"""\
import json

import weaviate
from weaviate.classes.config import Configure, DataType, Property, VectorDistances
from weaviate.classes.data import DataObject
from weaviate.classes.query import MetadataQuery

COLLECTION = {python(class_name(chosen))}
{contract_literal(chosen)}"""


def index_of(chosen: Chosen) -> str:
    """How its engine calls the index: an option, or else the word of results."""
    return str(chosen.index.options.get("index") or chosen.index_word)


def class_name(chosen: Chosen) -> str:
    """Collections of Weaviate begin with a capital letter."""
    return chosen.table[:1].upper() + chosen.table[1:]


def create(chosen: Chosen) -> str:
    graph = {RENAMED.get(name, name): value for name, value in chosen.index.options.items() if name not in OF_CLIENT}
    settings = graph | dict(chosen.parameters)
    options = f", {arguments(settings)}" if settings else ""
    codes = f", quantizer={quantizer(chosen)}" if quantizer(chosen) else ""
    return f'''\
def create(client: weaviate.WeaviateClient) -> None:
    """The empty collection; the operating point is a setting of its graph."""
    client.collections.create(
        COLLECTION,
        description=json.dumps(CONTRACT),
        properties=[Property(name="document_id", data_type=DataType.TEXT)],
        vector_config=Configure.Vectors.self_provided(
            vector_index_config=Configure.VectorIndex.{index_of(chosen)}(
                distance_metric=VectorDistances.DOT{options}{codes}
            ),
        ),
    )


def fill(client: weaviate.WeaviateClient, ids: list[str], vectors: list[list[float]]) -> None:
    """Weaviate's own ids are UUIDs, so those of documents go beside the vectors."""
    objects = [DataObject(properties={{"document_id": id_}}, vector=vector) for id_, vector in zip(ids, vectors)]
    client.collections.get(COLLECTION).data.insert_many(objects)'''


def quantizer(chosen: Chosen) -> str:
    """The codes that the graph is walked by; empty without."""
    kind, bits = chosen.kind
    rescored = {"rescore_limit": chosen.candidates or 0}  # where nothing is said, Weaviate re-orders some
    learned = {"training_limit": min(chosen.vectors, MOST_LEARNED)}  # with fewer objects than that, nothing is learned
    said: dict[Kind, tuple[str, dict[str, Any]]] = {
        ("scalar", 8): ("sq", {**rescored, **learned}),
        ("binary", 1): ("bq", rescored),
        ("rabitq", 1): ("rq", {"bits": 1, **rescored}),
        ("rabitq", 8): ("rq", {"bits": 8, **rescored}),
    }
    if (kind, bits) == ("float", 32):
        return ""
    if (kind, bits) == ("product", 8) and chosen.quantization.subvector_dims:
        segments = -(-chosen.dims // chosen.quantization.subvector_dims)
        return f"Configure.VectorIndex.Quantizer.pq(segments={segments}, centroids=256, {arguments(learned)})"
    if (kind, bits) not in said:
        raise chosen.refused(f"Weaviate keeps no {chosen.quantization_name}")
    name, options = said[kind, bits]
    return f"Configure.VectorIndex.Quantizer.{name}({arguments(options)})"


def search(chosen: Chosen) -> str:
    id_column = chosen.index.id_column or "document_id"
    found = f"object_.properties[{python(id_column)}]"
    if chosen.is_there and not chosen.index.id_column:
        found = "str(object_.uuid)"
    target = f"\n        target_vector={python(chosen.index.vector_column)}," if chosen.index.vector_column else ""
    return f'''\
def search(client: weaviate.WeaviateClient, vector: list[float], k: int = {chosen.serve_k}) -> list[tuple[str, float]]:
    """Ids of documents and scores, best first."""
    response = client.collections.get(COLLECTION).query.near_vector(
        near_vector=vector,
        limit=k,{target}
        return_metadata=MetadataQuery(distance=True),
    )
    return [({found}, -object_.metadata.distance) for object_ in response.objects]'''
