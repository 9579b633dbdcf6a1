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

FLOAT32, FLOAT16, BITS = ("float", 32), ("float", 16), ("binary", 1)
FIELDS: dict[Kind, str] = {FLOAT16: "FLOAT16_VECTOR", BITS: "BINARY_VECTOR"}  # those of others are FLOAT_VECTOR
AS_STORED: dict[Kind, str] = {  # how such a field takes a vector
    FLOAT16: "np.asarray(vector, dtype=np.float16)",
    BITS: "np.packbits(np.asarray(vector) > 0).tobytes()",
}
INDEXES: dict[tuple[str, Kind], tuple[str, dict[str, Any]]] = {
    # index and codes: Milvus's name, and what it takes for the codes
    ("flat", FLOAT32): ("FLAT", {}),
    ("flat", FLOAT16): ("FLAT", {}),
    ("flat", BITS): ("BIN_FLAT", {}),
    ("hnsw", FLOAT32): ("HNSW", {}),
    ("hnsw", FLOAT16): ("HNSW", {}),
    ("hnsw", ("scalar", 8)): ("HNSW_SQ", {"sq_type": "SQ8"}),
    ("hnsw", ("scalar", 6)): ("HNSW_SQ", {"sq_type": "SQ6"}),
    ("hnsw", ("product", 8)): ("HNSW_PQ", {"nbits": 8}),
    ("ivf", FLOAT32): ("IVF_FLAT", {}),
    ("ivf", FLOAT16): ("IVF_FLAT", {}),
    ("ivf", ("scalar", 8)): ("IVF_SQ8", {}),
    ("ivf", ("product", 8)): ("IVF_PQ", {"nbits": 8}),
    ("ivf", ("product", 4)): ("SCANN", {"with_raw_data": "false"}),
    ("ivf", ("rabitq", 1)): ("IVF_RABITQ", {}),
    ("ivf", BITS): ("BIN_IVF_FLAT", {}),
}
OF_PARTS = ("HNSW_PQ", "IVF_PQ")  # that are told in how many parts a vector is coded
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
    numpy = "import numpy as np\n" if chosen.kind in AS_STORED else ""
    return f"""\
import json

{numpy}from pymilvus import DataType, MilvusClient

COLLECTION = {python(chosen.table)}
{contract_literal(chosen)}"""


def as_stored(chosen: Chosen) -> str:
    """A ``vector`` as its field takes it."""
    return AS_STORED.get(chosen.kind, "vector")


def metric(chosen: Chosen) -> str:
    return "HAMMING" if chosen.kind == BITS else "IP"


def create(chosen: Chosen) -> str:
    name, of_codes = index_type(chosen)
    options = {key: value for key, value in chosen.index.options.items() if key != NAMED_BY} | of_codes
    if name in OF_PARTS:
        options["m"] = chosen.dims // (chosen.quantization.subvector_dims or chosen.dims)
    if "IVF" in name or name == "SCANN":
        options[LISTS] = min(chosen.index.nlist or max(1, round(math.sqrt(chosen.vectors))), MOST_LISTS)
    field, built_with = FIELDS.get(chosen.kind, "FLOAT_VECTOR"), {"params": options}
    return f'''\
def create(client: MilvusClient) -> None:
    """The empty collection. The contract is one of its properties: Milvus Lite drops descriptions."""
    schema = client.create_schema(auto_id=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=512)
    schema.add_field("vector", DataType.{field}, dim={chosen.dims})
    index = client.prepare_index_params()
    index.add_index("vector", index_type={python(name)}, metric_type="{metric(chosen)}", params={python(built_with)})
    contract = {{{python(KEY)}: json.dumps(CONTRACT)}}
    client.create_collection(COLLECTION, schema=schema, index_params=index, properties=contract)


def fill(client: MilvusClient, ids: list[str], vectors: list[list[float]], batch: int = 1000) -> None:
    """In batches; what is found from then on is in the index."""
    rows = [{{"id": id_, "vector": {as_stored(chosen)}}} for id_, vector in zip(ids, vectors)]
    for start in range(0, len(rows), batch):
        client.insert(COLLECTION, rows[start : start + batch])
    client.flush(COLLECTION)
    client.load_collection(COLLECTION)'''


def search(chosen: Chosen) -> str:
    asked = {BREADTH: max(chosen.parameters[BREADTH], chosen.serve_k)} if BREADTH in chosen.parameters else {}
    by = {} if chosen.is_there else {"metric_type": metric(chosen)}  # an index that is there has one of its own
    parameters = by | {"params": dict(chosen.parameters) | asked}
    score = f'1 - 2 * hit["distance"] / {chosen.dims}' if chosen.kind == BITS else 'hit["distance"]'
    id_field, vector_field = chosen.index.id_column or "id", chosen.index.vector_column or "vector"
    return f'''\
def search(client: MilvusClient, vector: list[float], k: int = {chosen.serve_k}) -> list[tuple[str, float]]:
    """Ids of documents and scores, best first."""
    found = client.search(
        COLLECTION,
        data=[{as_stored(chosen)}],
        anns_field={python(vector_field)},
        limit=k,
        search_params={python(parameters)},
        output_fields=[{python(id_field)}],
    )
    return [(hit["entity"][{python(id_field)}], {score}) for hit in found[0]]'''
