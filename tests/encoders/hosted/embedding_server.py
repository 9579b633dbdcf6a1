"""A real HTTP server that speaks the embedding APIs of OpenAI, Cohere, Voyage and Google, and errs as it is told to."""

import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

DIMS = 8
PACKAGES = {  # kind of model → what its requests are made with
    "openai": "openai",
    "openai_compatible": "openai",
    "cohere": "cohere",
    "voyage": "httpx",
    "google": "google.genai",
}
Vectors = list[list[float]]


def vector_of(text: str, dims: int = DIMS) -> list[float]:
    """A vector that only this text has; its first ``dims`` components do not depend on ``dims``."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(size=64)[:dims].astype(np.float32).tolist()


@dataclass(frozen=True)
class Fault:
    """What to do instead of answering: an HTTP status with headers, silence, half a body, or other vectors.

    ``edit`` makes another reply of the JSON that would have been sent; ``body`` is sent as it is, whatever the status,
    and ``endless`` after it one block after another. ``dropped`` closes the connection without a word.

    ``wire`` says for the sound body what goes over the connection instead of a reply: bytes, and seconds of silence
    between them; then it is closed, or reset where it ends with RESET.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    silence_seconds: float = 0.0
    half_body: bool = False
    change: Callable[[Vectors], Vectors] | None = None
    shuffled: bool = False
    message: str = "an error"
    edit: Callable[[Any], Any] | None = None
    body: bytes | None = None
    endless: bool = False
    dropped: bool = False
    wire: Callable[[bytes], Iterable[bytes | float]] | None = None


RESET = float("inf")  # in the place of seconds


@dataclass
class Server:
    """``faults`` are taken one per request, ``None`` for none; ``requests`` are (path, headers, body) as they came.

    ``refuse`` gives the fault for a request's texts, after all ``faults`` are taken; null for none.
    """

    url: str
    faults: list[Fault | None]
    refuse: Callable[[list[str]], Fault | None] = lambda texts: None
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    tokens_told: bool = True
    lock: threading.Lock = field(default_factory=threading.Lock)
    times: list[float] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [text for path, _, body in self.requests for text in texts_of(path, body)]


def texts_of(path: str, body: dict[str, Any]) -> list[str]:
    if "batchEmbedContents" in path:
        return [r["content"]["parts"][0]["text"] for r in body["requests"]]
    return list(body.get("input") or body.get("texts") or [])


def dims_of(path: str, body: dict[str, Any]) -> int:
    if "batchEmbedContents" in path:
        return body["requests"][0].get("outputDimensionality") or DIMS
    return body.get("dimensions") or body.get("output_dimension") or DIMS


def answer(path: str, body: dict[str, Any], vectors: Vectors, tokens: int | None, shuffled: bool) -> dict[str, Any]:
    """The reply as each API shapes it."""
    order = list(range(len(vectors)))[:: -1 if shuffled else 1]
    if "batchEmbedContents" in path:
        usage = {} if tokens is None else {"usageMetadata": {"promptTokenCount": tokens}}
        return {"embeddings": [{"values": v} for v in vectors], **usage}
    if path.endswith("/v2/embed"):
        billed = {} if tokens is None else {"billed_units": {"input_tokens": tokens}}
        return {"id": "x", "embeddings": {"float": vectors}, "texts": body["texts"], "meta": billed}
    data = [{"object": "embedding", "embedding": vectors[i], "index": i} for i in order]
    usage = {"prompt_tokens": tokens or 0, "total_tokens": tokens or 0}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


@contextmanager
def serve(faults: Sequence[Fault | None] = ()) -> Iterator[Server]:
    """A server on loopback for the length of a ``with``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with server.lock:
                server.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                server.times.append(time.monotonic())
                planned = server.faults.pop(0) if server.faults else server.refuse(texts_of(self.path, body))
            fault = planned or Fault()
            time.sleep(fault.silence_seconds)
            if fault.dropped:
                self.close_connection = True
                return
            if fault.body is not None or fault.endless:
                self.reply(fault.status, fault.body or b"", fault.headers, fault.half_body, fault.endless)
                return
            if fault.status != 200 and not fault.edit:
                error = {
                    "error": {"message": fault.message, "code": fault.status},
                    "message": fault.message,
                    "detail": fault.message,
                }
                self.reply(fault.status, json.dumps(error).encode(), fault.headers)
                return
            texts = texts_of(self.path, body)
            vectors = [vector_of(text, dims_of(self.path, body)) for text in texts]
            vectors = fault.change(vectors) if fault.change else vectors
            tokens = sum(len(text.split()) for text in texts) if server.tokens_told else None
            whole: Any = answer(self.path, body, vectors, tokens, fault.shuffled)
            content = json.dumps(fault.edit(whole) if fault.edit else whole).encode()
            if fault.wire:
                self.write(fault.wire(content))
                return
            self.reply(fault.status, content, fault.headers, fault.half_body)

        def write(self, pieces: Iterable[bytes | float]) -> None:
            self.close_connection = True
            with suppress(OSError):  # the client has given up waiting
                for piece in pieces:
                    if isinstance(piece, bytes):
                        self.connection.sendall(piece)
                    elif piece == RESET:
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        self.connection.close()
                    else:
                        time.sleep(piece)

        def reply(
            self, status: int, content: bytes, headers: dict[str, str], half: bool = False, endless: bool = False
        ) -> None:
            length = {} if endless or "Transfer-Encoding" in headers else {"Content-Length": str(len(content))}
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **length, **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if half else content)
                while endless:
                    self.wfile.write(b" " * 65536)
                if not length or half:
                    self.close_connection = True
            except OSError:
                self.close_connection = True  # the client has given up waiting

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server = Server(f"http://127.0.0.1:{http.server_port}", list(faults))
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
