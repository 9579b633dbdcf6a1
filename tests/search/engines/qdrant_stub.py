"""A stub of Qdrant's REST API on 127.0.0.1, whose requests and answers are those of qdrant_answers.py.

``Stub.collections`` is what it holds. Faults are told to it by path: ``stub.faults["/points/query"] = Fault(...)``.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from qdrant_client import models

from tests.search.engines.qdrant_answers import ANSWERS, Held, discard, made


@dataclass(frozen=True)
class Fault:
    """After ``after`` sound answers: another ``status`` with a message, or the connection dropped without a word."""

    status: int = 0
    message: str = "an error"
    after: int = 0
    body: bytes | None = None


@dataclass
class Stub:
    """``requests`` are (method, path, body, headers) of all that was asked."""

    version: str = "1.15.4"
    key: str | None = None
    collections: dict[str, Held] = field(default_factory=dict)
    faults: dict[str, Fault] = field(default_factory=dict)
    requests: list[tuple[str, str, Any, dict[str, str]]] = field(default_factory=list)
    address: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, method: str, end: str = "") -> list[Any]:
        """The bodies of the requests so far whose path ends in ``end``."""
        return [body for verb, path, body, _ in self.requests if verb == method and path.endswith(end)]

    def answer(self, method: str, path: str, body: Any) -> Any:
        """The ``result`` of the documented answer. Raises KeyError for a collection that isn't there."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if parts == ["collections"]:
            return {"collections": [{"name": name} for name in self.collections]}
        name, rest = parts[1], "/".join(parts[2:])
        if method == "PUT" and not rest:
            return self.create(name, models.CreateCollection(**body))
        if rest == "exists":
            return {"exists": name in self.collections}
        if method == "DELETE":
            held = self.collections.pop(name, None)
            if held:
                discard(held)
            return held is not None
        answer: Any = ANSWERS[method, rest](self.collections[name], body)
        return answer

    def create(self, name: str, created: Any) -> bool:
        self.collections[name] = made(created)
        return True


@contextmanager
def running(stub: Stub) -> Iterator[Stub]:
    """``stub`` behind a port of 127.0.0.1, stopped at the end."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = urlsplit(self.path).path
            with stub.lock:
                stub.requests.append((self.command, path, body, dict(self.headers)))
                fault = next((end for end in stub.faults if path.endswith(end)), None)
                if fault is not None and not self.is_sound(fault):
                    return
                if stub.key is not None and self.headers.get("api-key") != stub.key:
                    self.send(401, {"status": {"error": "Must provide an API key or an Authorization bearer token"}})
                elif path == "/":
                    self.send(200, {"title": "qdrant - vector search engine", "version": stub.version})
                else:
                    self.send_answer(path, body)

        def is_sound(self, end: str) -> bool:
            fault = stub.faults[end]
            if fault.after:
                stub.faults[end] = Fault(fault.status, fault.message, fault.after - 1, fault.body)
                return True
            if fault.body is not None:
                self.send_bytes(fault.status, fault.body)
            elif fault.status:
                self.send(fault.status, {"status": {"error": fault.message}, "time": 0.0})
            else:
                self.close_connection = True
            return False

        def send_answer(self, path: str, body: Any) -> None:
            try:
                result = stub.answer(self.command, path, body)
            except KeyError as error:
                message = f"Not found: Collection `{error.args[0]}` doesn't exist!"
                self.send(404, {"status": {"error": message}, "time": 0.0})
            except Exception as error:  # as the server does: what can't be read is a bad request
                self.send(400, {"status": {"error": f"{type(error).__name__}: {error}"}, "time": 0.0})
            else:
                self.send(200, {"result": result, "status": "ok", "time": 0.0})

        def send(self, status: int, reply: Any) -> None:
            self.send_bytes(status, json.dumps(reply).encode())

        def send_bytes(self, status: int, reply: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    stub.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield stub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        for held in stub.collections.values():
            discard(held)
