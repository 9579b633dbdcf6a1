"""A model hub on this machine: repositories from a folder, a log of requests, and faults on demand.

    python -m tests.hub.stub ROOT 8765
    HF_ENDPOINT=http://127.0.0.1:8765 HF_HOME=<folder> python -m evalkit …

``ROOT/{models,datasets}/<owner>/<name>/<commit>/<file>`` is a commit; the newest folder is the branch main, unless the
file ``main`` beside it says another. Large kinds of files are sent by a redirect to another host, as the hub does it,
which takes ranges.

A fault is a dict; the first that fits a request counts: ``match`` (a regular expression found in "<METHOD> <path>"),
``times`` (left out: every time) and an answer (``status``, ``headers``, ``body``), or ``drop`` (bytes until the line
breaks), or ``corrupt`` (the last byte is another).
"""

import hashlib
import json
import re
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = (".safetensors", ".bin", ".onnx", ".parquet", ".pt")
PAGE = {"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>Please sign in to the network.</html>"}
API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?")
FILE = re.compile(r"(?:/(datasets))?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
ELSEWHERE = re.compile(r"/elsewhere/(models|datasets)/([^/]+/[^/]+)/([^/]+)/(.+)")


class StubHub:
    """``with StubHub(root) as hub:`` serves at ``hub.url``; ``hub.requests`` were asked, ``hub.faults`` are to come."""

    def __init__(self, root: Path, port: int = 0) -> None:
        self.root = root
        self.requests: list[dict[str, Any]] = []
        self.faults: list[dict[str, Any]] = []
        self.is_dead = False
        self.server = ThreadingHTTPServer(("127.0.0.1", port), type("OfThisHub", (Handler,), {"hub": self}))
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    def die(self) -> None:
        """No answer any more, on no connection."""
        self.is_dead = True
        self.server.shutdown()
        self.server.server_close()

    def paths(self) -> list[str]:
        return [request["path"] for request in self.requests]

    def fault_for(self, request: str) -> dict[str, Any]:
        for fault in self.faults:
            if re.search(fault["match"], request) and fault.get("times", 1) > 0:
                if "times" in fault:
                    fault["times"] -= 1
                return fault
        return {}


class NotFoundError(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: StubHub

    def log_message(self, *args: Any) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.hub.is_dead:
            self.close_connection = True
            return
        path = unquote(urlsplit(self.path).path)
        kept = ("Authorization", "Range", "Host")
        self.hub.requests.append({"method": self.command, "path": path, **{n: self.headers.get(n) for n in kept}})
        self.fault = self.hub.fault_for(f"{self.command} {path}")
        try:
            if "status" in self.fault:
                self.send(self.fault["status"], self.fault.get("body", "").encode(), self.fault.get("headers", {}))
            else:
                self.route(path, body)
        except NotFoundError as error:
            self.send(error.status, b"{}", {"X-Error-Code": error.code, "X-Error-Message": error.code})

    do_HEAD = do_POST = do_GET  # noqa: N815

    def route(self, path: str, body: bytes) -> None:
        if found := re.fullmatch(r"/api/(models|datasets)", path):
            names = [p.relative_to(self.hub.root / found[1]).as_posix() for p in self.hub.root.glob(f"{found[1]}/*/*")]
            self.send_json([{"id": name} for name in sorted(names)])
        elif found := API.fullmatch(path):
            kind, name, what, revision, under = found.groups()
            folder = self.commit(kind, name, revision or "main")
            answers = {"tree": lambda: tree(folder, under), "paths-info": lambda: paths_info(folder, body)}
            self.send_json(answers.get(what, lambda: info(name, folder))())
        elif found := ELSEWHERE.fullmatch(path):
            kind, name, revision, file = found.groups()
            self.send_file(self.commit(kind, name, revision) / file)
        elif found := FILE.fullmatch(path):
            self.resolve(found[1] or "models", *found.groups()[1:])
        else:
            raise NotFoundError(404, "NotFound")

    def commit(self, kind: str, name: str, revision: str) -> Path:
        repository = self.hub.root / kind / name
        if not repository.is_dir():
            raise NotFoundError(401, "RepoNotFound")
        commits = sorted((p for p in repository.iterdir() if p.is_dir()), key=lambda p: p.stat().st_mtime)
        main = repository / "main"
        newest = main.read_text() if main.is_file() else commits[-1].name
        folder = repository / (newest if revision == "main" else revision)
        if not folder.is_dir():
            raise NotFoundError(404, "RevisionNotFound")
        return folder

    def resolve(self, kind: str, name: str, revision: str, file: str) -> None:
        folder = self.commit(kind, name, revision)
        if not (folder / file).is_file():
            raise NotFoundError(404, "EntryNotFound")
        listed = entry(folder, folder / file)
        etag = listed.get("lfs", {}).get("oid", listed["oid"])
        sizes = {"X-Linked-Size": str(listed["size"]), "X-Linked-ETag": f'"{etag}"'}
        headers = {"X-Repo-Commit": folder.name, "ETag": f'"{etag}"', **sizes}
        if "lfs" in listed:
            place = f"http://localhost:{self.hub.port}/elsewhere/{kind}/{name}/{folder.name}/{file}"
            self.send(302, b"", {**headers, "Location": place})
        else:
            self.send_file(folder / file, headers)

    def send_file(self, file: Path, headers: Mapping[str, str] | None = None) -> None:
        content = file.read_bytes()
        if self.fault.get("corrupt"):
            content = content[:-1] + bytes([content[-1] ^ 1])
        first = int((re.match(r"bytes=(\d+)-", self.headers.get("Range") or "") or [0, 0])[1])
        span = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"} if first else {}
        breaks_at = self.fault.get("drop")
        self.send(206 if first else 200, content[first:], {**(headers or {}), **span}, breaks_at)

    def send_json(self, answer: Any) -> None:
        self.send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def send(self, status: int, body: bytes, headers: Mapping[str, str], breaks_at: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:breaks_at])
        if breaks_at is not None:
            self.close_connection = True


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def entry(folder: Path, file: Path) -> dict[str, Any]:
    content, path = file.read_bytes(), file.relative_to(folder).as_posix()
    common = {"type": "file", "path": path, "size": len(content)}
    if file.name.endswith(LARGE):
        oid = hashlib.sha256(content).hexdigest()
        return {**common, "oid": "0" * 40, "lfs": {"oid": oid, "size": len(content), "pointerSize": 130}}
    return {**common, "oid": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}  # noqa: S324


def info(name: str, folder: Path) -> dict[str, Any]:
    """As ``/revision/<commit>?blobs=true`` has it."""
    siblings = []
    for listed in (entry(folder, file) for file in files(folder)):
        row = {"rfilename": listed["path"], "size": listed["size"], "blobId": listed["oid"]}
        lfs = listed.get("lfs")
        siblings.append(
            {**row, **({"lfs": {"sha256": lfs["oid"], "size": lfs["size"], "pointerSize": 130}} if lfs else {})}
        )
    return {"_id": "0", "id": name, "sha": folder.name, "private": False, "tags": [], "siblings": siblings}


def tree(folder: Path, under: str | None) -> list[dict[str, Any]]:
    top = folder / (under or "")
    folders = [path for path in sorted(top.rglob("*")) if path.is_dir()]
    rows = [{"type": "directory", "oid": "0" * 40, "path": p.relative_to(folder).as_posix()} for p in folders]
    return [*rows, *(entry(folder, file) for file in files(top))]


def paths_info(folder: Path, body: bytes) -> list[dict[str, Any]]:
    asked = json.loads(body)["paths"] if body.startswith(b"{") else parse_qs(body.decode())["paths"]
    return [entry(folder, folder / path) for path in asked if (folder / path).is_file()]


if __name__ == "__main__":
    with StubHub(Path(sys.argv[1]), int(sys.argv[2])) as served:
        sys.stderr.write(f"HF_ENDPOINT={served.url}\n")
        threading.Event().wait()
