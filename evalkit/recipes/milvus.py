"""Milvus: calls of pymilvus that make the collection with its index, and ask it.

What an index is built with stands under ``params`` twice: else pymilvus 3 sends its parts by themselves, which Milvus
Lite passes over for its defaults.
"""

import math
from typing import Any

from evalkit.recipes.chosen import Chosen, Kind
from evalkit.recipes.introduction import contract_literal, python_text
from evalkit.recipes.literals import python
from evalkit.results.contract import KEY

FIELDS: dict[Kind, str] = {  # kind and bits: the type of the field
    ("float", 32): "FLOAT_VECTOR",
    ("float", 16): "FLOAT16_VECTOR",
    ("bfloat", 16): "BFLOAT16_VECTOR",
}
INDEXES: dict[tuple[str, Kind], tuple[str, dict[str, Any]]] = {
    # index and codes: Milvus's name, and what it takes for the codes
    **{("flat", kind): ("FLAT", {}) for kind in FIELDS},
    **{("hnsw", kind): ("HNSW", {}) for kind in FIELDS},
    **{("ivf", kind): ("IVF_FLAT", {}) for kind in FIELDS},
    ("hnsw", ("scalar", 8)): ("HNSW_SQ", {"sq_type": "SQ8"}),
    ("ivf", ("scalar", 8)): ("IVF_SQ8", {}),
}
NAMES = {"ivf_flat": "ivf", "ivf_sq8": "ivf", "hnsw_sq": "hnsw", "exact": "flat"}
NAMED_BY = "index_type"  # an option that is none of the index itself
LISTS, BREADTH = "nlist", "ef"
MOST_LISTS = 65_536


def text(chosen: Chosen) -> str:
    """Raises UserError for a quantization or an index that Milvus has not."""
    if chosen.quantization.rescore is not None:
        raise chosen.refused("there is no text for Milvus with a finer copy")
    index_type(chosen)
    making = "" if chosen.is_there else create(chosen)
    return python_text(chosen, head(chosen), making, search(chosen))


def index_type(chosen: Chosen) -> tuple[str, dict[str, Any]]:
    """Milvus's name of the index, and what it takes for the codes."""
    named = str(chosen.index.options.get(NAMED_BY) or chosen.index_word).lower()
    word = NAMES.get(named, named)
    if (word, chosen.kind) not in INDEXES:
        raise chosen.refused(f"there is no text for Milvus with {chosen.quantization_name} in {chosen.index_word}")
    return INDEXES[word, chosen.kind]


def head(chosen: Chosen) -> str:
    return f"""\
import json

from pymilvus import DataType, MilvusClient

COLLECTION = {python(chosen.table)}
{contract_literal(chosen)}"""


def create(chosen: Chosen) -> str:
    name, of_codes = index_type(chosen)
    options = {key: value for key, value in chosen.index.options.items() if key != NAMED_BY} | of_codes
    if name.startswith("IVF"):
        options[LISTS] = min(chosen.index.nlist or max(1, round(math.sqrt(chosen.vectors))), MOST_LISTS)
    field = FIELDS.get(chosen.kind, "FLOAT_VECTOR")
    return f'''\
def create(client: MilvusClient) -> None:
    """The empty collection. The contract is one of its properties: Milvus Lite drops descriptions."""
    schema = client.create_schema(auto_id=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
    schema.add_field("vector", DataType.{field}, dim={chosen.dims})
    index = client.prepare_index_params()
    index.add_index("vector", index_type={python(name)}, metric_type="IP", params={python({"params": options})})
    contract = {{{python(KEY)}: json.dumps(CONTRACT)}}
    client.create_collection(COLLECTION, schema=schema, index_params=index, properties=contract)


def fill(client: MilvusClient, ids: list[str], vectors: list[list[float]], batch: int = 1000) -> None:
    """In batches; what is found from then on is in the index."""
    rows = [{{"id": id_, "vector": vector}} for id_, vector in zip(ids, vectors)]
    for start in range(0, len(rows), batch):
        client.insert(COLLECTION, rows[start : start + batch])
    client.flush(COLLECTION)
    client.load_collection(COLLECTION)'''


def search(chosen: Chosen) -> str:
    asked = {BREADTH: max(chosen.parameters[BREADTH], chosen.serve_k)} if BREADTH in chosen.parameters else {}
    metric = {} if chosen.is_there else {"metric_type": "IP"}  # an index that is there has one of its own
    parameters = metric | {"params": dict(chosen.parameters) | asked}
    id_field, vector_field = chosen.index.id_column or "id", chosen.index.vector_column or "vector"
    return f'''\
def search(client: MilvusClient, vector: list[float], k: int = {chosen.serve_k}) -> list[tuple[str, float]]:
    """Ids of documents and scores, best first."""
    found = client.search(
        COLLECTION,
        data=[vector],
        anns_field={python(vector_field)},
        limit=k,
        search_params={python(parameters)},
        output_fields=[{python(id_field)}],
    )
    return [(hit["entity"][{python(id_field)}], hit["distance"]) for hit in found[0]]'''
