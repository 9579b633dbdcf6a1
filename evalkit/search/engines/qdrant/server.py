"""A collection of a Qdrant server: one that a run makes and removes, asked over its REST API."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from evalkit.arrays import Floats
from evalkit.config import IndexConfig
from evalkit.errors import UserError
from evalkit.search.engine import Payload
from evalkit.search.engines.database import Hits, is_orphan, name_for, say_kept, wait_until
from evalkit.search.engines.qdrant.collection import BINARY, PRODUCT, SCALAR, Collection
from evalkit.search.engines.qdrant.connection import Connection
from evalkit.search.engines.qdrant.existing import ExistingCollection, described
from evalkit.search.engines.qdrant.requests import PointId, searched
from evalkit.search.engines.qdrant.store import SearchRequest, Stored, batches, label_keys
from evalkit.vectors.matrix import Vectors

if TYPE_CHECKING:
    from qdrant_client.models import CollectionInfo, OptimizersConfigDiff

NOTHING, EVERYTHING = 0, 1  # KB of vectors above which segments are indexed; 0 is never
POLL_SECONDS = 0.05
IDLE_SECONDS = 10  # after which a server that says it is done, with vectors not indexed, is believed


def check_server(index: IndexConfig, collection: Collection) -> None:
    """Raises UserError for a server that can't be used, and for a collection there that isn't what was asked for."""
    with closing(Connection(index)) as connection:
        connection.check()
        if index.table:
            described(connection, index).check(collection)


@contextmanager
def served(index: IndexConfig, collection: Collection) -> Iterator["ExistingCollection | OwnCollection"]:
    """The collection that is there already, or a new one, which is deleted at the end unless it is to be kept."""
    with closing(Connection(index)) as connection:
        if index.table:
            yield ExistingCollection(connection, described(connection, index), collection)
            return
        remove_orphans(connection)
        name = name_for(index)
        own = OwnCollection(connection, name, index.keep)
        try:
            create(connection, name, collection)
            yield own
        finally:
            if index.keep and own.is_filled:
                say_kept(f"the collection {name}", connection.where)
            else:
                with suppress(UserError):
                    delete(connection, name)


def remove_orphans(connection: Connection) -> None:
    """Delete what killed runs of this machine left behind."""
    for each in connection.ask("it was asked for its collections", lambda client: client.get_collections()).collections:
        if is_orphan(each.name):
            delete(connection, each.name)


def delete(connection: Connection, name: str) -> None:
    connection.ask("a collection was deleted", lambda client: client.delete_collection(name))


def create(connection: Connection, name: str, collection: Collection) -> None:
    """An empty collection, of which nothing is indexed before all is filled in."""
    from qdrant_client import models

    connection.ask(
        "a collection was made",
        lambda client: client.create_collection(
            name,
            vectors_config=models.VectorParams(
                size=collection.dims, distance=models.Distance.DOT, datatype=models.Datatype(collection.datatype)
            ),
            hnsw_config=models.HnswConfigDiff(
                m=collection.m,
                ef_construct=collection.ef_construct,
                full_scan_threshold=collection.full_scan_threshold,
                max_indexing_threads=collection.threads,
            ),
            optimizers_config=optimizers(NOTHING, collection.segments),
            quantization_config=codes(collection),
        ),
    )


def optimizers(indexing_threshold: int, segments: int | None = None) -> "OptimizersConfigDiff":
    from qdrant_client import models

    return models.OptimizersConfigDiff(indexing_threshold=indexing_threshold, default_segment_number=segments)


def codes(collection: Collection) -> Any:
    """The quantization of ``collection``, kept in memory; null for none."""
    from qdrant_client import models

    if collection.codes == SCALAR:
        scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        return models.ScalarQuantization(scalar=scalar)
    if collection.codes == BINARY:
        return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
    if collection.codes == PRODUCT:
        ratio = models.CompressionRatio(collection.compression)
        product = models.ProductQuantizationConfig(compression=ratio, always_ram=True)
        return models.ProductQuantization(product=product)
    return None


class OwnCollection:
    """A collection of this run. Its points' ids are rows."""

    is_own = True

    def __init__(self, connection: Connection, name: str, is_kept: bool) -> None:
        self.connection, self.name, self.is_kept = connection, name, is_kept
        self.is_filled = False
        self.known_version = connection.version()

    @property
    def version(self) -> str:
        return self.known_version

    def fill(self, documents: Vectors, payload: Payload) -> None:
        from qdrant_client import models

        for key in label_keys(payload).values():
            self.connection.ask(
                "labels were indexed",
                lambda client, key=key: client.create_payload_index(self.name, key, models.PayloadSchemaType.INTEGER),  # type: ignore[misc]
            )
        for first, vectors, payloads in batches(documents, payload):
            ids: list[PointId] = list(range(first, first + len(vectors)))
            points = models.Batch(ids=ids, vectors=vectors.tolist(), payloads=payloads)
            self.connection.ask(
                f"it was filled ({first:,} of {len(documents):,} vectors are in)",
                lambda client, points=points: client.upsert(self.name, points, wait=True),  # type: ignore[misc]
            )
        self.connection.ask(
            "it was indexed",
            lambda client: client.update_collection(self.name, optimizers_config=optimizers(EVERYTHING)),
        )
        self.wait(len(documents))
        self.is_filled = True

    def wait(self, documents: int) -> None:
        """Until everything is indexed. Raises UserError where the server gives up, or gets no further."""
        done, since = "", time.monotonic()

        def look() -> tuple[bool, str]:
            nonlocal done, since
            info = self.info()
            error = getattr(info.optimizer_status, "error", None)
            if error:
                said = self.connection.safe(str(error))
                raise UserError(f"{self.connection.where} could not index the collection: {said}", "See its log.")
            indexed = info.indexed_vectors_count or 0
            before, done = done, f"{info.status.value}, {indexed:,} of {documents:,} vectors"
            if done != before:
                since = time.monotonic()
            is_idle = time.monotonic() - since > IDLE_SECONDS
            return info.status == "green" and (indexed >= documents or is_idle), done

        seconds = max(self.connection.timeout_seconds, 2 * IDLE_SECONDS)
        wait_until(look, seconds, f"{self.connection.where} is indexing a collection", POLL_SECONDS)

    def info(self) -> "CollectionInfo":
        return self.connection.ask("it was indexed", lambda client: client.get_collection(self.name))

    def query(self, vector: Floats, search: SearchRequest) -> Hits:
        hits = searched(self.connection, self.name, vector, search, search.rows)
        return [int(point) for point, _ in hits], [score for _, score in hits]

    def stored(self) -> Stored:
        info = self.info()
        count = self.connection.ask("its points were counted", lambda client: client.count(self.name, exact=True))
        hnsw = info.config.hnsw_config
        return Stored(
            points=count.count,
            indexed=info.indexed_vectors_count or 0,
            segments=max(1, info.segments_count - 1),  # one is for what is still to come
            m=hnsw.m,
            full_scan_threshold=hnsw.full_scan_threshold,
            state=f"status {info.status.value}, {self.optimizer(info)}",
            name=self.name if self.is_kept else "",
        )

    def optimizer(self, info: "CollectionInfo") -> str:
        """What the optimizer says of itself."""
        said = str(getattr(info.optimizer_status, "value", info.optimizer_status))
        return self.connection.safe(said).removesuffix(".")
