"""What a run says that it sent is what the server received, whatever was sent for: vectors, timings or checks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.results.reader import read_run, stored_runs
from tests.encoders.hosted.embedding_server import DIMS, Server, serve

Run = Callable[..., list[dict[str, Any]]]
CALLS = 5 + 10  # timed single queries, and their warm-up


@pytest.fixture
def run(colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a hosted model on 12 documents and 6 queries: the rows of ``embeddings`` in its run.json."""
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    monkeypatch.setenv("GEMINI_API_KEY", "key")

    def embeddings(server: Server, *settings: str) -> list[dict[str, Any]]:
        arguments = [
            "model=openai-small",
            f"model.url={server.url}/v1",
            f"model.native_dims={DIMS}",
            "model.matryoshka_dims=[]",
            "model.api.tokens_per_minute=null",
            "model.api.requests_per_minute=null",
            "model.api.parallel=2",
            "corpus=beir",
            f"corpus.beir.path={colours}",
            f"results_dir={tmp_path / 'results'}",
            f"store.path={tmp_path / 'store'}",
            "top_k=10",
            "measures=[nDCG@10]",
            "runtime.latency_calls=5",
            "at_workload_seconds=0",
        ]
        assert main([*arguments, *settings]) == 0
        rows: list[dict[str, Any]] = read_run(stored_runs(tmp_path / "results")[-1]).about["embeddings"]
        return rows

    return embeddings


def sent(rows: list[dict[str, Any]]) -> tuple[list[int], list[int]]:
    """Texts and tokens of documents and of queries."""
    return [row["sent_texts"] for row in rows], [row["sent_tokens"] for row in rows]


def received(server: Server) -> tuple[int, int]:
    """Texts, and tokens as the server counts them."""
    return len(server.texts), sum(len(text.split()) for text in server.texts)


@pytest.mark.parametrize(
    ("settings", "documents", "queries"),
    [
        ([], 2 + 12, 6 + CALLS),
        (["model.api.compare_dims=[4,6]"], 2 + 12 + 3 * 12, 6 + CALLS + 3 * 6),
        (["model.native_dims=null"], 1 + 2 + 12, 6 + CALLS),  # one word more, for the width
        (["store.shard_texts=5"], 2 + 12, 6 + CALLS),
    ],
    ids=["a pass", "compared widths", "unknown width", "several shards"],
)
def test_what_was_sent_adds_up_to_what_the_server_received(
    settings: list[str], documents: int, queries: int, run: Run
) -> None:
    pytest.importorskip("openai")
    with serve() as server:
        texts, tokens = sent(run(server, *settings))
        assert texts == [documents, queries]
        assert (sum(texts), sum(tokens)) == received(server)


def test_of_a_changed_corpus_the_new_text_is_sent_beside_the_canaries_and_the_estimate_says_so(
    run: Run, colours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("openai")
    corpus = colours / "corpus.jsonl"
    with serve() as server:
        run(server)
        before, _ = received(server)
        first, *others = corpus.read_text().splitlines()
        changed = {**json.loads(first), "text": "a colour that nobody has seen"}
        corpus.write_text("\n".join([*others, json.dumps(changed)]) + "\n")
        capsys.readouterr()
        rows = run(server, "model.api.usd_per_million_tokens=1")
        texts, _ = sent(rows)
        assert texts == [2 + 1 + 12, 6]
        assert sum(texts) == received(server)[0] - before
        assert f"{sum(texts)} texts to send" in capsys.readouterr().err
        assert [row["reused_texts"] for row in rows] == [11, 0]


def test_a_run_that_has_all_vectors_sends_canaries_alone_or_nothing(run: Run) -> None:
    pytest.importorskip("openai")
    with serve() as server:
        run(server)
        server.requests.clear()
        texts, tokens = sent(run(server))
        assert texts == [12, 6]
        assert (sum(texts), sum(tokens)) == received(server)
        server.requests.clear()
        assert sent(run(server, "model.api.check_canary=false")) == ([0, 0], [0, 0])
        assert server.requests == []


def test_an_api_that_counts_in_silence_tells_texts_and_no_tokens(run: Run) -> None:
    pytest.importorskip("google.genai")
    with serve() as server:
        server.tokens_told = False
        rows = run(server, "model=gemini", f"model.url={server.url}")
    assert sent(rows) == ([2 + 12, 6 + CALLS], [None, None])
    assert {row["unmeasured"]["sent_tokens"] for row in rows} == {"the API does not tell how many tokens it counted"}


def test_a_server_of_ones_own_sends_no_bill(run: Run) -> None:
    pytest.importorskip("openai")
    with serve() as server:
        rows = run(server, "model=openai_compatible", "model.name=ours")
    assert sent(rows) == ([None, None], [None, None])
    for row in rows:
        assert "nobody sends a bill" in row["unmeasured"]["sent_texts"]
        assert "nobody sends a bill" in row["unmeasured"]["sent_tokens"]
