"""Pinecone: calls of its client that make the index, and ask it. It has one kind of index, and one operating point."""

from evalkit.recipes.chosen import Chosen
from evalkit.recipes.introduction import contract_literal, python_text
from evalkit.recipes.literals import python

FLOAT32 = ("float", 32)


def text(chosen: Chosen) -> str:
    """Raises UserError for a quantization, which Pinecone chooses itself."""
    if chosen.kind != FLOAT32 or chosen.quantization.rescore is not None:
        raise chosen.refused(f"Pinecone takes float32 alone, not {chosen.quantization_name}")
    making = "" if chosen.is_there else create(chosen)
    return python_text(chosen, head(chosen), making, search(chosen))


def head(chosen: Chosen) -> str:
    """A table of Pinecone's is a namespace; the index that it is in is told by its host."""
    namespace = chosen.table if chosen.is_there else ""
    return f"""\
import json
from typing import Any

from pinecone import Pinecone, ServerlessSpec

INDEX = {python(chosen.table)}
NAMESPACE = {python(namespace)}
{contract_literal(chosen)}"""


def create(chosen: Chosen) -> str:
    return f'''\
def create(client: Pinecone, cloud: str = "aws", region: str = "us-east-1") -> None:
    """The empty index."""
    spec = ServerlessSpec(cloud=cloud, region=region)
    client.create_index(INDEX, dimension={chosen.dims}, metric="dotproduct", spec=spec)


def keep_contract(index: Any) -> None:
    """An index has no room for words, so the contract is a record in a namespace of its own."""
    record = {{
        "id": "evalkit_contract",
        "values": [1.0] + [0.0] * {chosen.dims - 1},
        "metadata": {{"evalkit_contract": json.dumps(CONTRACT)}},
    }}
    index.upsert(vectors=[record], namespace="evalkit_contract")


def fill(index: Any, ids: list[str], vectors: list[list[float]], batch: int = 100) -> None:
    """Pinecone's own ids are ASCII of at most 512 characters, so those of documents go beside the vectors."""
    rows = list(enumerate(zip(ids, vectors)))
    for start in range(0, len(rows), batch):
        records = [
            {{"id": str(row), "values": vector, "metadata": {{"document_id": id_}}}}
            for row, (id_, vector) in rows[start : start + batch]
        ]
        index.upsert(vectors=records, namespace=NAMESPACE)'''


def search(chosen: Chosen) -> str:
    id_ = f"match.metadata[{python(chosen.index.id_column or 'document_id')}]"
    if chosen.is_there and not chosen.index.id_column:
        id_ = "match.id"
    return f'''\
def search(index: Any, vector: list[float], k: int = {chosen.serve_k}) -> list[tuple[str, float]]:
    """Ids of documents and scores, best first; ``index`` is ``client.index(host=…)``."""
    response = index.query(vector=vector, top_k=k, namespace=NAMESPACE, include_metadata=True)
    return [({id_}, match.score) for match in response.matches]'''
