"""Qdrant: calls of qdrant-client that make the collection with its index and codes, and ask it."""

import math
from collections.abc import Iterator

from evalkit.recipes.chosen import Chosen
from evalkit.recipes.introduction import contract_literal, python_text
from evalkit.recipes.literals import arguments, python

EXACT, HNSW = "exact", "hnsw"
OF_GRAPH = ("m", "ef_construct", "full_scan_threshold", "max_indexing_threads", "on_disk", "payload_m")
SEGMENTS = "segments"
INDEX_EVERYTHING = 1  # KB; by its default Qdrant leaves small collections without graph and codes
COMPRESSIONS = (4, 8, 16, 32, 64)  # how many times smaller than float32 product quantization makes vectors
ID = "document_id"
RAM = "always_ram=True"


def text(chosen: Chosen) -> str:
    """Raises UserError for a quantization or an index that Qdrant has not."""
    if chosen.index_word not in (EXACT, HNSW):
        raise chosen.refused(f"Qdrant has no index {chosen.index_word}")
    making = "" if chosen.is_there else create(chosen)
    return python_text(chosen, head(chosen), making, search(chosen))


def head(chosen: Chosen) -> str:
    return f"""\
from qdrant_client import QdrantClient, models

COLLECTION = {python(chosen.table)}
{contract_literal(chosen)}"""


def create(chosen: Chosen) -> str:
    options = "".join(f"\n        {line}," for line in option_lines(chosen))
    codes = f"\n        quantization_config={quantizer(chosen)}," if quantizer(chosen) else ""
    return f'''\
def create(client: QdrantClient) -> None:
    """The empty collection."""
    client.create_collection(
        COLLECTION,
        vectors_config=models.VectorParams(
            size={chosen.dims}, distance=models.Distance.DOT, datatype=models.Datatype.{stored(chosen)}
        ),{options}{codes}
        metadata=CONTRACT,
    )


def fill(client: QdrantClient, ids: list[str], vectors: list[list[float]]) -> None:
    """Qdrant's own ids are numbers, so those of documents go beside the vectors."""
    points = (
        models.PointStruct(id=row, vector=vector, payload={{{python(ID)}: id_}})
        for row, (id_, vector) in enumerate(zip(ids, vectors))
    )
    client.upload_points(COLLECTION, points, wait=True)'''


def option_lines(chosen: Chosen) -> Iterator[str]:
    """What the collection is built with, beside its codes."""
    options = chosen.index.options
    if unknown := set(options) - {*OF_GRAPH, SEGMENTS}:
        raise chosen.refused(f"there is no text for Qdrant's option {min(unknown)}")
    if graph := {name: value for name, value in options.items() if name in OF_GRAPH}:
        yield f"hnsw_config=models.HnswConfigDiff({arguments(graph)})"
    segments = {"default_segment_number": options[SEGMENTS]} if SEGMENTS in options else {}
    optimizers = arguments({**segments, "indexing_threshold": INDEX_EVERYTHING})
    yield f"optimizers_config=models.OptimizersConfigDiff({optimizers})"


def stored(chosen: Chosen) -> str:
    """How the vectors themselves are kept, which re-order what codes find."""
    rescore = chosen.quantization.rescore
    is_half = chosen.kind == ("float", 16) or (rescore is not None and rescore.store == "float16")
    return "FLOAT16" if is_half else "FLOAT32"


def quantizer(chosen: Chosen) -> str:
    """The codes beside the vectors; empty without."""
    kind, bits = chosen.kind
    if kind == "float" and bits in (16, 32):
        return ""
    if (kind, bits) == ("scalar", 8):
        inner = f"models.ScalarQuantizationConfig(type=models.ScalarType.INT8, {RAM})"
        return f"models.ScalarQuantization(scalar={inner})"
    if (kind, bits) == ("binary", 1):
        return f"models.BinaryQuantization(binary=models.BinaryQuantizationConfig({RAM}))"
    ratio = 32 * (chosen.quantization.subvector_dims or 0) // (bits or 1)
    if kind == "product" and ratio in COMPRESSIONS:
        inner = f"models.ProductQuantizationConfig(compression=models.CompressionRatio.X{ratio}, {RAM})"
        return f"models.ProductQuantization(product={inner})"
    raise chosen.refused(f"Qdrant keeps no {chosen.quantization_name}")


def search(chosen: Chosen) -> str:
    parameters = {"hnsw_ef" if name == "ef" else name: value for name, value in chosen.parameters.items()}
    is_exact = chosen.index_word == EXACT and not quantizer(chosen)  # an exact search passes over codes
    said = arguments({**parameters, "exact": is_exact})
    using = f"\n        using={python(chosen.index.vector_column)}," if chosen.index.vector_column else ""
    return f'''\
def search(client: QdrantClient, vector: list[float], k: int = {chosen.serve_k}) -> list[tuple[str, float]]:
    """Ids of documents and scores, best first."""
    response = client.query_points(
        COLLECTION,
        query=vector,
        limit=k,{using}
        search_params=models.SearchParams({said}{rescoring(chosen)}),
        with_payload=True,
    )
    return [({document_id(chosen)}, point.score) for point in response.points]'''


def document_id(chosen: Chosen) -> str:
    """Where a found point has the id of its document."""
    if chosen.is_there and not chosen.index.id_column:
        return "point.id"
    return f"point.payload[{python(chosen.index.id_column or ID)}]"


def rescoring(chosen: Chosen) -> str:
    """Whether what codes find is re-ordered by the vectors, and how many of it."""
    if not quantizer(chosen):
        return ""
    said = "rescore=False"
    if chosen.quantization.rescore is not None and chosen.candidates:
        said = f"rescore=True, oversampling={oversampling(chosen.serve_k, chosen.candidates)}"
    return f", quantization=models.QuantizationSearchParams({said})"


def oversampling(k: int, candidates: int) -> float:
    """The least factor whose product with ``k``, cut to a whole number as Qdrant cuts it, is ``candidates``."""
    factor = candidates / k
    return factor if int(factor * k) >= candidates else math.nextafter(factor, math.inf)
