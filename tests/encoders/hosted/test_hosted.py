"""Hosted models through their vendors' own SDKs against a real HTTP server: vectors end up at the right texts, whatever
the server does; keys stay secret; nothing is paid twice."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config import HostedModel
from evalkit.config.compose import compose
from evalkit.encoders import load_encoder
from evalkit.encoders.hosted.http_errors import retry_after_seconds
from evalkit.encoders.hosted.token_bounds import estimated_tokens, most_tokens
from evalkit.errors import UserError
from evalkit.gate.pairing import pairs
from evalkit.gate.space import compare_spaces
from evalkit.gate.words import space_sentence
from evalkit.results.canaries import stored_vectors
from evalkit.results.reader import StoredRun, read_run, stored_runs
from evalkit.system.digests import digest
from tests.conftest import WORDS, WriteBeir
from tests.encoders.hosted.embedding_server import DIMS, Fault, Server, Vectors, serve, vector_of

ROOT = Path(__file__).resolve().parents[3]
KEY = "secret-key-4711"
MODELS = {
    "openai-small": ("openai", "OPENAI_API_KEY", "/v1"),
    "cohere": ("cohere", "CO_API_KEY", ""),
    "voyage": ("httpx", "VOYAGE_API_KEY", "/v1"),
    "gemini": ("google.genai", "GEMINI_API_KEY", ""),
}
QUICK = ["model.api.first_wait_seconds=0.01", "model.api.tokens_per_minute=null", "model.api.requests_per_minute=null"]
UNCHECKED = "model.api.check_canary=false"
TEXTS = [f"text number {i} ü" for i in range(23)]


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    package, variable, _ = MODELS[request.param]
    pytest.importorskip(package)
    monkeypatch.setenv(variable, KEY)
    return request.param


def overrides(model: str, server: Server, *more: str) -> list[str]:
    url = server.url + MODELS[model][2]
    return [
        f"model={model}",
        f"model.url={url}",
        f"model.native_dims={DIMS}",
        "model.matryoshka_dims=[]",
        *QUICK,
        *more,
    ]


def encoder(model: str, server: Server, *more: str) -> Any:
    config = compose("run", overrides(model, server, "model.api.batch_texts=5", *more))
    return load_encoder(config.model, config.runtime)


def expected(texts: list[str] = TEXTS) -> np.ndarray:
    return np.array([vector_of(text) for text in texts], dtype=np.float32)


def test_every_text_gets_its_own_vector_and_tokens_are_the_apis(model: str) -> None:
    with serve() as server:
        found = encoder(model, server).encode(TEXTS, "document")
    np.testing.assert_allclose(found.vectors, expected(), rtol=1e-6)
    assert sorted(server.texts) == sorted(TEXTS)
    assert len(server.requests) == 5
    assert int(found.tokens.sum()) == sum(len(text.split()) for text in TEXTS)


def test_each_side_says_what_it_is(model: str) -> None:
    wanted = {
        "openai-small": {},
        "cohere": {"query": "search_query", "document": "search_document"},
        "voyage": {"query": "query", "document": "document"},
        "gemini": {"query": "RETRIEVAL_QUERY", "document": "RETRIEVAL_DOCUMENT"},
    }[model]
    with serve() as server:
        for side in ("query", "document"):
            encoder(model, server).encode(["a text"], side)
            body = json.dumps(server.requests[-1][2])
            assert wanted.get(side, "text") in body


def test_no_api_that_can_refuse_a_long_text_is_let_cut_it_in_silence(model: str) -> None:
    asked = {"openai-small": {}, "cohere": {"truncate": "NONE"}, "voyage": {"truncation": False}, "gemini": {}}[model]
    with serve() as server:
        encoder(model, server).encode(["a text"], "document")
    body = server.requests[0][2]
    assert {name: body[name] for name in asked} == asked


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429, headers={"Retry-After": "0"}),
        Fault(status=500),
        Fault(status=503),
        Fault(half_body=True),
        Fault(change=lambda vectors: vectors[:-1]),
        Fault(change=lambda vectors: [*vectors[:-1], [float("nan"), *vectors[-1][1:]]]),
    ],
    ids=["429", "500", "503", "half a body", "a vector too few", "NaN"],
)
def test_what_passes_is_tried_again_and_nothing_is_lost(fault: Fault, model: str) -> None:
    with serve([None, fault, fault]) as server:
        found = encoder(model, server).encode(TEXTS, "document")
    np.testing.assert_allclose(found.vectors, expected(), rtol=1e-6)
    assert len(server.requests) == 7


def test_a_silent_server_is_not_waited_for_forever(model: str) -> None:
    with serve([Fault(silence_seconds=3)]) as server:
        found = encoder(model, server, "model.api.timeout_seconds=0.5").encode(TEXTS[:2], "document")
    np.testing.assert_allclose(found.vectors, expected(TEXTS[:2]), rtol=1e-6)
    assert len(server.requests) == 2


def test_retry_after_is_honoured(model: str) -> None:
    with serve([Fault(status=429, headers={"Retry-After": "1"})]) as server:
        encoder(model, server).encode(["a text"], "document")
    assert 1.0 <= server.times[1] - server.times[0] < 3


def test_a_retry_after_beyond_the_limit_is_not_waited_for(model: str) -> None:
    with (
        serve([Fault(status=429, headers={"Retry-After": "90"})] * 9) as server,
        pytest.raises(UserError, match="90 s"),
    ):
        encoder(model, server).encode(["a text"], "document")
    assert len(server.requests) == 1


def test_what_does_not_pass_fails_after_so_many_attempts(model: str) -> None:
    with serve([Fault(status=500)] * 99) as server, pytest.raises(UserError, match="HTTP 500"):
        encoder(model, server, "model.api.attempts=3").encode(["a text"], "document")
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_request_that_is_wrong_is_sent_once_and_the_key_is_never_shown(status: int, model: str) -> None:
    with serve([Fault(status=status, message=f"bad key {KEY} or text")] * 9) as server:
        with pytest.raises(UserError, match=f"HTTP {status}") as caught:
            encoder(model, server).encode(["a text"], "document")
        assert len(server.requests) == 1
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("model", ["openai-small", "voyage"], indirect=True)  # other replies have no index
def test_vectors_out_of_order_end_up_at_their_texts(model: str) -> None:
    with serve([Fault(shuffled=True)] * 9) as server:
        found = encoder(model, server).encode(TEXTS, "document")
    np.testing.assert_allclose(found.vectors, expected(), rtol=1e-6)


def test_the_apis_own_cut_is_asked_for_and_compared(model: str) -> None:
    with serve() as server:
        cut = encoder(model, server, "model.native_dims=4", "model.api.native_dims=true")
        np.testing.assert_allclose(cut.encode(TEXTS[:3], "document").vectors, expected(TEXTS[:3])[:, :4], rtol=1e-6)
        compared = encoder(model, server, "model.api.compare_dims=[2,4]").verify(TEXTS, "document")
    assert {d: round(c["smallest_cosine"], 5) for d, c in compared["native_dims"].items()} == {"2": 1.0, "4": 1.0}


def test_a_missing_key_names_the_variable(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MODELS[model][1])
    with serve() as server, pytest.raises(UserError, match=MODELS[model][1]):
        encoder(model, server).encode(["a text"], "document")


def test_batches_keep_within_the_limit_of_tokens(model: str) -> None:
    size = estimated_tokens(TEXTS[0])
    with serve() as server:
        encoder(model, server, f"model.api.batch_tokens={3 * size}").encode(TEXTS, "document")
    assert {len(r[2].get("input") or r[2].get("texts") or r[2].get("requests")) for r in server.requests} <= {1, 2, 3}


def test_the_pace_is_limited() -> None:
    pytest.importorskip("openai")
    with serve() as server:
        paced = encoder("openai-small", server, "model.api.batch_texts=1", "model.api.requests_per_minute=120")
        os.environ.setdefault("OPENAI_API_KEY", KEY)
        paced.requests.pace.limiters["requests"].try_acquire("requests", 118)  # of the burst that is allowed
        started = time.monotonic()
        paced.encode(TEXTS[:5], "document")
    assert time.monotonic() - started > 1  # two at once, then one every half second


@pytest.fixture
def run_arguments(colours: Path, tmp_path: Path) -> Callable[..., list[str]]:
    def arguments(model: str, server: Server, *more: str) -> list[str]:
        return [
            *overrides(model, server),
            "corpus=beir",
            f"corpus.beir.path={colours}",
            f"results_dir={tmp_path / 'results'}",
            f"store.path={tmp_path / 'store'}",
            "runtime.latency_calls=3",
            "at_workload_seconds=0",
            "top_k=10",
            "measures=[nDCG@10]",
            *more,
        ]

    return arguments


def test_a_whole_run_has_its_bill_and_no_key(
    model: str, run_arguments: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve() as server:
        assert main(run_arguments(model, server)) == 0
        server.requests.clear()
        assert main(run_arguments(model, server)) == 0
        assert len(server.texts) == 12 + 6  # the second run sends the canary's texts alone
        server.requests.clear()
        assert main(run_arguments(model, server, UNCHECKED)) == 0
        assert server.requests == []
    err = capsys.readouterr().err
    assert "texts to send, about" in err
    (point,) = read_run(stored_runs(tmp_path / "results")[0]).about["points"]
    passes = read_run(stored_runs(tmp_path / "results")[0]).about["embeddings"]
    assert {side["truncated_texts"] for side in passes} == {0}  # refused or, at Google, too short to be cut
    assert point["priced_as"] in ("text-embedding-3-small", "embed-v4.0", "voyage-3.5", "gemini-embedding-001")
    assert point["tokens_per_document"] == 2
    assert point["cost_embed_once_usd"] > 0
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
    assert KEY not in err


@pytest.mark.usefixtures("openai_key")
def test_a_gate_says_since_when_vectors_from_the_store_were_not_checked(
    run_arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    with serve() as server:
        for settings in ([], [UNCHECKED], []):
            assert main(run_arguments("openai-small", server, *settings)) == 0
    first, unchecked, checked = map(read_run, stored_runs(tmp_path / "results"))
    made, same, later = (run.about["embeddings"][0]["checked_at"] for run in (first, unchecked, checked))
    assert made == same < later
    assert checked.about["embeddings"][0]["created_at"] == made
    assert not changed_vectors(checked)
    for candidate, is_said in ((first, False), (unchecked, True), (checked, False)):
        (space,) = compare_spaces(pairs(first, candidate, ["corpus"])[0], first, candidate)
        assert space.space == "same space"
        assert (f"was not checked since {made[:10]}" in space_sentence(space)) is is_said


def changed_vectors(run: StoredRun) -> list[dict[str, Any]]:
    return [found for found in run.about["corpora"][0]["lint"] if found["check"] == "changed_vectors"]


def turned(vectors: Vectors) -> Vectors:
    """What a model gives that is not the one it was."""
    return [vector[::-1] for vector in vectors]


def unit_rows(vectors: Vectors) -> np.ndarray:
    return np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.usefixtures("openai_key")
def test_an_api_that_changed_in_silence_is_a_finding_and_the_gate_sees_it(
    run_arguments: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["model.api.parallel=1"]
    with serve() as server:
        assert main(run_arguments("openai-small", server, *arguments)) == 0
        stored = {file: file.read_bytes() for file in (tmp_path / "store").rglob("*") if file.is_file()}
        server.faults += [Fault(change=turned)] * 2
        assert main(run_arguments("openai-small", server, *arguments)) == 0
        assert {file: file.read_bytes() for file in (tmp_path / "store").rglob("*") if file.is_file()} == stored
        server.faults += [None, Fault(change=turned)]  # documents as before, queries are not
        assert main(run_arguments("openai-small", server, *arguments)) == 0
    first, second, third = map(read_run, stored_runs(tmp_path / "results"))
    documents, queries = changed_vectors(second)
    assert [(each["count"], each["total"]) for each in (documents, queries)] == [(12, 12), (6, 6)]
    texts = {f"d{i}": f"{a} {b}" for i, (a, b) in enumerate(pairwise(WORDS[:13]))}
    old = unit_rows([vector_of(text) for text in texts.values()])
    lowest = (old * old[:, ::-1]).sum(axis=1).min()
    said = f"12 of 12 documents sent again have other vectors than in the store (lowest cosine {lowest:.5f})"
    assert said in documents["text"]
    assert said in capsys.readouterr().err
    kept = second.canary().query("side == 'document'")
    fresh = unit_rows([vector_of(texts[id_])[::-1] for id_ in kept["id"]])
    np.testing.assert_allclose(stored_vectors(kept["vector"]), fresh, atol=1e-3)
    assert second.about["points"][0]["nDCG@10"] == first.about["points"][0]["nDCG@10"]
    (space,) = compare_spaces(pairs(first, second, ["corpus"])[0], first, second)
    assert (space.index_can_stay, space.not_checked_since) == (False, "")
    assert "a library, runtime or hosted model changed" in space.alarm
    (space,) = compare_spaces(pairs(first, third, ["corpus"])[0], first, third)
    assert (space.space, space.not_checked_since) == ("queries changed", "")
    assert [found["text"].split(" sent ")[0] for found in changed_vectors(third)] == ["6 of 6 queries"]


@pytest.mark.usefixtures("openai_key")
def test_the_check_of_stored_vectors_sends_the_canarys_texts_as_estimated(
    write_beir: WriteBeir,
    run_arguments: Callable[..., list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The 256 of 300 documents with the smallest hashes, and both queries, each with its prompt; no first words."""
    documents = {f"d{i}": f"document number {i}" for i in range(300)}
    queries = {"q0": "one", "q1": "two"}
    large = write_beir(documents, queries, [("q0", "d0", 1), ("q1", "d1", 1)], "large")
    with serve() as server:
        arguments = run_arguments("openai-small", server, f"corpus.beir.path={large}", "model.prompts.query='q: '")
        assert main(arguments) == 0
        server.requests.clear()
        capsys.readouterr()
        assert main([*arguments, "model.api.dry_run=true"]) == 0
        said = capsys.readouterr().err
        assert server.requests == []
        assert main(arguments) == 0
        sent = sorted(server.texts)
    chosen = sorted(documents.values(), key=lambda text: digest([text]))[:256]
    assert sent == sorted([*chosen, "q: one", "q: two"])
    about = sum(map(estimated_tokens, sent))
    assert f"258 texts to send, about {about:,} tokens" in said
    assert "258 of them to check stored vectors; dry run, nothing was sent" in said
    kept = read_run(stored_runs(tmp_path / "results")[1]).canary()
    assert sorted(kept["id"]) == sorted([*(id_ for id_, text in documents.items() if text in chosen), *queries])


@pytest.mark.usefixtures("openai_key")
def test_only_the_side_that_is_stored_is_checked(
    run_arguments: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Another query prompt: 4 first words, 6 queries and 10 + 3 timed calls; and 12 documents once more."""
    with serve() as server:
        assert main(run_arguments("openai-small", server)) == 0
        server.requests.clear()
        capsys.readouterr()
        assert main(run_arguments("openai-small", server, "model.prompts.query='q: '")) == 0
        assert len(server.texts) == 4 + 6 + 13 + 12
    assert "35 texts to send" in (said := capsys.readouterr().err)
    assert "12 of them to check stored vectors" in said


def files_but_bills(folder: Path) -> list[Path]:
    """All files below ``folder`` but those that say what a run without an answer may have been billed."""
    return sorted(path for path in folder.rglob("*") if not path.name.startswith("bill-"))


@pytest.mark.usefixtures("openai_key")
@pytest.mark.parametrize("trouble", ["down", "no key", "no money"])
def test_stored_vectors_that_cannot_be_checked_are_said_and_nothing_is_lost(
    trouble: str,
    run_arguments: Callable[..., list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serve() as server:
        assert main(run_arguments("openai-small", server)) == 0
        before = files_but_bills(tmp_path)
        server.faults += [Fault(status=503)] * 99
        settings = ["model.api.attempts=2"]
        if trouble == "no key":
            monkeypatch.delenv("OPENAI_API_KEY")
        if trouble == "no money":
            settings += ["model.api.max_usd=0"]
        assert main(run_arguments("openai-small", server, *settings)) == 2
        said = capsys.readouterr().err
        assert {"down": "HTTP 503", "no key": "OPENAI_API_KEY", "no money": "Nothing was sent"}[trouble] in said
        assert "model.api.check_canary=false" in said
        assert files_but_bills(tmp_path) == before
        assert main(run_arguments("openai-small", server, *settings, UNCHECKED)) == 0
    assert len(stored_runs(tmp_path / "results")) == 2


@pytest.mark.usefixtures("openai_key")
def test_texts_are_not_sent_again_only_to_be_timed_under_other_settings(
    run_arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    with serve() as server:
        assert main(run_arguments("openai-small", server)) == 0
        server.requests.clear()
        assert main(run_arguments("openai-small", server, "model.api.parallel=2")) == 0
        assert len(server.texts) == 12 + 6  # the canary's
    (point,) = read_run(stored_runs(tmp_path / "results")[1]).about["points"]
    assert (point["documents_per_second"], point["query_ms_p50"]) == (None, None)
    assert "a hosted model whose texts are not sent again" in point["unmeasured"]["query_ms_p50"]


def test_an_api_that_tells_no_tokens_has_no_bill(
    run_arguments: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("google.genai")
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with serve() as server:
        server.tokens_told = False
        assert main(run_arguments("gemini", server)) == 0
    (point,) = read_run(stored_runs(tmp_path / "results")[0]).about["points"]
    assert (point["tokens_per_document"], point["cost_embed_once_usd"]) == (None, None)
    assert "does not tell" in point["unmeasured"]["tokens_per_second"]


@pytest.fixture
def openai_key(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.mark.usefixtures("openai_key")
def test_a_dry_run_of_a_server_of_ones_own_sends_no_text_either(
    run_arguments: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with serve() as server:
        words = run_arguments("openai-small", server, "model.api.dry_run=true")
        own = ["model=openai_compatible", "model.name=ours", f"model.url={server.url}/v1", *words[2:]]
        assert main(own) == 0
        assert server.requests == []
    assert "dry run, nothing was sent" in capsys.readouterr().err


@pytest.mark.usefixtures("openai_key")
@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        (["model.api.dry_run=true"], 0, "texts to send.*dry run, nothing was sent"),
        (
            ["dry_run=true"],
            0,
            "12 documents and 6 queries to encode: 576 bytes .*texts to send.*dry run, nothing was sent",
        ),
        (["model.api.dry_run=true", "runtime=auto"], 0, "about \\$.*dry run, nothing was sent"),
        (["model.api.max_usd=0.0000001"], 2, "Nothing was sent"),
    ],
)
def test_before_the_first_request_the_bill_is_estimated_and_limited(
    settings: list[str],
    code: int,
    said: str,
    run_arguments: Callable[..., list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serve() as server:
        assert main(run_arguments("openai-small", server, *settings)) == code
        assert server.requests == []
    captured = capsys.readouterr()
    assert re.search(said, captured.err, re.DOTALL), captured.err
    assert captured.out == ""
    assert stored_runs(tmp_path / "results") == []


@pytest.mark.usefixtures("openai_key")
def test_what_compared_cuts_cost_is_in_the_estimate(
    run_arguments: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """4 first words, 12 documents, 6 queries, 10 + 3 timed calls; then each side full and cut to two widths again."""
    whole = 4 + 12 + 6 + 13
    for settings, texts in (([], whole), (["model.api.compare_dims=[4,6]"], whole + 3 * (12 + 6))):
        with serve() as server:
            arguments = run_arguments("openai-small", server, *settings)
            assert main([*arguments, "model.api.dry_run=true"]) == 0
            assert f"{texts} texts to send" in capsys.readouterr().err
            assert main(arguments) == 0
            assert len(server.texts) == texts
            capsys.readouterr()


def test_texts_that_an_api_may_cut_in_silence_are_counted(
    run_arguments: Callable[..., list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("google.genai")
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    with serve() as server:
        assert main(run_arguments("gemini", server, "model.max_length=4")) == 0
    about = read_run(stored_runs(tmp_path / "results")[0]).about
    corpus = about["corpora"][0]
    assert about["embeddings"][0]["truncated_texts"] is None  # may be is not are
    (finding,) = (f for f in corpus["lint"] if f["check"] == "truncated_documents")
    assert "documents may be cut at the 4 tokens that gemini-embedding-001 reads" in finding["text"]


@pytest.mark.usefixtures("openai_key")
def test_a_bill_that_grows_beyond_the_limit_stops_the_run_and_keeps_what_is_paid(
    run_arguments: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """At a dollar per token the first text passes; what could take the bill beyond the limit is never sent."""
    expensive = ["model.api.usd_per_million_tokens=1000000", "store.shard_texts=2", "model.api.parallel=1"]
    with serve() as server:
        limited = run_arguments("openai-small", server, *expensive)
        assert main([*limited, "model.api.max_usd=1000"]) == 0
    limit = most_tokens(TEXTS[0]) + 1
    with serve() as server:
        config = compose("run", [*overrides("openai-small", server, *expensive), f"model.api.max_usd={limit}"])
        found = load_encoder(config.model, config.runtime)
        found.encode(TEXTS[:1], "document")
        sent = len(server.requests)
        with pytest.raises(UserError, match="could exceed"):
            found.encode(TEXTS[:1], "document")
        assert len(server.requests) == sent


@pytest.mark.usefixtures("openai_key")
def test_what_can_not_pass_does_not_wait_for_what_is_tried_again() -> None:
    """One batch is refused for good while another would be tried again in 30 seconds."""
    slow = Fault(status=429, headers={"Retry-After": "30"})
    with serve([slow, Fault(status=400)]) as server:
        two = encoder("openai-small", server, "model.api.parallel=2")
        started = time.monotonic()
        with pytest.raises(UserError):
            two.encode(TEXTS[:10], "document")
        assert time.monotonic() - started < 15


@pytest.mark.usefixtures("openai_key")
def test_a_killed_run_pays_for_no_finished_shard_again(run_arguments: Callable[..., list[str]], tmp_path: Path) -> None:
    """Four first words, twelve documents in shards of two; killed while the fifth shard waits, then run to the end."""
    settings = ["store.shard_texts=2", "model.api.timeout_seconds=20"]
    with serve([*[None] * 8, Fault(silence_seconds=30)]) as server:
        arguments = run_arguments("openai-small", server, *settings)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "evalkit", *arguments]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while len(server.requests) < 9 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        paid = server.texts[4:12]
        assert len(paid) == 8
        server.requests.clear()
        assert main(arguments) == 0
        documents = [text for text in server.texts if " " in text]
        assert set(documents).isdisjoint(paid)
        assert len(documents) == 4


def test_retry_after_is_read_in_seconds_and_as_a_date() -> None:
    class AnsweredError(Exception):
        def __init__(self, value: str) -> None:
            self.headers = {"retry-after": value}

    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after_seconds(AnsweredError("2.5")) == 2.5
    assert 25 < retry_after_seconds(AnsweredError(later)) <= 30
    assert retry_after_seconds(AnsweredError("-1")) is None
    assert retry_after_seconds(AnsweredError("soon")) is None
    assert retry_after_seconds(ValueError()) is None


def test_a_missing_sdk_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.errors.find_spec", lambda package: None)
    with pytest.raises(UserError, match=r"pip install 'embedding-evalkit\[cohere\]'"):
        load_encoder(HostedModel(kind="cohere", name="embed-v4.0"), compose("run", []).runtime)
