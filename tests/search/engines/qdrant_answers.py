"""What a stub of Qdrant's REST API answers: read by qdrant-client's models, made by the engine's own code."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import qdrant_edge as edge
from pydantic import TypeAdapter
from qdrant_client import models

SIZES = {"float32": edge.VectorStorageDatatype.Float32, "float16": edge.VectorStorageDatatype.Float16}
DISTANCES = {"Dot": edge.Distance.Dot, "Cosine": edge.Distance.Cosine, "Euclid": edge.Distance.Euclid}
SERVERS_OWN = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}


@dataclass
class Held:
    """A collection: what it was made with, and the shard that keeps its points."""

    created: Any
    shard: edge.EdgeShard
    folder: Path
    vector: str
    indexing_threshold: int
    labels: list[str] = field(default_factory=list)
    is_stuck: bool = False  # its optimizer never indexes anything
    optimizer_error: str = ""
    status: str = "green"


def made(created: Any) -> Held:
    """An empty collection, as it is asked for; what isn't said is as the server has it."""
    vector = next(iter(created.vectors)) if isinstance(created.vectors, dict) else ""
    params = created.vectors[vector] if isinstance(created.vectors, dict) else created.vectors
    hnsw = hnsw_of(created)
    folder = Path(tempfile.mkdtemp(prefix="stub-"))
    config = edge.EdgeConfig(
        vectors=edge.EdgeVectorParams(
            size=params.size,
            distance=DISTANCES[params.distance.value],
            datatype=SIZES[params.datatype.value if params.datatype else "float32"],
            quantization_config=codes(params.quantization_config or created.quantization_config),
        ),
        hnsw_config=edge.HnswIndexConfig(hnsw["m"], hnsw["ef_construct"], hnsw["full_scan_threshold"]),
        optimizers=edge.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1),
    )
    threshold = created.optimizers_config.indexing_threshold if created.optimizers_config else 1
    shard = edge.EdgeShard.create(str(folder), config)
    return Held(created, shard, folder, vector, 1 if threshold is None else threshold)


def hnsw_of(created: Any) -> dict[str, Any]:
    given = created.hnsw_config or models.HnswConfigDiff()
    return SERVERS_OWN | {name: value for name, value in given if value is not None}


def codes(config: Any) -> Any:
    """A quantization of the REST API as the engine has it."""
    if isinstance(config, models.ScalarQuantization):
        return edge.ScalarQuantizationConfig(edge.ScalarType.Int8, always_ram=True)
    if isinstance(config, models.BinaryQuantization):
        return edge.BinaryQuantizationConfig(always_ram=True)
    if isinstance(config, models.ProductQuantization):
        ratio = getattr(edge.CompressionRatio, config.product.compression.value.upper())
        return edge.ProductQuantizationConfig(ratio, always_ram=True)
    return None


def discard(held: Held) -> None:
    held.shard.close()
    shutil.rmtree(held.folder, ignore_errors=True)


def read(held: Held, _body: None) -> dict[str, Any]:
    """Info of a collection: nothing is indexed while its threshold is 0."""
    created, info = held.created, held.shard.info()
    is_indexed = held.indexing_threshold and not held.is_stuck
    if is_indexed:
        held.shard.optimize()
    params = {"vectors": TypeAdapter(models.VectorsConfig).dump_python(created.vectors, mode="json")}
    quantization = created.quantization_config
    return {
        "status": held.status,
        "optimizer_status": {"error": held.optimizer_error} if held.optimizer_error else "ok",
        "indexed_vectors_count": info.points_count if is_indexed else 0,
        "points_count": info.points_count,
        "segments_count": 2,
        "config": {
            "params": params,
            "hnsw_config": hnsw_of(created),
            "optimizer_config": {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1000}
            | {"default_segment_number": 1, "flush_interval_sec": 5, "indexing_threshold": held.indexing_threshold},
            "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
            "quantization_config": quantization.model_dump(mode="json") if quantization else None,
            "metadata": created.metadata,
        },
        "payload_schema": {key: {"data_type": "integer", "points": info.points_count} for key in held.labels},
    }


def update(held: Held, body: Any) -> bool:
    changed: Any = models.UpdateCollection(**body)
    if changed.optimizers_config and changed.optimizers_config.indexing_threshold is not None:
        held.indexing_threshold = changed.optimizers_config.indexing_threshold
    return True


def label(held: Held, body: Any) -> dict[str, Any]:
    index: Any = models.CreateFieldIndex(**body)
    assert index.field_schema == models.PayloadSchemaType.INTEGER
    held.labels.append(index.field_name)
    held.shard.update(edge.UpdateOperation.create_field_index(index.field_name, edge.PayloadSchemaType.Integer))
    return {"operation_id": 0, "status": "completed"}


def upsert(held: Held, body: Any) -> dict[str, Any]:
    batch: Any = models.PointsBatch(**body).batch
    vectors = batch.vectors[held.vector] if isinstance(batch.vectors, dict) else batch.vectors
    payloads = batch.payloads or [{}] * len(batch.ids)
    points = [edge.Point(*point) for point in zip(batch.ids, vectors, payloads, strict=True)]
    held.shard.update(edge.UpdateOperation.upsert_points(points))
    return {"operation_id": 0, "status": "completed"}


def query(held: Held, body: Any) -> dict[str, Any]:
    asked: Any = models.QueryRequest(**body)
    assert (asked.using or "") == held.vector, f"no vectors are named {asked.using!r}"
    params = asked.params
    quantization = params.quantization or models.QuantizationSearchParams()
    request = edge.QueryRequest(
        limit=asked.limit,
        query=edge.Query.Nearest(nearest(body["query"])),
        filter=condition(asked.filter),
        params=edge.SearchParams(
            hnsw_ef=params.hnsw_ef,
            exact=bool(params.exact),
            quantization=edge.QuantizationSearchParams(
                rescore=quantization.rescore, oversampling=quantization.oversampling
            ),
        ),
    )
    return {"points": [{"id": shown(p.id), "version": 0, "score": p.score} for p in held.shard.query(request)]}


def shown(point: Any) -> int | str:
    """An id as JSON has it."""
    return point if isinstance(point, int) else str(point)


def nearest(asked: Any) -> list[float]:
    """A query is a vector, or an object that names what is done with it."""
    return asked["nearest"] if isinstance(asked, dict) else asked


def condition(asked: Any) -> edge.Filter | None:
    if asked is None:
        return None
    return edge.Filter(
        must=[
            edge.HasIdCondition(set(each.has_id))
            if isinstance(each, models.HasIdCondition)
            else edge.FieldCondition(each.key, match=edge.MatchValue(each.match.value))
            for each in asked.must
        ]
    )


def scroll(held: Held, body: Any) -> dict[str, Any]:
    asked: Any = models.ScrollRequest(**body)
    request = edge.ScrollRequest(limit=asked.limit, offset=asked.offset, with_payload=True, with_vector=False)
    points, after = held.shard.scroll(request)
    keys = asked.with_payload if isinstance(asked.with_payload, list) else []
    found = [{"id": shown(p.id), "payload": {k: v for k, v in (p.payload or {}).items() if k in keys}} for p in points]
    return {"points": found, "next_page_offset": None if after is None else shown(after)}


def retrieve(held: Held, body: Any) -> list[dict[str, Any]]:
    asked: Any = models.PointRequest(**body)
    assert asked.with_vector == ([held.vector] if held.vector else True)
    records = held.shard.retrieve(asked.ids, False, True)
    return [{"id": shown(r.id), "vector": {held.vector: r.vector} if held.vector else r.vector} for r in records]


def count(held: Held, body: Any) -> dict[str, int]:
    assert models.CountRequest(**body).exact
    return {"count": held.shard.count(edge.CountRequest())}


ANSWERS = {
    ("GET", ""): read,
    ("PATCH", ""): update,
    ("PUT", "index"): label,
    ("PUT", "points"): upsert,
    ("POST", "points/query"): query,
    ("POST", "points/scroll"): scroll,
    ("POST", "points"): retrieve,
    ("POST", "points/count"): count,
}
