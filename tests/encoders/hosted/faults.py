"""What servers do wrong in the third shard of two documents and more, and what is said of it: fault, problem, hint.

The documents of the request that fails are ``d8`` and ``d9``; ``m`` is the model.
"""

import gzip
import json
from collections.abc import Callable
from typing import Any

from tests.encoders.hosted.embedding_server import Fault

KEY = "secret-key-4711"
TRIED = "It was tried 2 times (model.api.attempts=2)."
LONG = "Is it too long? chunking=tokens splits it (set model.tokenizer, model.max_length); or a longer model."
REFUSED = "refused 2 documents ('d8', 'd9')"
TOO_LONG = "refused 2 documents ('d8', 'd9'; the longest is 'd9', about 7 tokens)"
HTML = b"<!doctype html><html><head><title>Sign in &amp; pay</title></head><body>secret</body></html>"
CHUNKED, GZIP = {"Transfer-Encoding": "chunked"}, {"Content-Encoding": "gzip"}
CUT = gzip.compress(json.dumps(list(range(999))).encode())[:500]
LINE = "x" * 280


def edited(edit: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Fault:
    """An answer whose items (place, item) are others."""
    return Fault(edit=lambda reply: {**reply, "data": [edit(i, item) for i, item in enumerate(reply["data"])]})


def embedded(value: Any) -> Fault:
    """An answer with ``value`` in the place of every vector."""
    return edited(lambda i, item: {**item, "embedding": value})


def vectors(change: Callable[[Any], Any]) -> Fault:
    return Fault(change=change)


def refusal(status: int, reply: Any) -> Fault:
    return Fault(status, body=reply if isinstance(reply, bytes) else json.dumps(reply).encode())


TWICE = "gave vectors of which an index is missing or there twice"
LOST = "failed: Connection error: "
TRIED_AGAIN: dict[str, tuple[Fault, str]] = {
    "an error in a good answer": (refusal(200, {"error": {"message": "no memory"}}), "gave no vectors: no memory"),
    "a page in a good answer": (refusal(200, HTML), "gave no JSON: Sign in & pay"),
    "words in a good answer": (refusal(200, b"upstream\nis\tgone"), "gave no JSON: upstream is gone"),
    "nothing": (refusal(200, b""), "gave an empty answer"),
    "a list": (refusal(200, [1, 2]), "gave no vectors"),
    "null": (refusal(200, None), "gave no vectors"),
    "items of null": (refusal(200, {"data": [None, None]}), "gave vectors without their embedding and index"),
    "ragged": (vectors(lambda v: [v[0][:3], *v[1:]]), "gave vectors of different widths in one answer (3 and 8)"),
    "nested": (vectors(lambda v: [[x] for x in v]), "gave vectors with lists in them"),
    "flat": (vectors(lambda v: v[0]), "gave 8 vectors for 2 texts"),
    "numbers as text": (embedded(["0.1"] * 8), "gave vectors with text in them"),
    "nulls": (embedded([None] * 8), "gave vectors with null in them"),
    "truths": (embedded([True] * 8), "gave vectors with true or false in them"),
    "base64": (embedded("AAAA"), "gave text (base64?) in the place of a vector"),
    "an empty word": (embedded(""), "gave text (base64?) in the place of a vector"),
    "no vector": (edited(lambda i, item: {"index": i}), "gave nothing in the place of a vector"),
    "no width": (embedded([]), "gave vectors without a number"),
    "NaN": (embedded([float("nan")] * 8), "gave a vector with NaN or infinity in it"),
    "infinity": (embedded([float("inf")] * 8), "gave a vector with NaN or infinity in it"),
    "beyond float32": (embedded([1e39] * 8), "gave a vector with NaN or infinity in it"),
    "beyond all floats": (embedded([10**400] * 8), "gave a vector with a number in it that float32 can't hold"),
    "a vector too few": (vectors(lambda v: v[:-1]), "gave 1 vectors for 2 texts"),
    "a vector too many": (vectors(lambda v: [*v, v[0]]), "gave 3 vectors for 2 texts"),
    "an index twice": (edited(lambda i, item: {**item, "index": 0}), TWICE),
    "an index of text": (edited(lambda i, item: {**item, "index": str(i)}), TWICE),
    "an index missing": (edited(lambda i, item: {**item, "index": i or None}), TWICE),
    "no answer": (Fault(dropped=True), f"{LOST}Server disconnected without sending a response"),
    "half a body": (Fault(half_body=True), f"{LOST}peer closed connection without sending complete message body"),
    "half a chunk": (Fault(body=b'ff\r\n{"da', headers=CHUNKED), f"{LOST}peer closed connection without sending"),
    "damaged gzip": (
        Fault(body=b"no gzip", headers=GZIP),
        "gave an answer that is no gzip: Error -3 while decompressing",
    ),
    "cut gzip": (Fault(body=CUT, headers=GZIP), "gave an answer whose gzip ends early"),
    "endless": (Fault(endless=True), "gave an answer of more than 1,049,216 bytes"),
    "an endless error": (Fault(500, endless=True), "gave an answer of more than 1,049,216 bytes"),
    "429": (Fault(429, message="slow\r\n\x1b[31mdown\u202e"), r"failed (HTTP 429): slow \x1b[31mdown\u202e"),
    "500 without a word": (refusal(500, b""), "failed (HTTP 500): Internal Server Error"),
    "503 at length": (
        Fault(503, message=f"{LINE[:180]} {KEY}{LINE}"),
        f"failed (HTTP 503): {LINE[:180]} <removed>{'x' * 9}…{'x' * 100}",
    ),
}
NOT_TRIED_AGAIN: dict[str, tuple[Fault, str, str]] = {
    "another width": (
        vectors(lambda v: [x[:4] for x in v]),
        "gave vectors of 4 dimensions, and of 8 before.",
        "Are there several models behind this name, or was it changed meanwhile?",
    ),
    "400": (
        Fault(400, message="can't read it"),
        f"{REFUSED} (HTTP 400): can't read it",
        "model.api.batch_texts=1 tells",
    ),
    "422 of FastAPI": (
        refusal(422, {"detail": [{"loc": ["body", "input", 1], "msg": "at most 9 characters", "type": "too_long"}]}),
        f"{TOO_LONG} (HTTP 422): input.1: at most 9 characters",
        LONG,
    ),
    "422 of TEI": (
        refusal(422, {"error": "`inputs` must have less than 8 tokens. Given: 9", "error_type": "Validation"}),
        f"{TOO_LONG} (HTTP 422): `inputs` must have less than 8 tokens. Given: 9",
        LONG,
    ),
    "413 of a proxy": (
        refusal(413, b"<html>\r\n<head><title>413 Request Entity Too Large</title></head></html>"),
        f"{REFUSED} (HTTP 413): 413 Request Entity Too Large",
        "Send less at once: model.api.batch_texts=1.",
    ),
    "400 in plain words": (
        refusal(400, b"batch size 2 > maximum 1"),
        f"{TOO_LONG} (HTTP 400): batch size 2 > maximum 1",
        "Send less at once: model.api.batch_texts=1.",
    ),
    "401": (
        Fault(401, message=f"no such key: {KEY}"),
        "refused the key (HTTP 401): no such key: <removed>",
        "Is the key in A_KEY right?",
    ),
    "404": (
        refusal(404, {"object": "error", "message": "The model `m` does not exist."}),
        "failed (HTTP 404): The model `m` does not exist.",
        "Is model.url right, and model.name one that it serves?",
    ),
    "307": (
        Fault(307, headers={"Location": "http://127.0.0.1:9/\x1b[2J"}, body=b""),
        "redirects to http://127.0.0.1:9/",
        "Asked was http://127.0.0.1:",
    ),
    "asked to wait": (
        Fault(429, headers={"Retry-After": "90"}),
        "asks to wait for 90 seconds, longer than the limit of 60.",
        "Try later, or set model.api.longest_wait_seconds.",
    ),
}
FAULTS = {name: (*case, TRIED) for name, case in TRIED_AGAIN.items()} | NOT_TRIED_AGAIN
