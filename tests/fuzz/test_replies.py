"""Replies of embedding APIs, mutated: the vectors that are stored are the sound ones, or a line says what was wrong.

Whatever comes, the key is in no output and no file, no text reaches another server, no more is billed than is counted,
and no request takes longer, and no answer more memory, than it may.
"""

import base64
import gzip
import io
import json
import math
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.commands.door import exit_code
from evalkit.config import ApiConfig, HostedModel, RuntimeConfig
from evalkit.corpora.corpus import build_corpus
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.passes import embed
from evalkit.encoders import load_encoder
from tests.encoders.hosted.embedding_server import DIMS, PACKAGES, RESET, Fault, Server, serve, vector_of
from tests.fuzz.rule import Ending, fuzz, no_hang

KEY = "sk-proj-Zq81mNb7Xw2kLp94Rt5vYc36"
KINDS = st.sampled_from(sorted(PACKAGES))
DOCUMENTS = {f"d{i}": f"a private text, number {i}" for i in range(4)}
QUERIES = {"q0": "a private question", "q1": "and another"}
CORPUS = build_corpus("c", list(DOCUMENTS.items()), list(QUERIES.items()), {"q0": {"d0": 1}, "q1": {"d1": 1}})
ATTEMPTS, TIMEOUT_S, LONGEST_WAIT_S = 2, 2.0, 0.5
HANG_S = 60
SLOW_S = 2.0 * HANG_S  # what a slow answer takes, where nobody gives up waiting for it
WARM, FIRST_BATCH = 1, 2  # requests before the first of the documents, with two texts each
SEEDS = st.integers(0, 2**32 - 1)


@dataclass(frozen=True, repr=False)
class Servers:
    """``api`` answers, ``stranger`` is where nothing may go; ``clients`` of the SDKs, which take long to make."""

    api: Server
    stranger: Server
    clients: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How one embedding of CORPUS ended, and the tokens that were counted for it; ``vectors`` by text, if any."""

    ending: Ending
    counted: int
    vectors: dict[str, list[float]]


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    for package in PACKAGES.values():
        pytest.importorskip(package)
    with pytest.MonkeyPatch.context() as environment, serve() as api, serve() as stranger:
        environment.setenv("A_KEY", KEY)
        yield Servers(api, stranger, {})


def model(server: Server, kind: str) -> HostedModel:
    api = ApiConfig(
        key_variable="A_KEY",
        attempts=ATTEMPTS,
        batch_texts=2,
        parallel=1,
        timeout_seconds=TIMEOUT_S,
        first_wait_seconds=0.001,
        longest_wait_seconds=LONGEST_WAIT_S,
    )
    url = f"{server.url}/v1" if kind.startswith("openai") else server.url
    return HostedModel(kind=kind, name="m", url=url, native_dims=DIMS, api=api)


def embedded(servers: Servers, kind: str, faults: list[Fault | None]) -> Outcome:
    """What comes of embedding CORPUS while the API answers with ``faults``, in order, and then well.

    What holds of every case is asserted here.
    """
    servers.api.faults[:] = faults
    servers.api.requests.clear()
    encoder: Any = load_encoder(model(servers.api, kind), RuntimeConfig(kind="torch"))
    encoder.requests.client = servers.clients.setdefault(kind, encoder.requests.client)
    vectors: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:

        def command() -> int:
            found = embed(EmbeddingStore(folder, shard_texts=2), encoder, CORPUS, latency_calls=0)
            for side in (found.documents, found.queries):
                vectors.update(zip(side.texts.texts, np.asarray(side.vectors).tolist(), strict=True))
            return 0

        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), no_hang(HANG_S):
            code = exit_code(command)
        written = b"".join(file.read_bytes() for file in Path(folder).rglob("*") if file.is_file())
    ending = Ending(code, out.getvalue(), err.getvalue())
    ending.assert_told()
    for part in parts(KEY):
        assert part not in ending.out + ending.err, ending
        assert part.encode() not in written
    assert servers.stranger.requests == []
    budget = encoder.requests.budget
    return Outcome(ending, budget.spent_tokens + budget.open_tokens, vectors)


def parts(key: str, length: int = 8) -> Iterator[str]:
    return (key[start : start + length] for start in range(len(key) - length + 1))


def assert_sound(outcome: Outcome) -> None:
    assert outcome.ending.code == 0, outcome.ending
    for text in (*DOCUMENTS.values(), *QUERIES.values()):
        assert outcome.vectors[text] == vector_of(text), text


def assert_refused(outcome: Outcome) -> None:
    assert outcome.ending.code == 2, (outcome.ending, outcome.vectors)


def assert_sound_or_refused(outcome: Outcome) -> None:
    if outcome.ending.code == 0:
        assert_sound(outcome)


def chance(seed: int) -> random.Random:
    """Chance of a case's own: servers answer in other threads than hypothesis draws in."""
    return random.Random(seed)  # noqa: S311


def words(texts: list[str]) -> int:
    return sum(len(text.split()) for text in texts)


def always(fault: Fault) -> list[Fault | None]:
    """One word is answered well, then nothing is."""
    return [None] * WARM + [fault] * 50


def once(fault: Fault) -> list[Fault | None]:
    return [None] * WARM + [fault]


# Structure: one value of the JSON in the place of another.

ABSENT = object()
JUNK: dict[str, Any] = {
    "absent": ABSENT,
    "null": None,
    "true": True,
    "text": "AAAA",
    "empty text": "",
    "no items": [],
    "no fields": {},
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "beyond float32": 1e39,
    "beyond float64": 10**400,
    "beyond all digits": 10**5000,
    "number as text": "0.25",
    "nested": [[0.5]],
    "fields": {"0": 0.5},
}
IRRELEVANT = {"object", "id", "model", "texts", "usage", "meta", "usageMetadata"}
Path_ = tuple[Any, ...]


def paths(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The place of every value below ``value``."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield from paths(below, (*path, key))


def replaced(value: Any, path: Path_, junk: Any) -> Any:
    """A copy of ``value`` with ``junk`` at ``path``."""
    if not path:
        return None if junk is ABSENT else junk
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and junk is ABSENT:
        del copy[path[0]]
    else:
        copy[path[0]] = replaced(copy[path[0]], path[1:], junk)
    return copy


def is_irrelevant(path: Path_) -> bool:
    return any(isinstance(step, str) and step in IRRELEVANT for step in path)


@fuzz(whole=250, sample=3)
@given(kind=KINDS, junk=st.sampled_from(sorted(JUNK)), seed=SEEDS)
def test_junk_in_the_place_of_any_value_is_refused_unless_no_vector_is_of_it(
    kind: str, junk: str, seed: int, servers: Servers
) -> None:
    chosen: list[Path_] = []

    def edit(reply: Any) -> Any:
        if not chosen:
            chosen.append(chance(seed).choice(list(paths(reply))))
        return replaced(reply, chosen[0], JUNK[junk])

    if junk == "beyond all digits":  # Python's own limit keeps it from being written as a number
        outcome = embedded(servers, kind, always(Fault(wire=lambda body: plain(body.replace(b"0.", b"9" * 5000, 1)))))
        assert_refused(outcome)
        return
    outcome = embedded(servers, kind, always(Fault(edit=edit)))
    (path,) = chosen
    if is_irrelevant(path):
        assert_sound_or_refused(outcome)
    else:
        assert_refused(outcome)
    if not is_irrelevant(path) or "usage" not in str(path).lower():
        assert outcome.counted >= words(servers.api.texts)


LISTS: dict[str, Callable[[list[Any], Any], list[Any]]] = {
    "one less": lambda items, rng: items[:-1],
    "one more": lambda items, rng: [*items, items[0]],
    "one twice": lambda items, rng: [items[0], items[0], *items[2:]],
    "none": lambda items, rng: [],
    "a thousand": lambda items, rng: items * 1000,
    "shuffled": lambda items, rng: rng.sample(items, len(items)),
}

OTHER_NUMBERS = ["one less", "one more", "none", "a thousand"]
WITH_INDEX, WITHOUT_INDEX = ["openai", "openai_compatible", "voyage"], ["cohere", "google"]


def list_of(reply: Any) -> Path_:
    """Where the vectors are, whatever API's reply it is."""
    if "data" in reply:
        return ("data",)
    return ("embeddings", "float") if isinstance(reply["embeddings"], dict) else ("embeddings",)


def at(reply: Any, path: Path_) -> Any:
    return at(reply[path[0]], path[1:]) if path else reply


@fuzz(whole=60, sample=2)
@given(kind=st.sampled_from(WITH_INDEX), change=st.sampled_from(sorted(LISTS)), seed=SEEDS)
def test_vectors_go_by_their_index_or_are_refused(kind: str, change: str, seed: int, servers: Servers) -> None:
    def edit(reply: Any) -> Any:
        path = list_of(reply)
        return replaced(reply, path, LISTS[change](at(reply, path), chance(seed)))

    outcome = embedded(servers, kind, always(Fault(edit=edit)))
    (assert_sound if change == "shuffled" else assert_refused)(outcome)


@fuzz(whole=16, sample=1)
@given(kind=st.sampled_from(WITHOUT_INDEX), change=st.sampled_from(OTHER_NUMBERS))
def test_without_an_index_there_are_as_many_vectors_as_texts(kind: str, change: str, servers: Servers) -> None:
    def edit(reply: Any) -> Any:
        path = list_of(reply)
        return replaced(reply, path, LISTS[change](at(reply, path), None))

    assert_refused(embedded(servers, kind, always(Fault(edit=edit))))


# Bytes: what is read is what an honest reader of the same bytes reads.


def plain(body: bytes, *headers: bytes, status: bytes = b"200 OK", length: bytes | None = None) -> Iterator[bytes]:
    told = str(len(body)).encode() if length is None else length
    lines = [b"HTTP/1.1 " + status, b"Content-Type: application/json", b"Content-Length: " + told, *headers, b"", b""]
    yield b"\r\n".join(line for line in lines if line != b"Content-Length: -")
    yield body


BYTES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": lambda body, rng: body[: rng.randrange(len(body))],
    "a bit": lambda body, rng: flipped(body, rng.randrange(len(body)), 1 << rng.randrange(8)),
    "a byte less": lambda body, rng: without_byte(body, rng.randrange(len(body))),
    "bad UTF-8": lambda body, rng: body[: (place := rng.randrange(len(body)))] + b"\xff\xfe" + body[place:],
    "twice": lambda body, rng: body * 2,
    "words behind": lambda body, rng: body + b" and more",
    "words before": lambda body, rng: b"data: " + body,
    "spaces": lambda body, rng: b" \r\n\t" * 500 + body + b"\n" * 500,
    "a mark": lambda body, rng: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda body, rng: body.decode().encode("utf-16"),
    "a page": lambda body, rng: b"<!doctype html><title>" + body + b"</title>",
    "nothing": lambda body, rng: b"",
    "too deep": lambda body, rng: b"[" * 200_000,
    "too deep below": lambda body, rng: b'{"data":' * 50_000 + body + b"}" * 50_000,
    "a number": lambda body, rng: b"5",
    "an error": lambda body, rng: json.dumps({"error": {"message": f"the key {KEY} is used up"}}).encode(),
    "NULs": lambda body, rng: b"\0" * 3000,
}
Bytes = Callable[[bytes, random.Random], bytes]


def flipped(body: bytes, place: int, bit: int) -> bytes:
    return body[:place] + bytes([body[place] ^ bit]) + body[place + 1 :]


def without_byte(body: bytes, place: int) -> bytes:
    return body[:place] + body[place + 1 :]


def read_honestly(body: bytes) -> list[list[float]] | None:
    """The vectors in ``body``, by their index where they have one; null where it is no whole reply."""
    try:
        reply = json.loads(body)
        items = at(reply, list_of(reply))
        if "data" in reply:
            assert sorted(item["index"] for item in items) == list(range(len(items)))
            items = [item["embedding"] for item in sorted(items, key=lambda item: item["index"])]
        if items and isinstance(items[0], dict):
            items = [item["values"] for item in items]
        matrix = np.array(items, dtype=np.float32)
        assert all(type(number) in (int, float) for vector in items for number in vector)
        assert matrix.shape[1:] == (DIMS,)
        assert np.isfinite(matrix).all()
        assert matrix.any(axis=1).all()
    except (ValueError, RecursionError, LookupError, TypeError, AssertionError, AttributeError, OverflowError):
        return None
    return [list(map(float, vector)) for vector in matrix]


@fuzz(whole=200, sample=3)
@given(kind=KINDS, change=st.sampled_from(sorted(BYTES)), seed=SEEDS)
def test_damaged_bytes_are_read_as_they_say_or_refused(kind: str, change: str, seed: int, servers: Servers) -> None:
    said: list[list[list[float]] | None] = []

    def wire(body: bytes) -> Iterator[bytes]:
        damaged = BYTES[change](body, chance(seed))
        said.append(read_honestly(damaged))
        return plain(damaged)

    outcome = embedded(servers, kind, once(Fault(wire=wire)))
    first_texts = list(DOCUMENTS.values())[:2]
    if outcome.ending.code == 0:
        found = [outcome.vectors[text] for text in first_texts]
        assert found in (said[0], [vector_of(text) for text in first_texts]), (change, said)
        rest = [text for text in (*DOCUMENTS.values(), *QUERIES.values()) if text not in first_texts]
        assert [outcome.vectors[text] for text in rest] == [vector_of(text) for text in rest]


# Statuses and headers.

STATUSES = [200, 201, 202, 203, 204, 205, 206, 226, 299, 300, 304, 305, 306, 400, 401, 402, 403, 404, 405, 406, 408]
STATUSES += [409, 410, 413, 418, 422, 425, 429, 451, 499, 500, 501, 502, 503, 504, 507, 511, 520, 529, 599, 600, 999]


@fuzz(whole=120, sample=2)
@given(kind=KINDS, status=st.sampled_from(STATUSES), is_once=st.booleans())
def test_a_good_body_counts_with_a_good_status_alone(kind: str, status: int, is_once: bool, servers: Servers) -> None:
    fault = Fault(wire=lambda body: plain(body, status=f"{status} Said".encode()))
    outcome = embedded(servers, kind, once(fault) if is_once else always(fault))
    if status == 200:
        assert_sound(outcome)
    elif is_once or status < 300:
        assert_sound_or_refused(outcome)
    else:
        assert_refused(outcome)
    if not 300 <= status < 500:  # whoever refuses sends no bill
        assert outcome.counted >= words(servers.api.texts)


RETRY_AFTER = ["0", "-1", "NaN", "inf", "1e3", "soon", "", "0.1", "٣", "1,5", "Wed, 21 Oct 2015 07:28:00 GMT", "0, 0"]
RETRY_AFTER += ["Wed, 21 Oct 2015 07:28:00", "Wed, 99 Oct 2015 07:28:00 GMT", "Fri, 01 Jan 10000 00:00:00 GMT", "\x00"]
TOO_LONG = ["1000000000000", "9" * 400, "90", "Fri, 31 Dec 9999 23:59:59 GMT", "  7200  "]


@fuzz(whole=60, sample=2)
@given(kind=KINDS, said=st.sampled_from([*RETRY_AFTER, *TOO_LONG]), status=st.sampled_from([429, 503]))
def test_every_spelling_of_retry_after_is_waited_for_or_refused(
    kind: str, said: str, status: int, servers: Servers
) -> None:
    header = b"Retry-After: " + said.encode()
    fault = Fault(wire=lambda body: plain(b"{}", header, status=f"{status} Busy".encode()))
    outcome = embedded(servers, kind, once(fault))
    if said in TOO_LONG:
        assert_refused(outcome)
        assert "asks to wait" in outcome.ending.err
    elif said == "\x00":
        assert_sound_or_refused(outcome)
    else:
        assert_sound(outcome)


def coded(coding: str, body: bytes) -> Iterator[bytes]:
    return plain(body, f"Content-Encoding: {coding}".encode())


SOUND_HEADS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "gzip": lambda body: coded("gzip", gzip.compress(body)),
    "GZIP in two members": lambda body: coded("GZIP", gzip.compress(body)),
    "identity": lambda body: coded("identity", body),
    "a page's type": lambda body: plain(body, b"X-Type: text/html"),
    "closes": lambda body: plain(body, b"Connection: close"),
    "cookies": lambda body: plain(body, *(f"Set-Cookie: c{i}={KEY}; Path=/".encode() for i in range(50))),
    "a folded line": lambda body: plain(body, b"X-Long: a", b" b"),
    "continue": lambda body: iter([b"HTTP/1.1 100 Continue\r\n\r\n", *plain(body)]),
    "early hints": lambda body: iter([b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", *plain(body)]),
    "until the end": lambda body: plain(body, length=b"-"),
    "chunks": lambda body: in_chunks(body, 37),
    "chunks with notes": lambda body: in_chunks(body, 100, b";note=1"),
    "trailers": lambda body: in_chunks(body, 1000, ending=b"0\r\nX-Trailer: 1\r\n\r\n"),
    "HTTP/9": lambda body: iter([b"HTTP/9.9 200 OK\r\n\r\n" + body]),
    "HTTP/1.0": lambda body: iter([b"HTTP/1.0 200 OK\r\n\r\n" + body]),
}
BOMB = gzip.compress(bytes(1 << 27), 1)  # 128 MiB
BAD_HEADS: dict[str, Callable[[bytes], Iterator[bytes | float]]] = {
    "no gzip": lambda body: coded("gzip", body),
    "a cut gzip": lambda body: coded("gzip", gzip.compress(body)[:-9]),
    "gzip twice": lambda body: coded("gzip, gzip", gzip.compress(gzip.compress(body))),
    "br": lambda body: coded("br", body),
    "zstd": lambda body: coded("zstd", body),
    "an unknown coding": lambda body: coded("\x1b[31mred", body),
    "too short a length": lambda body: plain(body, length=b"50"),
    "too long a length": lambda body: plain(body, length=str(len(body) + 50).encode()),
    "a negative length": lambda body: plain(body, length=b"-5"),
    "a length of words": lambda body: plain(body, length=b"many"),
    "two lengths": lambda body: plain(body, b"Content-Length: 7"),
    "a vast length": lambda body: plain(body, length=b"9" * 400),
    "a vast header": lambda body: plain(body, b"X-Vast: " + b"v" * 300_000),
    "many headers": lambda body: plain(body, *(b"X-%d: %d" % (i, i) for i in range(30_000))),
    "a line that is none": lambda body: plain(body, b"no colon at all"),
    "a chunk without a size": lambda body: in_chunks(body, 37, size=b"zz"),
    "a chunk too large": lambda body: in_chunks(body, 37, size=b"fffffffffffffff"),
    "chunks without an end": lambda body: in_chunks(body, 37, ending=b""),
    "TLS": lambda body: iter([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20]),
    "no HTTP": lambda body: iter([b"SSH-2.0-OpenSSH_9.9\r\n"]),
    "a status of words": lambda body: plain(body, status=b"OK OK"),
    "nothing at all": lambda body: iter([]),
    "a reset": lambda body: iter([RESET]),
    "a reset in the body": lambda body: iter([*plain(body[: len(body) // 2], length=b"9999"), 0.02, RESET]),
    "half closed": lambda body: iter([*plain(body[: len(body) // 2], length=b"9999")]),
    "no words": lambda body: plain(b""),
    "switched": lambda body: iter([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", body]),
    "a bomb": lambda body: coded("gzip", BOMB),
    "a bomb of chunks": lambda body: in_chunks(BOMB, 9000, header=b"Content-Encoding: gzip\r\n"),
    "a bomb in an error": lambda body: plain(BOMB, b"Content-Encoding: gzip", status=b"500 Oh"),
}


def in_chunks(
    body: bytes,
    most: int,
    note: bytes = b"",
    ending: bytes = b"0\r\n\r\n",
    size: bytes | None = None,
    header: bytes = b"",
) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + header + b"\r\n"
    for start in range(0, len(body), most):
        chunk = body[start : start + most]
        yield (size or b"%x" % len(chunk)) + note + b"\r\n" + chunk + b"\r\n"
    yield ending


@fuzz(whole=80, sample=2)
@given(kind=KINDS, head=st.sampled_from(sorted(SOUND_HEADS)), size=st.integers(1, 400))
def test_a_good_answer_is_read_however_it_is_wrapped_and_split(
    kind: str, head: str, size: int, servers: Servers
) -> None:
    def wire(body: bytes) -> Iterator[bytes | float]:
        for piece in SOUND_HEADS[head](body):
            for start in range(0, len(piece), size):
                yield piece[start : start + size]

    outcome = embedded(servers, kind, always(Fault(wire=wire)))
    assert_sound(outcome)
    assert outcome.counted >= words(servers.api.texts)


@fuzz(whole=150, sample=3)
@given(kind=KINDS, head=st.sampled_from(sorted(BAD_HEADS)), is_once=st.booleans())
def test_a_broken_answer_is_asked_for_again_and_then_refused(
    kind: str, head: str, is_once: bool, servers: Servers
) -> None:
    fault = Fault(wire=BAD_HEADS[head])
    outcome = embedded(servers, kind, once(fault) if is_once else always(fault))
    (assert_sound_or_refused if is_once else assert_refused)(outcome)
    assert outcome.counted >= words(servers.api.texts)
    assert len(servers.api.requests) <= WARM + 3 * ATTEMPTS


# Redirects.

PLACES: dict[str, Callable[[Servers], str]] = {
    "another server": lambda servers: f"{servers.stranger.url}/v1/embeddings",
    "another server, with a user": lambda servers: servers.stranger.url.replace("//", f"//me:{KEY}@"),
    "another server, with a key": lambda servers: f"{servers.stranger.url}/?key={KEY}",
    "another server, without a scheme": lambda servers: servers.stranger.url.partition(":")[2],
    "another name of it": lambda servers: servers.api.url.replace("127.0.0.1", "localhost"),
    "a path of its own": lambda servers: f"{servers.api.url}/v2/embeddings",
    "a path alone": lambda servers: "/elsewhere",
    "a step up": lambda servers: "../../x",
    "https": lambda servers: servers.stranger.url.replace("http:", "https:"),
    "a file": lambda servers: "file:///etc/hostname",
    "a script": lambda servers: "javascript:alert(1)",
    "no address": lambda servers: "http://[::1",
    "control characters": lambda servers: f"{servers.stranger.url}/\x1b[2J\x07",
    "nothing": lambda servers: "",
    "itself": lambda servers: f"{servers.api.url}/v1/embeddings",
}


@fuzz(whole=120, sample=2)
@given(
    kind=KINDS,
    place=st.sampled_from(sorted(PLACES)),
    status=st.sampled_from([301, 302, 303, 307, 308]),
    has_body=st.booleans(),
)
def test_no_redirect_is_followed_and_it_is_said_where_to(
    kind: str, place: str, status: int, has_body: bool, servers: Servers
) -> None:
    headers = {"Location": PLACES[place](servers)}
    fault = Fault(status, headers, edit=lambda reply: reply) if has_body else Fault(status, headers, body=b"")
    outcome = embedded(servers, kind, always(fault))
    assert_refused(outcome)
    assert len(servers.api.requests) == WARM + 1
    if place != "control characters":  # of which HTTP knows nothing
        assert "redirects to" in outcome.ending.err
        assert f"Asked was {servers.api.url}" in outcome.ending.err


# Time: drops, silence.


def drops(head: bytes, seconds: float = 0.05) -> Iterator[bytes | float]:
    """``head``, and then a byte after another for longer than anybody waits."""
    yield head
    for _ in range(round(SLOW_S / seconds)):
        yield seconds
        yield b"1"


SLOW: dict[str, Callable[[bytes], Iterator[bytes | float]]] = {
    "silence": lambda body: iter([SLOW_S]),
    "a status in drops": lambda body: drops(b"HTTP/1.1 2"),
    "headers in drops": lambda body: drops(b"HTTP/1.1 200 OK\r\nX-Long: "),
    "a body in drops": lambda body: drops(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n["),
    "chunks in drops": lambda body: drops(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "an error in drops": lambda body: drops(b"HTTP/1.1 500 Oh\r\n\r\n"),
    "hints without an end": lambda body: hints(),
    "silence in the body": lambda body: iter([b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[", SLOW_S]),
}


def hints() -> Iterator[bytes | float]:
    for _ in range(round(SLOW_S / 0.05)):
        yield b"HTTP/1.1 103 Early Hints\r\n\r\n"
        yield 0.05


@fuzz(whole=24, sample=1)
@given(kind=KINDS, slow=st.sampled_from(sorted(SLOW)), is_once=st.booleans())
def test_a_request_takes_no_longer_than_it_may(kind: str, slow: str, is_once: bool, servers: Servers) -> None:
    fault = Fault(wire=SLOW[slow])
    outcome = embedded(servers, kind, once(fault) if is_once else always(fault))
    (assert_sound if is_once else assert_refused)(outcome)
    assert outcome.counted >= words(servers.api.texts)


# Keys in what a server says.

SPELLED: dict[str, Callable[[str], str]] = {
    "as it is": lambda key: key,
    "in capitals": lambda key: key.upper(),
    "over two lines": lambda key: f"{key[:14]}\n{key[14:]}",
    "letter by letter": lambda key: " ".join(key),
    "with marks": lambda key: "\u200b".join(key),
    "its beginning": lambda key: key[:-4],
    "its end": lambda key: key[9:],
    "shortened": lambda key: f"{key[:7]}...{key[-4:]}",
    "with stars": lambda key: f"{key[:7]}{'*' * 15}{key[-4:]}",
    "in a header": lambda key: f"Authorization: Bearer {key}",
    "in base64": lambda key: in_base64(key),
    "of a user in base64": lambda key: f"Basic {in_base64(f'user:{key}')}",
    "in an address": lambda key: f"https://me:{key}@host/v1?api_key={key}&x={key}#{key}",
    "in hexadecimal": lambda key: key.encode().hex(),
    "in percent": lambda key: "".join(f"%{ord(c):02X}" for c in key),
    "in JSON in JSON": lambda key: json.dumps(json.dumps({"error": {"message": key}})),
    "often": lambda key: key * 300,
}


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def shapes(words: str) -> dict[str, bytes]:
    """Bodies that say ``words``, as APIs and proxies do."""
    return {
        "OpenAI's": json.dumps({"error": {"message": words, "code": words}}).encode(),
        "Google's": json.dumps([{"error": {"message": words, "status": "X"}}]).encode(),
        "FastAPI's": json.dumps({"detail": [{"loc": ["body", words], "msg": words}]}).encode(),
        "plain": words.encode(),
        "a page": f"<html><title>{words}</title></html>".encode(),
        "cut JSON": json.dumps({"error": words}).encode()[:-2],
    }


@fuzz(whole=200, sample=3)
@given(
    kind=KINDS,
    spelled=st.sampled_from(sorted(SPELLED)),
    shape=st.sampled_from(sorted(shapes(""))),
    status=st.sampled_from([200, 400, 401, 403, 404, 422, 429, 500]),
    before=st.sampled_from([0, 150, 190, 199, 230, 290, 5000, 5990]),
    behind=st.sampled_from([0, 90, 110, 2000]),
)
def test_no_key_is_shown_however_a_server_spells_it(
    kind: str, spelled: str, shape: str, status: int, before: int, behind: int, servers: Servers
) -> None:
    said = f"{'n' * before} {SPELLED[spelled](KEY)} {'m' * behind}"
    body = shapes(said)[shape]
    outcome = embedded(servers, kind, always(Fault(wire=lambda _: plain(body, status=f"{status} Oh".encode()))))
    assert_refused(outcome)
    shown = outcome.ending.err
    for part in (*parts(SPELLED["in base64"](KEY), 12), *parts(SPELLED["in hexadecimal"](KEY), 20)):
        assert part not in shown
    assert f"{KEY[:7]}..." not in shown
    assert f"**{KEY[-4:]}" not in shown
    assert KEY.lower() not in shown.lower()
    assert KEY not in shown.replace(" ", "").replace("\u200b", "")
