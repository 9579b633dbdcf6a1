"""Whatever a server does wrong is one line that says what and how to go on; nothing that is kept is encoded twice."""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config import ApiConfig, HostedModel, RuntimeConfig
from evalkit.config.schema.models import Prompts
from evalkit.corpora import Texts
from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.budgets import estimate
from evalkit.embeddings.chunking import whole
from evalkit.embeddings.executors import encode_shard
from evalkit.embeddings.passes import embed
from evalkit.embeddings.shards import Shard
from evalkit.encoders import load_encoder
from evalkit.errors import UserError, exit_code
from tests.encoders.hosted.embedding_server import Fault, Server, serve, vector_of

pytest.importorskip("openai")
KEY = "secret-key-4711"
RUNTIME = RuntimeConfig(kind="torch")
DOCUMENTS = {f"d{i}": f"document number {i}" for i in range(12)}
QUERIES = {"q0": "which one", "q1": "and which then"}
KEPT = "8 of 12 documents are kept; the same command goes on from there."
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
    "damaged gzip": (Fault(body=b"no gzip", headers=GZIP), f"{LOST}Error -3 while decompressing"),
    "cut gzip": (Fault(body=CUT, headers=GZIP), "gave no JSON: "),
    "endless": (Fault(endless=True), "gave an answer of more than 1,049,216 bytes"),
    "an endless error": (Fault(500, endless=True), "gave an answer of more than 1,049,216 bytes"),
    "429": (Fault(429, message="slow\r\n\x1b[31mdown\u202e"), r"failed (HTTP 429): slow \x1b[31mdown\u202e"),
    "500 without a word": (refusal(500, b""), "failed (HTTP 500): Internal Server Error"),
    "503 at length": (Fault(503, message=f"{LINE} {KEY}{LINE}"), f"failed (HTTP 503): {LINE} <removed>{'x' * 10} …"),
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
        "Set model.url to where it answers.",
    ),
    "asked to wait": (
        Fault(429, headers={"Retry-After": "90"}),
        "asks to wait for 90 seconds, longer than the limit of 60.",
        "Try later, or set model.api.longest_wait_seconds.",
    ),
}
FAULTS = {name: (*case, TRIED) for name, case in TRIED_AGAIN.items()} | NOT_TRIED_AGAIN


@pytest.fixture
def corpus() -> Corpus:
    return build_corpus("c", list(DOCUMENTS.items()), list(QUERIES.items()), {"q0": {"d0": 1}, "q1": {"d1": 1}})


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", KEY)


def model(server: Server, kind: str = "openai_compatible", **api: Any) -> HostedModel:
    quick = {"attempts": 2, "first_wait_seconds": 0.001, "batch_texts": 2, "parallel": 1, "key_variable": "A_KEY"}
    url = f"{server.url}/v1" if kind.startswith("openai") else server.url
    return HostedModel(kind=kind, name="m", url=url, native_dims=8, api=ApiConfig(**{**quick, **api}))


def embed_into(path: Path, config: HostedModel, corpus: Corpus) -> int:
    """Encode ``corpus`` in shards of four texts as a run does; the exit code."""
    encoder = load_encoder(config, RUNTIME)

    def command() -> int:
        embed(EmbeddingStore(str(path), shard_texts=4), encoder, corpus, latency_calls=0)
        return 0

    return exit_code(command)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_line_and_the_same_command_goes_on_behind_it(
    name: str, corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One word and two shards of two requests are answered well, then everything fails; then nothing does."""
    fault, problem, hint = FAULTS[name]
    with serve([*[None] * 5, *[fault] * 99]) as server:
        assert embed_into(tmp_path, model(server), corpus) == 2
        first, second, *more = capsys.readouterr().err.splitlines()
        assert first.startswith(f"evalkit: m {problem}")
        assert second.startswith(f"         {hint}")
        assert second.endswith(KEPT)
        assert more == []
        assert (first + second).isprintable()
        assert KEY not in first + second
        assert len(first) < 400
        server.faults.clear()
        server.requests.clear()
        assert embed_into(tmp_path, model(server), corpus) == 0
        assert sorted(server.texts) == sorted(["warm", *list(DOCUMENTS.values())[8:], *QUERIES.values()])
        server.requests.clear()
        encoder = load_encoder(model(server, check_canary=False), RUNTIME)
        found = embed(EmbeddingStore(str(tmp_path), shard_texts=4), encoder, corpus, latency_calls=0)
        assert server.requests == []
    for side in (found.documents, found.queries):
        np.testing.assert_allclose(side.vectors, [vector_of(text) for text in side.texts.texts], rtol=1e-6)


NOT_OF_VOYAGE = {"endless", "an endless error", "307", "nested"}  # it packs numbers, and has requests for a client


@pytest.mark.parametrize("kind", ["cohere", "voyage", "google"])
def test_no_vendors_sdk_lets_anything_but_one_line_out(kind: str) -> None:
    pytest.importorskip({"google": "google.genai", "voyage": "voyageai"}.get(kind, kind))
    with serve() as server:
        encoder = load_encoder(model(server, kind), RUNTIME)
        for name, (fault, _, _) in FAULTS.items():
            if fault.edit or (kind == "voyage" and name in NOT_OF_VOYAGE):
                continue
            server.faults[:] = [fault] * 9
            with pytest.raises(UserError) as caught:
                encoder.encode(["a text", "another text"], "document")
            assert caught.value.problem.startswith("m "), name
            assert caught.value.problem.isprintable(), name
            assert len(caught.value.problem) < 400, name
            assert KEY not in str(caught.value), name


def test_nothing_is_said_to_be_kept_where_nothing_is(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve([None, *[Fault(status=500)] * 9]) as server:
        assert embed_into(tmp_path, model(server), corpus) == 2
    assert "kept" not in capsys.readouterr().err


def test_documents_are_kept_when_queries_fail(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve([*[None] * 7, *[Fault(status=500)] * 9]) as server:
        assert embed_into(tmp_path, model(server), corpus) == 2
    assert f"{TRIED} 12 of 12 documents are kept; the same command goes on from there." in capsys.readouterr().err


@pytest.mark.parametrize("bad", range(8))
def test_the_one_text_that_a_server_of_ones_own_refuses_is_found(
    bad: int, corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = DOCUMENTS[f"d{bad}"]
    with serve() as server:
        server.refuse = lambda texts: Fault(422, message=f"refused {len(texts)}: too long") if text in texts else None
        assert embed_into(tmp_path, model(server, batch_texts=4), corpus) == 2
        assert len([texts for _, _, body in server.requests if text in (texts := body["input"])]) <= 4
    said = f"m refused document 'd{bad}' (HTTP 422), and takes others of the same request: refused 1: too long\n"
    assert said + f"         {LONG}" in capsys.readouterr().err


def test_texts_that_are_refused_together_alone_are_too_many_at_once(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve() as server:
        server.refuse = lambda texts: Fault(400, message="no more than two") if len(texts) > 2 else None
        assert embed_into(tmp_path, model(server, batch_texts=4), corpus) == 2
        said = capsys.readouterr().err
        assert "m refused 4 documents ('d0', 'd1', 'd2' …) at once" in said
        assert (
            "and takes each half of them: no more than two\n         Send less at once: model.api.batch_texts=2."
            in said
        )
        assert embed_into(tmp_path, model(server, batch_texts=2), corpus) == 0


def test_what_is_refused_whatever_the_text_is_no_texts_fault(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve() as server:
        server.refuse = lambda texts: None if texts == ["warm"] else Fault(400, message="no such task")
        assert embed_into(tmp_path, model(server, batch_texts=4), corpus) == 2
    said = capsys.readouterr().err
    assert "m refused 4 documents ('d0', 'd1', 'd2' …" in said
    assert "takes" not in said


def test_nobody_who_is_billed_pays_to_find_the_text(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One word, then the first request, which is refused: it and the one beside it are all that is sent."""
    with serve() as server:
        server.refuse = lambda texts: Fault(400, message="9 tokens are too many") if DOCUMENTS["d1"] in texts else None
        assert embed_into(tmp_path, model(server, kind="openai", batch_texts=4), corpus) == 2
        assert [len(body["input"]) for _, _, body in server.requests] == [1, 4]
    said = capsys.readouterr().err
    assert "m refused 4 documents ('d0', 'd1', 'd2' …; the longest is 'd3', about 7 tokens) (HTTP 400)" in said


@pytest.mark.parametrize("prompt", ["", "passage: "])
def test_an_empty_text_is_never_sent(prompt: str) -> None:
    with serve() as server:
        config = model(server)
        encoder = load_encoder(replace(config, prompts=Prompts(document=prompt)), RUNTIME)
        shard = Shard("document", 0, range(3), ("d1", "blank", "d2"), ("a", " \t\n", ""))
        with pytest.raises(UserError, match=r"m can't be sent 2 documents \('blank', 'd2'\) that are empty"):
            encode_shard(encoder, shard, "a timing")
        assert server.requests == []


def test_an_empty_text_stops_a_run_before_its_bill_begins(corpus: Corpus, tmp_path: Path) -> None:
    """It is in the last of four shards, and found while the cost is estimated."""
    texts = Texts([*DOCUMENTS, "blank"], [*DOCUMENTS.values(), " "])
    with serve() as server:
        encoder = load_encoder(model(server, kind="openai"), RUNTIME)
        with pytest.raises(UserError, match="m can't be sent document 'blank': it is empty or"):
            estimate(EmbeddingStore(str(tmp_path), shard_texts=4), encoder, [(corpus, whole(texts))], 0, None)
        assert server.requests == []


def test_half_a_surrogate_pair_can_be_sent() -> None:
    with serve() as server:
        encoder = load_encoder(model(server), RUNTIME)
        encoder.encode(["a \ud83d b", "\ud83d\ude00", "plain ü 😀 \x00"], "query")
    assert sorted(server.texts) == sorted(["a \ufffd b", "😀", "plain ü 😀 \x00"])


@pytest.mark.parametrize("body", [{"usage": None}, {"usage": {"prompt_tokens": "9"}}, {"usage": {"prompt_tokens": -1}}])
def test_tokens_that_are_no_number_are_not_told(body: dict[str, Any]) -> None:
    with serve([Fault(edit=lambda reply: {**reply, **body})]) as server:
        assert load_encoder(model(server), RUNTIME).encode(["a"], "query").tokens is None


def test_vectors_without_an_index_are_taken_as_they_come() -> None:
    with serve([edited(lambda i, item: {"embedding": item["embedding"]})]) as server:
        found = load_encoder(model(server), RUNTIME).encode(["a", "b"], "query")
    np.testing.assert_allclose(found.vectors, [vector_of("a"), vector_of("b")], rtol=1e-6)


def test_an_api_that_gives_another_width_than_asked_for_is_said(
    corpus: Corpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve([embedded([0.5] * 8)] * 99) as server:
        cut = replace(model(server, native_dims=True), native_dims=4)
        assert embed_into(tmp_path, cut, corpus) == 2
        assert "m was asked for 4 dimensions and gave 8.\n         Leave out model.api" in capsys.readouterr().err
        assert embed_into(tmp_path, model(server, compare_dims=[4]), corpus) == 2
        assert "m was asked for 4 dimensions and gave 8." in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["openai", "cohere", "google"])
def test_a_redirect_takes_neither_texts_nor_keys_elsewhere(kind: str, tmp_path: Path, corpus: Corpus) -> None:
    pytest.importorskip({"google": "google.genai"}.get(kind, kind))
    with (
        serve() as other,
        serve([Fault(307, headers={"Location": f"{other.url}/v1/embeddings"}, body=b"")] * 9) as server,
    ):
        assert embed_into(tmp_path, model(server, kind), corpus) == 2
        assert other.requests == []


def test_a_run_that_fails_says_so_in_two_lines_and_goes_on(
    colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole command: one word, four documents of twelve, then an error in the place of vectors."""
    with serve([*[None] * 3, *[Fault(body=b'{"error": "CUDA out of memory"}')] * 2]) as server:
        command = [
            "model=openai_compatible",
            f"model.url={server.url}/v1",
            "model.name=m",
            "model.native_dims=8",
            *("model.api.batch_texts=2", "model.api.parallel=1", "model.api.attempts=2"),
            *("model.api.first_wait_seconds=0.001", "store.shard_texts=4", f"store.path={tmp_path / 'store'}"),
            *("corpus=beir", f"corpus.beir.path={colours}", f"results_dir={tmp_path / 'results'}"),
            *("top_k=10", "measures=[nDCG@10]", "runtime.latency_calls=3", "at_workload_seconds=0"),
        ]
        assert main(command) == 2
        said = capsys.readouterr().err
        assert "Traceback" not in said
        kept = "4 of 12 documents are kept; the same command goes on from there."
        assert said.endswith(f"evalkit: m gave no vectors: CUDA out of memory\n         {TRIED} {kept}\n")
        first = server.texts[1:5]
        server.requests.clear()
        assert main(command) == 0
        assert not set(first) & set(server.texts)
