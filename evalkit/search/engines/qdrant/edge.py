"""Qdrant in this process: its own code without the server, a shard in a private folder (qdrant-edge-py)."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalkit.arrays import Floats
from evalkit.errors import UserError, first_line, printable
from evalkit.search.engine import Payload
from evalkit.search.engines.database import Hits, private_folder
from evalkit.search.engines.qdrant.collection import BINARY, FLOAT_BYTES, PRODUCT, SCALAR, Collection
from evalkit.search.engines.qdrant.store import KeptBytes, SearchRequest, Stored, batches, label_keys
from evalkit.vectors.matrix import Vectors

if TYPE_CHECKING:
    from qdrant_edge import EdgeConfig, EdgeShard

COPIES = 2.5  # of the vectors that are on disk while segments are merged, with what else there is
INDEX_EVERYTHING = 1  # KB of vectors above which a segment gets codes and a graph


@contextmanager
def shard(collection: Collection) -> Iterator["EdgeStore"]:
    """A new shard, which is gone at the end."""
    from qdrant_edge import EdgeShard

    with private_folder("qdrant") as folder:
        opened = EdgeShard.create(str(folder), configured(collection))
        try:
            yield EdgeStore(opened, folder, collection)
        finally:
            opened.close()


def configured(collection: Collection) -> "EdgeConfig":
    """``collection`` in the words of qdrant-edge-py. A log of writes is for a crash, after which nothing is kept."""
    from qdrant_edge import Distance, EdgeConfig, EdgeOptimizersConfig, EdgeVectorParams, HnswIndexConfig
    from qdrant_edge import VectorStorageDatatype as Datatype

    return EdgeConfig(
        vectors=EdgeVectorParams(
            size=collection.dims,
            distance=Distance.Dot,
            datatype={"float32": Datatype.Float32, "float16": Datatype.Float16}[collection.datatype],
            quantization_config=codes(collection),
        ),
        hnsw_config=HnswIndexConfig(
            m=collection.m,
            ef_construct=collection.ef_construct,
            full_scan_threshold=collection.full_scan_threshold,
            max_indexing_threads=collection.threads,
        ),
        optimizers=EdgeOptimizersConfig(
            default_segment_number=collection.segments, indexing_threshold=INDEX_EVERYTHING
        ),
        wal_enabled=False,
    )


def codes(collection: Collection) -> Any:
    """The quantization of ``collection``, kept in memory; null for none."""
    from qdrant_edge import (
        BinaryQuantizationConfig,
        CompressionRatio,
        ProductQuantizationConfig,
        ScalarQuantizationConfig,
        ScalarType,
    )

    if collection.codes == SCALAR:
        return ScalarQuantizationConfig(ScalarType.Int8, always_ram=True)
    if collection.codes == BINARY:
        return BinaryQuantizationConfig(always_ram=True)
    if collection.codes == PRODUCT:
        return ProductQuantizationConfig(getattr(CompressionRatio, collection.compression.upper()), always_ram=True)
    return None


class EdgeStore:
    """A shard in ``folder``. Its points' ids are rows."""

    is_own = True

    def __init__(self, shard: "EdgeShard", folder: Path, collection: Collection) -> None:
        self.shard, self.folder, self.collection = shard, folder, collection

    @property
    def version(self) -> str:
        return f"edge {version('qdrant-edge-py')}"

    def fill(self, documents: Vectors, payload: Payload) -> None:
        from qdrant_edge import PayloadSchemaType, Point, UpdateOperation

        self.check_room(len(documents))
        try:
            for key in label_keys(payload).values():
                self.shard.update(UpdateOperation.create_field_index(key, PayloadSchemaType.Integer))
            for first, vectors, payloads in batches(documents, payload):
                points = [
                    Point(first + place, vector, payloads[place]) for place, vector in enumerate(vectors.tolist())
                ]
                self.shard.update(UpdateOperation.upsert_points(points))
            self.shard.optimize()
            self.shard.flush()
        except Exception as error:  # it raises nothing narrower
            raise UserError(
                f"Qdrant could not be filled: {first_line(error)}.", "Is there room in the folder for temporary files?"
            ) from None

    def check_room(self, documents: int) -> None:
        """Raises UserError where the disk is too full: Qdrant maps its files, and a full disk kills the process."""
        needed = COPIES * documents * self.collection.dims * FLOAT_BYTES[self.collection.datatype]
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            problem = f"a private Qdrant needs about {needed / 2**20:,.0f} MB, and {free / 2**20:,.0f} are free"
            raise UserError(f"{problem} in {printable(str(self.folder.parent))}.", "Set TMPDIR to a folder with room.")

    def query(self, vector: Floats, search: SearchRequest) -> Hits:
        from qdrant_edge import Query, QueryRequest

        request = QueryRequest(
            limit=search.limit,
            query=Query.Nearest(vector.tolist()),
            filter=condition(search),
            params=parameters(search),
        )
        points = self.shard.query(request)
        return [int(point.id) for point in points], [point.score for point in points]

    def stored(self) -> Stored:
        """Counts are the shard's, the rest is read from the files of its graphs and vectors."""
        info = self.shard.info()
        graphs = [
            json.loads(file.read_text("utf-8")) for file in self.folder.glob("segments/*/vector_index/hnsw_config.json")
        ]
        return Stored(
            points=info.points_count,
            indexed=sum(graph["indexed_vector_count"] for graph in graphs),
            segments=max(1, len(graphs)),
            m=min((graph["m"] for graph in graphs), default=0),
            full_scan_threshold=self.collection.full_scan_threshold,
            state="optimized",
            kept=self.kept(info.points_count),
        )

    def kept(self, points: int) -> KeptBytes | None:
        """The sizes of files; null where vectors lie in those that are made larger in advance."""
        vectors = self.size("vector_storage/matrix.dat")
        if vectors < points * self.collection.dims * FLOAT_BYTES[self.collection.datatype]:
            return None
        codes = self.size("vector_storage/quantized.data") + self.size("vector_index/*")
        return KeptBytes(vectors, codes, self.size("vector_storage/quantized.*json"))

    def size(self, files: str) -> int:
        return sum(file.stat().st_size for file in self.folder.glob(f"segments/*/{files}"))


def condition(search: SearchRequest) -> Any:
    """What points must fulfil; null for all."""
    from qdrant_edge import FieldCondition, Filter, HasIdCondition, MatchValue

    if search.rows is not None:
        return Filter(must=[HasIdCondition(set(search.rows))])
    if search.label is not None:
        key, value = search.label
        return Filter(must=[FieldCondition(key, match=MatchValue(value))])
    return None


def parameters(search: SearchRequest) -> Any:
    from qdrant_edge import QuantizationSearchParams, SearchParams

    is_rescored = search.oversampling is not None
    return SearchParams(
        hnsw_ef=search.hnsw_ef,
        exact=search.exact,
        quantization=QuantizationSearchParams(rescore=is_rescored, oversampling=search.oversampling),
    )
