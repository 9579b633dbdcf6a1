"""A collection of a run's own: made, filled by batches, built and loaded, and dropped at the end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix
from evalkit.errors import UserError
from evalkit.search.engine import Payload, Plan
from evalkit.search.engines.database import is_orphan, name_for, say_kept, wait_until
from evalkit.search.engines.milvus.connection import Connection
from evalkit.search.engines.milvus.index_types import BITS, HALF, IndexType, built_with
from evalkit.vectors.matrix import Vectors
from evalkit.vectors.sign_bits import sign_bits

ROW, DOCUMENT, VECTOR, LABEL = "row", "document_id", "vector", "label"  # fields; labels are numbered
BATCH_BYTES = 8 * 2**20
MOST_ID_BYTES = 65_535
PAUSE_SECONDS = 0.2  # between two looks at what a server is building


@contextmanager
def own_collection(connection: Connection, plan: Plan, kind: IndexType) -> Iterator["OwnCollection"]:
    """Under a name of its own, dropped at the end unless it is kept; what killed runs left there is dropped first."""
    drop_orphans(connection)
    collection = OwnCollection(connection, plan, kind, name_for(plan.index))
    try:
        yield collection
    finally:
        if plan.index.keep and collection.is_filled:
            say_kept(f"the collection {collection.name}", connection.where)
        else:
            drop(connection, collection.name)


def drop_orphans(connection: Connection) -> None:
    names = connection.ask("listing collections", lambda client: client.list_collections())
    for name in filter(is_orphan, names):
        drop(connection, name)


def drop(connection: Connection, name: str) -> None:
    """What can't be dropped now, because another run is doing so or the server is gone, is dropped by the next run."""
    with suppress(UserError):
        connection.ask("dropping its collection", lambda client: client.drop_collection(name))


class OwnCollection:
    """Rows are the primary key, ids of documents stand beside them, and labels in fields that are numbered."""

    vector, key = VECTOR, ROW

    def __init__(self, connection: Connection, plan: Plan, kind: IndexType, name: str) -> None:
        self.connection, self.plan, self.kind, self.name = connection, plan, kind, name
        self.labels: dict[str, str] = {}
        self.is_filled = False
        parameters = built_with(kind, plan.dims, plan.documents, plan.quantization, plan.index)
        self.parameters: Mapping[str, Any] = parameters

    def fill(self, documents: Vectors, payload: Payload) -> None:
        """Raises UserError where not all of them are there afterwards."""
        self.labels = {column: f"{LABEL}_{number}" for number, column in enumerate(payload.labels)}
        self.create(payload)
        for first, block in documents.blocks():
            self.insert(first, stored(block, self.kind), payload)
        connection = self.connection
        connection.ask("keeping vectors", lambda client: client.flush(self.name), is_building=True)
        if connection.lite:
            connection.lite.finish(self.name)
        self.build()
        count = counted(connection, self.name)
        if count != len(documents):
            problem = f"{connection.where} has {count:,} of {len(documents):,} vectors after filling."
            raise UserError(problem, "Is another program changing it?")
        self.is_filled = True

    def create(self, payload: Payload) -> None:
        from pymilvus import DataType, MilvusClient

        longest = max((len(identifier.encode()) for identifier in payload.ids), default=0)
        if longest > MOST_ID_BYTES:
            raise UserError(f"Milvus keeps no id of {longest:,} bytes.", f"Give ids of at most {MOST_ID_BYTES:,}.")
        schema = MilvusClient.create_schema(auto_id=False)
        schema.add_field(ROW, DataType.INT64, is_primary=True)
        if payload.ids:
            schema.add_field(DOCUMENT, DataType.VARCHAR, max_length=max(longest, 1))
        for field in self.labels.values():
            schema.add_field(field, DataType.INT64)
        schema.add_field(VECTOR, DataType[self.kind.vector_type], dim=self.plan.dims)
        self.connection.ask("making a collection", lambda client: client.create_collection(self.name, schema=schema))

    def insert(self, first: int, vectors: Any, payload: Payload) -> None:
        """Those of rows from ``first``."""
        size = max(1, BATCH_BYTES // (self.plan.dims * 4 + 64))
        columns = {self.labels[name]: values for name, values in payload.labels.items()}
        for start in range(0, len(vectors), size):
            rows = range(first + start, first + min(start + size, len(vectors)))
            batch = [
                {ROW: row, VECTOR: vectors[row - first]}
                | ({DOCUMENT: payload.ids[row]} if payload.ids else {})
                | {field: int(values[row]) for field, values in columns.items()}
                for row in rows
            ]
            self.send(batch)

    def send(self, batch: list[dict[str, Any]]) -> None:
        self.connection.ask("filling it", lambda client: client.insert(self.name, batch))

    def build(self) -> None:
        """Build the index and load it. Raises UserError where a server gets no further with either."""
        from pymilvus import MilvusClient

        connection, parameters = self.connection, dict(self.parameters)
        index = MilvusClient.prepare_index_params()
        index.add_index(
            VECTOR,
            index_type=self.kind.name,
            metric_type=self.kind.metric,
            params={"params": parameters} if connection.is_lite else parameters,  # elsewhere Lite reads none of them
        )
        connection.ask(
            "building the index",
            lambda client: client.create_index(self.name, index, sync=False),
            is_building=True,
        )
        self.wait(self.built, "is building the index")
        connection.ask(
            "loading it",
            lambda client: client.load_collection(self.name, _async=connection.lite is None),
            is_building=True,
        )
        self.wait(self.loaded, "is loading the collection")
        if connection.lite:
            connection.lite.finish(self.name)

    def wait(self, look: Callable[[], tuple[bool, object]], doing: str) -> None:
        connection = self.connection
        wait_until(look, connection.timeout_seconds, f"{connection.where} {doing}", PAUSE_SECONDS)

    def built(self) -> tuple[bool, str]:
        """Whether the index is, and how far it is."""
        described = self.description()
        indexed = f"{described.get('indexed_rows')} of {described.get('total_rows')} rows"
        return described.get("state") != "InProgress", indexed

    def loaded(self) -> tuple[bool, str]:
        """Whether it is, and how far it is."""
        state = load_state(self.connection, self.name)
        return is_loaded(state), f"{state.get('progress', 0)} %"

    def description(self) -> dict[str, Any]:
        """Of the index, as Milvus gives it; empty where there is none."""
        return describe_index(self.connection, self.name, VECTOR)


def stored(block: FloatMatrix, kind: IndexType) -> Any:
    """``block`` as Milvus takes it for the type of the field: a vector in each place."""
    if kind.vector_type == BITS:
        return [bits.tobytes() for bits in sign_bits(block)]
    return block.astype(np.float16) if kind.vector_type == HALF else block


def describe_index(connection: Connection, collection: str, field: str) -> dict[str, Any]:
    """Of ``field``, as Milvus gives it; empty where it has none."""

    def named(client: Any) -> dict[str, Any]:
        for name in client.list_indexes(collection, field_name=field):
            described: dict[str, Any] = client.describe_index(collection, name) or {}
            return described
        return {}

    return connection.ask("describing the index", named)


def counted(connection: Connection, collection: str) -> int:
    """How many rows it has."""
    found = connection.ask(
        "counting",
        lambda client: client.query(collection, output_fields=["count(*)"], consistency_level="Strong"),
    )
    return int(found[0]["count(*)"])


def load_state(connection: Connection, collection: str) -> dict[str, Any]:
    state: dict[str, Any] = connection.ask(
        "asking whether it is loaded", lambda client: client.get_load_state(collection)
    )
    return state


def is_loaded(state: Mapping[str, Any]) -> bool:
    return str(getattr(state["state"], "name", state["state"])) == "Loaded"
