"""Whatever a server does wrong is one line that says what and how to go on; nothing that is kept is encoded twice."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.commands.door import exit_code
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
from evalkit.errors import UserError
from tests.encoders.hosted.embedding_server import PACKAGES, Fault, Server, serve, vector_of
from tests.encoders.hosted.faults import FAULTS, KEY, LONG, TRIED, edited, embedded

pytest.importorskip("openai")
RUNTIME = RuntimeConfig(kind="torch")
DOCUMENTS = {f"d{i}": f"document number {i}" for i in range(12)}
QUERIES = {"q0": "which one", "q1": "and which then"}
KEPT = "8 of 12 documents are kept; the same command goes on from there."


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


@pytest.mark.parametrize("kind", ["cohere", "voyage", "google"])
def test_no_vendors_sdk_lets_anything_but_one_line_out(kind: str) -> None:
    pytest.importorskip(PACKAGES[kind])
    with serve() as server:
        encoder = load_encoder(model(server, kind), RUNTIME)
        for name, (fault, _, _) in FAULTS.items():
            if fault.edit:
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


@pytest.mark.parametrize("kind", ["openai", "openai_compatible", "cohere", "voyage", "google"])
def test_a_redirect_takes_neither_texts_nor_keys_elsewhere(kind: str, tmp_path: Path, corpus: Corpus) -> None:
    pytest.importorskip(PACKAGES[kind])
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


def test_an_api_that_refuses_empty_texts_reads_a_corpus_that_has_one(shared_data: Path, tmp_path: Path) -> None:
    def refuse(texts: list[str]) -> Fault | None:
        return None if all(text.strip() for text in texts) else Fault(400, message="input is empty")

    with serve() as server:
        server.refuse = refuse
        folder = shared_data / "cases" / "one-empty-document"
        command = [
            *("model=openai_compatible", f"model.url={server.url}/v1", "model.name=m", "model.native_dims=8"),
            *("corpus=beir", f"corpus.beir.path={folder}", f"results_dir={tmp_path / 'results'}"),
            *(f"store.path={tmp_path / 'store'}", "runtime.latency_calls=3", "at_workload_seconds=0"),
        ]
        assert main(command) == 0
        assert len(set(server.texts)) >= 12
