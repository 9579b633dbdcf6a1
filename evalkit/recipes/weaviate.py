"""Weaviate: calls of its client that make the collection with its index and codes, and ask it."""

from typing import Any

from evalkit.recipes.chosen import Chosen, Kind
from evalkit.recipes.introduction import contract_literal, python_text
from evalkit.recipes.literals import python

HNSW, FLAT = "hnsw", "flat"
OF_CLIENT = ("index", "grpc_host", "grpc_port")  # options that are none of the graph
NAMES = {"m": "maxConnections", "ef_construction": "efConstruction"}  # of options, in Weaviate's API
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
    lines = "".join(
        f"\n                {python(key)}: {python(value)}," for key, value in index_settings(chosen).items()
    )
    return f'''\
def create(client: weaviate.WeaviateClient) -> None:
    """The empty collection, as Weaviate's REST API has it; the operating point is a setting of its index."""
    vectors = {{
        "default": {{
            "vectorizer": {{"none": {{}}}},
            "vectorIndexType": {python(index_of(chosen))},
            "vectorIndexConfig": {{{lines}
            }},
        }}
    }}
    client.collections.create_from_dict(
        {{
            "class": COLLECTION,
            "description": json.dumps(CONTRACT),
            "vectorConfig": vectors,
            "properties": [{{"name": "document_id", "dataType": ["text"]}}],
        }}
    )


def fill(client: weaviate.WeaviateClient, ids: list[str], vectors: list[list[float]]) -> None:
    """Weaviate's own ids are UUIDs, so those of documents go beside the vectors."""
    objects = [DataObject(properties={{"document_id": id_}}, vector=vector) for id_, vector in zip(ids, vectors)]
    client.collections.get(COLLECTION).data.insert_many(objects)'''


def index_settings(chosen: Chosen) -> dict[str, Any]:
    """Of the index: how it compares, its graph with its operating point, and its codes.

    Without codes it says so: a server may compress what does not (DEFAULT_QUANTIZATION).
    """
    graph = {name: value for name, value in chosen.index.options.items() if name not in OF_CLIENT}
    graph = {NAMES.get(name, name): value for name, value in (graph | dict(chosen.parameters)).items()}
    codes = quantizer(chosen) or {"skipDefaultQuantization": True}
    return {"distance": "dot", **{name: value for name, value in graph.items() if value is not None}, **codes}


def quantizer(chosen: Chosen) -> dict[str, Any]:
    """The codes that the index is searched by; empty without."""
    kind, bits = chosen.kind
    rescored = {"rescoreLimit": chosen.candidates or 0}  # where nothing is said, Weaviate re-orders some
    learned = {"trainingLimit": min(chosen.vectors, MOST_LEARNED)}  # with fewer objects than that, nothing is learned
    said: dict[Kind, tuple[str, dict[str, Any]]] = {
        ("scalar", 8): ("sq", {**rescored, **learned}),
        ("binary", 1): ("bq", rescored),
        ("rabitq", 1): ("rq", {"bits": 1, **rescored}),
        ("rabitq", 8): ("rq", {"bits": 8, **rescored}),
    }
    if (kind, bits) == ("float", 32):
        return {}
    if (kind, bits) == ("product", 8) and chosen.quantization.subvector_dims:
        segments = -(-chosen.dims // chosen.quantization.subvector_dims)
        return {"pq": {"enabled": True, "segments": segments, "centroids": 256, **learned}}
    if (kind, bits) not in said:
        raise chosen.refused(f"Weaviate keeps no {chosen.quantization_name}")
    name, options = said[kind, bits]
    return {name: {"enabled": True, **options}}


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
