"""An index of Pinecone of a few hundred vectors on loopback: its data plane over HTTP, with its limits."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

MOST_VECTORS, MOST_BYTES, LONGEST_ID = 1000, 2 * 1024 * 1024, 512
KEY = "pcsk_5tand1n_0f4KeyThatN0OneHas"


class PineconeStub:
    """``lag`` is how many times statistics are older than the last write. ``refusals`` are answers given first."""

    def __init__(self, dims: int, metric: str | None = "dotproduct", lag: int = 0) -> None:
        self.dims, self.metric, self.lag = dims, metric, lag
        self.namespaces: dict[str, dict[str, dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.requests_bytes: list[int] = []
        self.refusals: list[tuple[str, int, Any]] = []  # part of a request, status and answer, each given once
        self.redirect = self.url = ""
        self.is_dropping = False

    def answer(self, method: str, address: str, body: Any) -> tuple[int, Any]:
        parts = urlsplit(address)
        given = parse_qs(parts.query)
        namespace = (body or {}).get("namespace") or given.get("namespace", ["__default__"])[0]
        vectors = self.namespaces.get(namespace, {})
        if parts.path == "/vectors/upsert":
            return self.upsert(namespace, body["vectors"])
        if parts.path == "/query":
            return self.query(vectors, body)
        if parts.path == "/vectors/fetch":
            return 200, {
                "namespace": namespace,
                "vectors": {key: vectors[key] for key in given["ids"] if key in vectors},
            }
        if parts.path == "/vectors/list":
            return self.listed(vectors, given)
        if parts.path == "/describe_index_stats":
            return 200, self.statistics()
        if method == "DELETE" and parts.path.startswith("/namespaces/"):
            gone = self.namespaces.pop(unquote(parts.path.rsplit("/", 1)[1]), None)
            return (200, {}) if gone is not None else (404, {"error": {"code": "NOT_FOUND", "message": "no namespace"}})
        return 404, {"error": {"code": "NOT_FOUND", "message": f"nothing at {parts.path}"}}

    def upsert(self, namespace: str, vectors: list[dict[str, Any]]) -> tuple[int, Any]:
        problems = [f"{len(vectors)} vectors"] if len(vectors) > MOST_VECTORS else []
        problems += [
            f"id of {each['id']}" for each in vectors if not each["id"].isascii() or len(each["id"]) > LONGEST_ID
        ]
        problems += [f"dimension {len(each['values'])}" for each in vectors if len(each["values"]) != self.dims]
        if problems:
            return 400, {"code": 3, "message": problems[0]}
        self.namespaces.setdefault(namespace, {}).update({each["id"]: each for each in vectors})
        return 200, {"upsertedCount": len(vectors)}

    def query(self, vectors: dict[str, dict[str, Any]], body: Any) -> tuple[int, Any]:
        wanted = [(name, test["$eq"]) for name, test in (body.get("filter") or {}).items()]
        keys = [key for key, each in vectors.items() if all(each["metadata"].get(n) == value for n, value in wanted)]
        if len(body["vector"]) != self.dims:
            return 400, {"code": 3, "message": f"Vector dimension {len(body['vector'])} does not match {self.dims}"}
        scores = np.array([vectors[key]["values"] for key in keys]).reshape(-1, self.dims) @ body["vector"]
        best = np.argsort(-scores, kind="stable")[: body["topK"]]
        return 200, {"matches": [{"id": keys[place], "score": float(scores[place])} for place in best]}

    def listed(self, vectors: dict[str, Any], given: dict[str, list[str]]) -> tuple[int, Any]:
        keys = sorted(vectors)
        first = int(given.get("paginationToken", ["0"])[0])
        size = int(given["limit"][0])
        page: dict[str, Any] = {"vectors": [{"id": key} for key in keys[first : first + size]]}
        if first + size < len(keys):
            page["pagination"] = {"next": str(first + size)}
        return 200, page

    def statistics(self) -> Any:
        counts = {name: {"vectorCount": len(vectors)} for name, vectors in self.namespaces.items()}
        if self.lag and counts:
            self.lag -= 1
            counts = {name: {"vectorCount": 0} for name in counts}
        told = {"namespaces": counts, "dimension": self.dims, "indexFullness": 0.0, "vectorType": "dense"}
        return told | ({"metric": self.metric} if self.metric else {})


@contextmanager
def pinecone_stub(dims: int, **settings: Any) -> Any:
    """A running stub, its address in ``url``; whoever asks without ``KEY`` is refused."""
    stub = PineconeStub(dims, **settings)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            what = f"{self.command} {self.path}"
            stub.asked.append(what)
            stub.requests_bytes.append(size)
            if stub.is_dropping:
                self.close_connection = True
                return
            status, answer = self.told(what, size) or stub.answer(self.command, self.path, body)
            sent = json.dumps(answer).encode()
            self.send_response(status)
            if stub.redirect:
                self.send_header("location", stub.redirect + self.path)
            if status == 429:
                self.send_header("retry-after", "0")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def told(self, what: str, size: int) -> tuple[int, Any] | None:
            """What is answered whatever was asked for."""
            key = self.headers.get("api-key")
            if stub.redirect:
                return 307, {}
            if key != KEY:
                return 401, {"error": {"code": "UNAUTHENTICATED", "message": f"Invalid API Key {key}"}}
            if size > MOST_BYTES:
                return 413, {"error": {"code": "INVALID_ARGUMENT", "message": "request too large"}}
            place = next((place for place, refusal in enumerate(stub.refusals) if refusal[0] in what), None)
            return None if place is None else stub.refusals.pop(place)[1:]

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *words: Any) -> None:
            """Nothing is written."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    stub.url = f"http://127.0.0.1:{web.server_port}"
    threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield stub
    finally:
        web.shutdown()
        web.server_close()
