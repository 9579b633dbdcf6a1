"""What a hosted model may take has an end: time, memory, money over all runs of a job; and a dry run sends nothing."""

import gzip
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.config import ApiConfig, HostedModel, RuntimeConfig
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.bill import UnfinishedBill
from evalkit.embeddings.budgets import Spending, said_of_pace
from evalkit.encoders import load_encoder
from evalkit.encoders.hosted.token_bounds import most_tokens
from evalkit.errors import UserError
from tests.encoders.hosted.embedding_server import DIMS, Fault, Server, serve, vector_of

KINDS = {
    "openai": "openai",
    "openai_compatible": "openai",
    "cohere": "cohere",
    "voyage": "httpx",
    "google": "google.genai",
}

BOMB = gzip.compress(bytes(1 << 27), 1)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip(KINDS[request.param])
    monkeypatch.setenv("A_KEY", "secret-key-4711")
    return str(request.param)


def encoder(server: Server, kind: str, **api: Any) -> Any:
    url = f"{server.url}/v1" if kind.startswith("openai") else server.url
    given = {"key_variable": "A_KEY", "attempts": 1, **api}
    model = HostedModel(kind=kind, name="m", url=url, native_dims=DIMS, api=ApiConfig(**given))
    return load_encoder(model, RuntimeConfig(kind="torch"))


def test_a_bomb_is_left_where_the_answer_is_too_long(kind: str) -> None:
    """Of 128 MiB in gzip, no more is unpacked than vectors could take."""
    bomb = Fault(body=BOMB, headers={"Content-Encoding": "gzip"})
    with serve([bomb]) as server:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(UserError, match="gave an answer of more than 1,069,056 bytes"):
            encoder(server, kind, batch_texts=64).encode(["a text"], "document")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024  # KiB


def test_an_answer_is_asked_for_in_a_coding_that_is_read_with_an_end(kind: str) -> None:
    with serve() as server:
        encoder(server, kind).encode(["a text"], "document")
        assert server.requests[0][1]["accept-encoding"] == "gzip"


def test_no_variable_of_the_environment_sends_texts_elsewhere(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An SDK would ask these for an address; evalkit's own setting, or the vendor's address, is what counts."""
    with serve() as server, serve() as other:
        for name in ("OPENAI_BASE_URL", "CO_API_URL", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL"):
            monkeypatch.setenv(name, other.url)
        monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
        monkeypatch.setenv("GOOGLE_API_KEY", "another")
        encoder(server, kind).encode(["a text"], "document")
        assert other.requests == []
        assert server.texts == ["a text"]
        assert "another" not in str(server.requests)


def test_what_can_not_pass_does_not_wait_for_its_own_pace() -> None:
    """The second request would have its turn in a minute; the first one fails for good."""
    pytest.importorskip("openai")
    with serve([Fault(status=404)]) as server:
        paced = encoder(server, "openai_compatible", key_variable=None, requests_per_minute=1, batch_texts=1)
        with pytest.raises(UserError, match="HTTP 404"):
            paced.encode(["a text", "another"], "document")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("tokens", "limits", "said"),
    [
        (90, {"tokens_per_minute": 1}, "; it waits for at least 1 h 30 min by model.api.tokens_per_minute=1"),
        (90, {"tokens_per_minute": 30}, "; it waits for at least 3 min by model.api.tokens_per_minute=30"),
        (90, {"requests_per_minute": 2, "batch_texts": 1}, "; it waits for at least 5 min by model.api.requests_per"),
        (90, {"tokens_per_minute": 60}, ""),
        (90, {}, ""),
    ],
)
def test_a_pace_that_takes_long_is_told_of_in_advance(tokens: int, limits: dict[str, Any], said: str) -> None:
    told = said_of_pace(Spending(10, tokens, tokens, None), ApiConfig(**limits))
    assert told.startswith(said)
    assert bool(told) == bool(said)


@pytest.fixture
def command(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key-4711")

    def words(server: Server, *more: str) -> list[str]:
        return [
            *("model=openai-small", f"model.url={server.url}/v1", f"model.native_dims={DIMS}"),
            *("model.matryoshka_dims=[]", "model.api.attempts=1", "model.api.parallel=1", "model.api.batch_texts=2"),
            *("model.api.tokens_per_minute=null", "corpus=beir", f"corpus.beir.path={colours}", "top_k=10"),
            *("measures=[nDCG@10]", "runtime.latency_calls=3", "at_workload_seconds=0", "store.shard_texts=4"),
            *(f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path / 'store'}"),
            *more,
        ]

    return words


@pytest.mark.parametrize("model", ["openai-small", "openai_compatible"])
def test_a_dry_run_sends_nothing_where_the_width_is_not_known_either(
    model: str, command: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with serve() as server:
        words = command(server, "model.native_dims=null", "model.api.dry_run=true", "model.name=m")
        assert main([f"model={model}", *words[1:]]) == 0
        assert server.requests == []
    assert "dry run, nothing was sent" in capsys.readouterr().err


def test_the_width_is_asked_for_after_the_bill_is_agreed_on(
    command: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    price = "model.api.usd_per_million_tokens=1"
    with serve() as server:
        assert main(command(server, "model.native_dims=null", price, "model.api.max_usd=0.00000001")) == 2
        assert server.requests == []
    assert "Nothing was sent" in capsys.readouterr().err


def test_a_limit_holds_over_all_runs_of_a_job_until_one_finishes(
    command: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each run is billed for what it sends, and then fails: after so many of them, the next one sends nothing.

    The first word and two texts are counted by the server; what else it may bill is at most a token a byte.
    """
    dollar_each = "model.api.usd_per_million_tokens=1000000"
    limit = 240
    billed = 0
    with serve() as server:
        words = command(server, dollar_each, f"model.api.max_usd={limit}")
        for _ in range(9):
            server.faults[:] = [None, None, *[Fault(body=b'{"data": "billed and of no use"}')] * 99]
            assert main(words) == 2
            texts = server.texts
            server.requests.clear()
            billed += sum(len(text.split()) for text in texts[:3]) + sum(map(most_tokens, texts[3:]))
            if not texts:
                break
        assert 0 < billed <= limit
        assert texts == []
        said = capsys.readouterr().err
        assert "runs before that did not finish" in said
        assert list((tmp_path / "store").glob("bill-*"))
        server.faults.clear()
        assert main(command(server, dollar_each, "model.api.max_usd=100000")) == 0
        assert not list((tmp_path / "store").glob("bill-*"))


def test_a_bill_is_kept_by_run_and_ends_with_the_one_that_finishes(tmp_path: Path) -> None:
    store, model = EmbeddingStore(str(tmp_path)), {"kind": "openai", "name": "m", "url": None}
    first, other = UnfinishedBill(store, model), UnfinishedBill(store, {**model, "name": "n"})
    first.keep(5)
    first.keep(7)
    other.keep(100)
    second = UnfinishedBill(store, model)
    assert second.earlier_tokens == 7
    second.keep(2)
    assert UnfinishedBill(store, model).earlier_tokens == 9
    second.finish()
    assert UnfinishedBill(store, model).earlier_tokens == 0
    assert UnfinishedBill(store, {**model, "name": "n"}).earlier_tokens == 100
    first.file.write_text("[", encoding="utf-8")
    assert UnfinishedBill(store, model).earlier_tokens == 0


def test_the_server_is_believed_no_count_of_less_than_a_token_for_each_text(kind: str) -> None:
    with serve() as server:
        server.tokens_told = False
        found = encoder(server, kind)
        encoded = found.encode(["a text", "another"], "document")
    assert encoded.tokens is None
    assert found.requests.budget.spent_tokens == most_tokens("a text") + most_tokens("another")
    assert encoded.vectors[0].tolist() == vector_of("a text")


IMPOSSIBLE = {
    "model.api.max_usd": ["-1", ".nan"],
    "model.api.usd_per_million_tokens": ["-0.1"],
    "pricing.usd_per_hour": ["-1", ".inf"],
    "pricing.models.text_embedding_3_small.usd_per_million_tokens": ["-1"],
    "model.api.timeout_seconds": ["0", "1e12"],
    "model.api.first_wait_seconds": ["-1"],
    "model.api.longest_wait_seconds": ["1e300"],
    "model.api.attempts": ["0"],
    "model.api.parallel": ["0"],
    "model.api.batch_texts": ["0"],
    "model.api.tokens_per_minute": ["0"],
    "model.api.compare_dims": ["[0]"],
}


@pytest.mark.parametrize("setting", [f"{name}={value}" for name, values in IMPOSSIBLE.items() for value in values])
def test_a_number_that_can_not_be_is_refused_before_anything_is_sent(
    setting: str, command: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    with serve() as server:
        assert main(command(server, setting)) == 2
        assert server.requests == []
    assert "is not possible" in capsys.readouterr().err


PROXIES = [
    "http://me:P4ssw0rd@127.0.0.1:9",
    "me:P4ssw0rd@127.0.0.1:9",
    "socks9://me:P4ssw0rd@127.0.0.1:9",
    "socks5://me:P4ssw0rd@127.0.0.1:9",
    "http://me:P4ssw0rd@[127.0.0.1:9",
    "http://me:P4ssw0rd@127.0.0.1:port",
]


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_is_of_no_use_is_a_line_without_its_password(
    proxy: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", proxy)
    with serve() as server:
        with pytest.raises(UserError) as caught:
            encoder(server, kind).encode(["a text"], "document")
        assert server.requests == []
    assert "P4ssw0rd" not in str(caught.value)
    assert caught.value.problem.isprintable()
