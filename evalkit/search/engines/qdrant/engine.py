"""Qdrant as an engine: a shard in this process without an address, a collection of a server with one."""

from collections.abc import Iterator
from contextlib import contextmanager

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError, require
from evalkit.search.engine import Plan, Resources
from evalkit.search.engines.database import address_of
from evalkit.search.engines.qdrant.collection import BINARY, FLOAT_BYTES, PRODUCT, SCALAR, Collection, collection_of
from evalkit.search.engines.qdrant.edge import shard
from evalkit.search.engines.qdrant.index import QdrantIndex
from evalkit.search.engines.qdrant.server import check_server, served

CODE_BYTES = {"": 0.0, SCALAR: 1.0, BINARY: 1 / 8, PRODUCT: 1.0}  # of a dimension, at most
LINK_BYTES = 4


class QdrantEngine:
    """Keeps float32 or float16 vectors, and codes beside them; searches a graph, or compares every one."""

    filters = True

    def plan(
        self, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, resources: Resources
    ) -> Plan:
        """Asks a server for its version, and a collection that is there already what it keeps; changes nothing."""
        collection = collection_of(dims, quantization, index)
        if not address_of(index):
            require("qdrant_edge", "qdrant", "the engine qdrant")
            if index.keep:
                raise UserError("a Qdrant in this process ends with the run: there is nothing to keep.", "Give url.")
            held = documents * held_bytes(collection)
        else:
            require("qdrant_client", "qdrant", "the engine qdrant")
            check_server(index, collection)
            held = 0
        metric = "hamming" if collection.codes == BINARY else "inner_product"
        is_exhaustive = collection.m == 0
        words = f"the collection {index.table}" if index.table else collection.words
        return Plan(
            "qdrant",
            words,
            dims,
            documents,
            quantization,
            index,
            metric,
            is_exhaustive,
            resources,
            held,
        )

    @contextmanager
    def open(self, plan: Plan) -> Iterator[QdrantIndex]:
        collection = collection_of(plan.dims, plan.quantization, plan.index)
        with served(plan.index, collection) if address_of(plan.index) else shard(collection) as store:
            yield QdrantIndex(plan, collection, store)


def held_bytes(collection: Collection) -> int:
    """About what one vector of a shard in this process takes: its components, its code and its links."""
    per_dim = FLOAT_BYTES[collection.datatype] + CODE_BYTES[collection.codes]
    return round(collection.dims * per_dim + 2 * collection.m * LINK_BYTES)
