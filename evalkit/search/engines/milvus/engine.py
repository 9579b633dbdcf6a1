"""Milvus as an engine: Milvus Lite in this process without an address, a server or a Lite's folder with one."""

from collections.abc import Iterator
from contextlib import contextmanager

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError, require
from evalkit.search.engine import Plan, Resources
from evalkit.search.engines.database import address_of
from evalkit.search.engines.milvus.collection import own_collection
from evalkit.search.engines.milvus.connection import check_lite, connected, is_path
from evalkit.search.engines.milvus.existing import ExistingCollection
from evalkit.search.engines.milvus.index import MilvusIndex
from evalkit.search.engines.milvus.index_types import BITS, IndexType, built_with, index_type_of

FLOAT_BYTES = 4
COPIES = 2  # of every vector in a Milvus Lite: its segment and its index


class MilvusEngine:
    """Keeps float32 vectors and a FLAT, HNSW or IVF index of them or of their codes; a server keeps more kinds."""

    filters = True

    def plan(
        self, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, resources: Resources
    ) -> Plan:
        """Asks a Milvus that has an address what it is and has; changes nothing."""
        kind = index_type_of(dims, quantization, index)
        require("pymilvus", "milvus", "the engine milvus")
        address = address_of(index)
        is_here = address is None or is_path(address)
        if is_here:
            require("milvus_lite", "milvus", "Milvus Lite")
            check_lite(kind)
        if address is None:
            if index.keep:
                raise UserError("a Milvus Lite of this run ends with it: there is nothing to keep.", "Give url.")
            metric = metric_of(kind, kind.metric)
        else:
            metric = metric_there(kind, dims, index)
        parameters = ", ".join(
            f"{name}={value}" for name, value in built_with(kind, dims, documents, quantization, index).items()
        )
        words = f"{kind.name}({parameters})" if parameters and not index.table else kind.name
        held = documents * dims * FLOAT_BYTES * COPIES if is_here else 0
        return Plan("milvus", words, dims, documents, quantization, index, metric, kind.compares_all, resources, held)

    @contextmanager
    def open(self, plan: Plan) -> Iterator[MilvusIndex]:
        kind = index_type_of(plan.dims, plan.quantization, plan.index)
        with connected(plan.index) as connection:
            connection.check(kind)
            if plan.index.table:
                yield MilvusIndex(plan, kind, connection, ExistingCollection(connection, plan.index, kind, plan.dims))
                return
            with own_collection(connection, plan, kind) as collection:
                yield MilvusIndex(plan, kind, connection, collection)


def metric_there(kind: IndexType, dims: int, index: IndexConfig) -> str:
    """What scores are made from in the Milvus of ``index``. Raises UserError where it lacks what is asked for."""
    with connected(index) as connection:
        connection.check(kind)
        if not index.table:
            return metric_of(kind, kind.metric)
        there = ExistingCollection(connection, index, kind, dims).described.get("metric_type", kind.metric)
        return metric_of(kind, str(there))


def metric_of(kind: IndexType, there: str) -> str:
    if kind.vector_type == BITS:
        return "hamming"
    return "l2" if there == "L2" else "inner_product"
