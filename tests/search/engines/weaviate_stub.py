"""A Weaviate server of a few hundred objects on loopback: REST for collections, gRPC for objects, as documented.

It finds what the real one would if a graph missed nothing: the best by its codes, as many as ``ef`` keeps, re-ordered
by the whole vectors where the real one re-orders (adapters/repos/db/vector/hnsw/search.go).
"""

import json
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import numpy as np
from google.protobuf.json_format import MessageToDict
from weaviate.proto.v1 import (
    aggregate_pb2,
    base_pb2,
    batch_pb2,
    properties_pb2,
    search_get_pb2,
    weaviate_pb2_grpc,
)

HNSW = {
    "cleanupIntervalSeconds": 300,
    "dynamicEfMin": 100,
    "dynamicEfMax": 500,
    "dynamicEfFactor": 8,
    "ef": -1,
    "efConstruction": 128,
    "filterStrategy": "sweeping",
    "flatSearchCutoff": 40000,
    "maxConnections": 32,
    "skip": False,
}
COMMON = {"distance": "cosine", "vectorCacheMaxObjects": 10**12, "skipDefaultQuantization": False}
QUANTIZERS = {
    "pq": {"enabled": False, "segments": 0, "centroids": 256, "trainingLimit": 100000, "bitCompression": False}
    | {"encoder": {"type": "kmeans", "distribution": "log-normal"}},
    "bq": {"enabled": False, "rescoreLimit": -1},
    "sq": {"enabled": False, "rescoreLimit": 20, "trainingLimit": 100000},
    "rq": {"enabled": False, "bits": 8, "rescoreLimit": 20},
}
REST_OF_A_CLASS = {
    "invertedIndexConfig": {
        "bm25": {"b": 0.75, "k1": 1.2},
        "cleanupIntervalSeconds": 60,
        "stopwords": {"preset": "en", "additions": None, "removals": None},
    },
    "replicationConfig": {"factor": 1},
    "shardingConfig": {"virtualPerPhysical": 128, "desiredCount": 1, "actualCount": 1, "key": "_id"}
    | {"desiredVirtualCount": 128, "actualVirtualCount": 128, "strategy": "hash", "function": "murmur3"},
}
IMMUTABLE = ("efConstruction", "maxConnections", "distance", "skipDefaultQuantization")
LEARNED = ("pq", "sq")


class Class:
    """A collection and its objects."""

    def __init__(self, definition: dict[str, Any], default_quantizer: str) -> None:
        rest = {name: {**value, **definition.get(name, {})} for name, value in REST_OF_A_CLASS.items()}
        self.definition = {**definition, **rest}
        for each in definition.get("properties", ()):
            each.setdefault("indexFilterable", True)
            each.setdefault("indexSearchable", False)
        for vector in definition["vectorConfig"].values():
            given = vector["vectorIndexConfig"]
            known = COMMON | (HNSW if vector["vectorIndexType"] == "hnsw" else {}) | QUANTIZERS
            full = {
                key: {**value, **given.get(key, {})} if key in QUANTIZERS else value for key, value in known.items()
            }
            full |= {key: value for key, value in given.items() if key not in QUANTIZERS}
            if not full["skipDefaultQuantization"] and not any(full[name]["enabled"] for name in QUANTIZERS):
                full[default_quantizer]["enabled"] = True
            vector["vectorIndexConfig"] = full
        self.objects: dict[uuid.UUID, tuple[dict[str, Any], np.ndarray]] = {}

    @property
    def settings(self) -> dict[str, Any]:
        (vector,) = self.definition["vectorConfig"].values()
        return vector["vectorIndexConfig"]

    @property
    def is_flat(self) -> bool:
        (vector,) = self.definition["vectorConfig"].values()
        return vector["vectorIndexType"] == "flat"

    @property
    def quantizer(self) -> str:
        """What vectors are compressed by; empty while too few are there to learn from."""
        on = next((name for name in QUANTIZERS if self.settings[name]["enabled"]), "")
        waits = on in LEARNED and self.settings[on]["trainingLimit"] > len(self.objects)
        return "" if waits else on

    def nearest(self, query: np.ndarray, limit: int, passing: list[uuid.UUID]) -> list[tuple[uuid.UUID, float]]:
        """UUIDs and inner products."""
        if not passing:
            return []
        vectors = np.stack([self.objects[each][1] for each in passing])
        exact = vectors @ query
        if not self.quantizer:
            best = np.argsort(-exact, kind="stable")[:limit]
            return [(passing[place], float(exact[place])) for place in best]
        by_signs = self.quantizer == "bq"
        by_codes = np.where(vectors > 0, 1, -1) @ query if by_signs else np.round(vectors * 32) @ query / 32
        again = self.settings[self.quantizer].get("rescoreLimit", -1)
        if self.is_flat:
            candidates, is_rescored = max(again, limit), True
        else:
            candidates = max(self.settings["ef"], limit)
            is_rescored = self.quantizer in ("bq", "pq") or again != 0
            if self.quantizer in ("sq", "rq") and again >= limit:
                candidates = min(candidates, again)
        best = np.argsort(-by_codes, kind="stable")[:candidates]
        scores = exact if is_rescored else by_codes
        best = best[np.argsort(-scores[best], kind="stable")][:limit]
        return [(passing[place], float(scores[place])) for place in best]


class WeaviateStub(weaviate_pb2_grpc.WeaviateServicer):  # type: ignore[misc]
    """``key`` is asked for where it is given. ``fail`` is called with the name of each request and may raise."""

    def __init__(self, key: str | None = None, version: str = "1.34.0") -> None:
        self.key, self.version = key, version
        self.default_quantizer = "rq"  # as servers are told by DEFAULT_QUANTIZATION
        self.classes: dict[str, Class] = {}
        self.asked: list[str] = []
        self.refusals: dict[str, tuple[int, str]] = {}  # request: HTTP status and words
        self.grpc_refusals: dict[str, tuple[grpc.StatusCode, str]] = {}
        self.busy: dict[str, int] = {}  # how often requests are too many
        self.redirect = ""
        self.refused_rows: set[int] = set()  # places in a batch
        self.url = self.grpc_port = None

    def rest(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and answer of one request."""
        name = path.split("?")[0].rsplit("/", 1)[-1]
        if path.startswith("/v1/meta"):
            return 200, {"version": self.version}
        if path.startswith("/v1/nodes"):
            return 200, self.nodes(name if name != "nodes" else None)
        if path == "/v1/schema" and method == "POST":
            self.classes[body["class"]] = made = Class(body, self.default_quantizer)
            return 200, made.definition
        if path.startswith("/v1/schema/") and name in self.classes:
            if method == "DELETE":
                del self.classes[name]
                return 200, None
            if method == "PUT":
                return self.update(self.classes[name], body)
            return 200, self.classes[name].definition
        return 404, {"error": [{"message": f"nothing at {path}"}]}

    def update(self, kept: Class, body: Any) -> tuple[int, Any]:
        ((name, vector),) = body["vectorConfig"].items()
        for key in IMMUTABLE:
            if kept.settings.get(key) != vector["vectorIndexConfig"].get(key):
                return 422, {"error": [{"message": f"{key} is immutable"}]}
        kept.definition["vectorConfig"][name] = vector
        return 200, kept.definition

    def nodes(self, only: str | None) -> Any:
        shards = [
            {
                "class": name,
                "name": "one",
                "objectCount": 0,
                "vectorIndexingStatus": "READY",
                "vectorQueueLength": 0,
                "compressed": bool(kept.quantizer),
                "loaded": True,
            }
            for name, kept in self.classes.items()
            if only in (None, name)
        ]
        return {"nodes": [{"name": "node1", "status": "HEALTHY", "version": self.version, "shards": shards}]}

    # gRPC

    def admit(self, what: str, context: grpc.ServicerContext) -> None:
        self.asked.append(what)
        if self.key and ("authorization", f"Bearer {self.key}") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"unauthorized: not {self.key}")
        if self.busy.get(what):
            self.busy[what] -= 1
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too fast")
        if what in self.grpc_refusals:
            context.abort(*self.grpc_refusals[what])

    def BatchObjects(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.admit("BatchObjects", context)
        errors = [place for place in range(len(request.objects)) if place in self.refused_rows]
        for each in request.objects:
            (vector,) = each.vectors
            fields = MessageToDict(each.properties.non_ref_properties)
            values = np.frombuffer(vector.vector_bytes, dtype=np.float32)
            self.classes[each.collection].objects[uuid.UUID(each.uuid)] = fields, values
        told = [batch_pb2.BatchObjectsReply.BatchError(index=place, error="no room") for place in errors]
        return batch_pb2.BatchObjectsReply(errors=told)

    def Aggregate(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.admit("Aggregate", context)
        count = len(self.classes[request.collection].objects)
        return aggregate_pb2.AggregateReply(single_result=aggregate_pb2.AggregateReply.Single(objects_count=count))

    def Search(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.admit("Search", context)
        kept = self.classes[request.collection]
        passing = [each for each in sorted(kept.objects) if passes(request, each, kept.objects[each][0])]
        if request.HasField("near_vector"):
            near = request.near_vector
            packed = near.vector_bytes or near.vectors[0].vector_bytes
            query = np.frombuffer(packed, dtype=np.float32)
            if kept.objects and len(query) != len(next(iter(kept.objects.values()))[1]):
                context.abort(grpc.StatusCode.UNKNOWN, f"vector lengths don't match: {len(query)}")
            found = kept.nearest(query, request.limit, passing)
        else:
            found = [(each, 0.0) for each in passing if not request.after or each > uuid.UUID(request.after)]
            found = found[: request.limit]
        cosine = kept.settings["distance"] == "cosine"
        results = [self.result(request, kept, each, 1 - score if cosine else -score) for each, score in found]
        return search_get_pb2.SearchReply(results=results)

    def result(self, request: Any, kept: Class, each: uuid.UUID, distance: float) -> Any:
        fields, vector = kept.objects[each]
        metadata = search_get_pb2.MetadataResult(id=str(each), id_as_bytes=each.bytes)
        if request.metadata.distance:
            metadata.distance, metadata.distance_present = distance, True
        if request.metadata.vector:
            name = next(iter(kept.definition["vectorConfig"]))
            metadata.vectors.append(base_pb2.Vectors(name=name, vector_bytes=vector.tobytes()))
        wanted = request.properties.non_ref_properties
        texts = {name: properties_pb2.Value(text_value=str(fields[name])) for name in wanted if name in fields}
        properties = search_get_pb2.PropertiesResult(non_ref_props=properties_pb2.Properties(fields=texts))
        return search_get_pb2.SearchResult(metadata=metadata, properties=properties)


def passes(request: Any, each: uuid.UUID, fields: dict[str, Any]) -> bool:
    if not request.HasField("filters"):
        return True
    name = request.filters.target.property
    if name == "_id":
        return str(each) in request.filters.value_text_array.values
    return fields.get(name) == request.filters.value_int


@contextmanager
def weaviate_stub(**settings: Any) -> Any:
    """A running stub, its address in ``url`` and ``grpc_port``."""
    stub = WeaviateStub(**settings)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            what = f"{self.command} {self.path}"
            stub.asked.append(what)
            status, answer = next((told for part, told in stub.refusals.items() if part in what), (0, ""))
            if stub.key and self.headers.get("authorization") != f"Bearer {stub.key}":
                status, answer = (
                    401,
                    f"anonymous access is not enabled, and {self.headers.get('authorization')} is wrong",
                )
            if stub.redirect:
                status, answer = 307, ""
            if not status:
                status, answer = stub.rest(self.command, self.path, body)
            sent = json.dumps(answer).encode()
            self.send_response(status)
            if stub.redirect:
                self.send_header("location", stub.redirect + self.path)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *words: Any) -> None:
            """Nothing is written."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    calls = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    weaviate_pb2_grpc.add_WeaviateServicer_to_server(stub, calls)
    stub.grpc_port = calls.add_insecure_port("127.0.0.1:0")
    stub.grpc_server = calls
    stub.url = f"http://127.0.0.1:{web.server_port}"
    calls.start()
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield stub
    finally:
        web.shutdown()
        web.server_close()
        calls.stop(None)
