"""Databases of Milvus Lite as somebody else made them, and one that is served as a server's would be."""

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.config.compose import compose
from evalkit.search import Vectors, engine_of, plan
from evalkit.search.engine import Index, Payload
from evalkit.search.engines.milvus.lite import imported, opened_lite
from tests.search.engines.contract import DIMS, DOCUMENTS, IDS, LABELS, MATRIX, QUANTIZATIONS

CONTRACT = {"evalkit_contract": 1, "model": "minilm", "dims": DIMS}


def index_config(name: str, **settings: Any) -> IndexConfig:
    """That of conf/, with ``settings`` of its own."""
    config: IndexConfig = compose("run", [f"index={name}"]).index[name]
    for setting, value in settings.items():
        setattr(config, setting, value)
    return config


@contextmanager
def opened(
    config: IndexConfig, quantization: QuantizationConfig = QUANTIZATIONS["float32"], ids: Sequence[str] = IDS
) -> Iterator[Index]:
    """Planned, opened and filled with the contract's documents."""
    planned = plan(DIMS, DOCUMENTS, quantization, config)
    with engine_of(quantization, config).open(planned) as index:
        index.fill(Vectors(MATRIX, DIMS), Payload(ids, LABELS))
        index.set({name: values[0] for name, values in config.search.items()})
        yield index


def fill(client: Any, name: str, index_type: str = "HNSW", metric: str = "IP", matrix: np.ndarray = MATRIX) -> None:
    """A collection of a user's own: ids are its primary key, texts, and stand in another order."""
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False)
    schema.add_field("name", DataType.VARCHAR, is_primary=True, max_length=2_000)
    schema.add_field("number", DataType.INT64)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=matrix.shape[1])
    client.create_collection(
        name, schema=schema, properties={"a_policy": '{"owner": "search"}', "evalkit_contract": json.dumps(CONTRACT)}
    )
    order = np.random.default_rng(5).permutation(len(matrix)).tolist()
    client.insert(name, [{"name": IDS[row], "number": row % 3, "embedding": matrix[row]} for row in order])
    client.flush(name)
    index = client.prepare_index_params()
    index.add_index("embedding", index_type=index_type, metric_type=metric, params={"params": {"M": 16}})
    client.create_index(name, index)
    client.load_collection(name)


@contextmanager
def client_of(folder: Path) -> Iterator[Any]:
    """A client of the Milvus Lite in ``folder``, which is made where it isn't there."""
    from pymilvus import MilvusClient

    with imported(), opened_lite(folder) as lite:
        client = MilvusClient(lite.address, dedicated=True)
        try:
            yield client
        finally:
            client.close()


class WithToken(grpc.ServerInterceptor):  # type: ignore[misc]
    """Refuses who doesn't bring ``token``, as Milvus does."""

    def __init__(self, token: str) -> None:
        self.expected = base64.b64encode(token.encode()).decode()

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        if dict(details.invocation_metadata).get("authorization") == self.expected:
            return continuation(details)

        def refuse(request: Any, context: Any) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "auth check failure, please check api key is correct")

        return grpc.unary_unary_rpc_method_handler(refuse)


class WithDeadlines(grpc.ServerInterceptor):  # type: ignore[misc]
    """Keeps how many seconds each call gave the server to answer, by the method; about 10¹⁹ for no end."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = continuation(details)

        def answer(request: Any, context: Any) -> Any:
            self.seconds.setdefault(details.method.rpartition("/")[2], []).append(context.time_remaining())
            return handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(answer, handler.request_deserializer, handler.response_serializer)


@contextmanager
def served(
    servicer: Any, token: str = "", interceptors: Sequence[grpc.ServerInterceptor] = ()
) -> Iterator[tuple[str, grpc.Server]]:
    """``servicer`` on a port of this machine: its address and the server."""
    from pymilvus.grpc_gen import milvus_pb2_grpc

    interceptors = [*interceptors, *([WithToken(token)] if token else [])]
    server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=interceptors)
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}", server
    finally:
        server.stop(grace=0).wait()


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of every file in ``folder``."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
