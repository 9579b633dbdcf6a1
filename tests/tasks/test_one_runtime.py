"""The runtime that a run with ``runtime=auto`` takes: remembered, of stored vectors, PyTorch for few, or timed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.config import RunConfig, RuntimeConfig
from evalkit.config.compose import compose
from evalkit.corpora import load_corpus
from evalkit.embeddings import embed
from evalkit.encoders.local.auto_runtime import THIS_MACHINE, candidates, choice_file, name_of, named_runtime
from evalkit.encoders.local.runtimes import RUNTIMES
from evalkit.tasks import one_runtime
from evalkit.tasks.models import EncodingModel
from evalkit.tasks.one_runtime import use_one_runtime
from evalkit.tasks.task import Data

AUTO = RuntimeConfig(kind="auto", device="cpu")


@pytest.fixture
def config(tiny_model: Path, tmp_path: Path) -> RunConfig:
    return compose(
        "run",
        [
            f"store.path={tmp_path}",
            f"model.path={tiny_model}",
            "model.package=null",
            "model.weights_sha256=null",
            "model.native_dims=null",
            "model.max_length=null",
            "runtime.device=cpu",
        ],
    )


def read_by(config: RunConfig, folder: Path) -> tuple[EncodingModel, list[Data]]:
    model = EncodingModel(config, config.model)
    return model, model.split([load_corpus("tiny", {"source": "beir", "path": str(folder)})])


@pytest.fixture
def corpus_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    (folder / "qrels").mkdir(parents=True)
    documents = [json.dumps({"_id": f"d{i}", "title": "", "text": f"stone number {i}"}) for i in range(8)]
    (folder / "corpus.jsonl").write_text("\n".join(documents) + "\n")
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "stone"}) + "\n")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td1\t1\n")
    return folder


def remember(model: EncodingModel, quickest: str) -> None:
    choices = candidates(AUTO)
    file = choice_file(model.encoder, choices, model.store.path, THIS_MACHINE)
    file.write_text(json.dumps({name_of(each): 2.0 if each.kind == quickest else 1.0 for each in choices}))


def test_few_texts_are_encoded_by_pytorch_and_nothing_is_timed(config: RunConfig, corpus_folder: Path) -> None:
    model, data = read_by(config, corpus_folder)
    use_one_runtime([(model, data)])
    assert model.encoder.runtime.kind == "torch"
    assert not list(model.store.path.glob("runtime-*.json"))


def test_a_remembered_choice_serves_few_texts_too(config: RunConfig, corpus_folder: Path) -> None:
    pytest.importorskip("openvino")
    model, data = read_by(config, corpus_folder)
    remember(model, "openvino")
    use_one_runtime([(model, data)])
    assert model.encoder.runtime.kind == "openvino"


def test_stored_vectors_are_taken_under_the_runtime_that_made_them(
    config: RunConfig, corpus_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    model, data = read_by(replace(config, runtime=replace(config.runtime, kind="onnx")), corpus_folder)
    embed(model.store, model.encoder, data[0].corpus, latency_calls=0, timing_seconds=0)
    again, data = read_by(config, corpus_folder)
    use_one_runtime([(again, data)])
    assert again.encoder.runtime.kind == "onnx"
    assert "takes onnx, under which all vectors are stored" in capsys.readouterr().err


def test_many_texts_are_worth_a_choice_that_all_models_of_the_run_share(
    config: RunConfig, corpus_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_runtime, "FEW_TEXTS", 5)
    for kind in RUNTIMES:
        if kind not in ("torch", "openvino"):
            monkeypatch.setitem(RUNTIMES, kind, replace(RUNTIMES[kind], packages=("no_such_package",)))
    first, data = read_by(config, corpus_folder)
    model: Any = config.model
    with_prompt = replace(config, model=replace(model, prompts=replace(model.prompts, query="q: ")))
    other, _ = read_by(with_prompt, corpus_folder)
    use_one_runtime([(first, data), (other, data)])
    assert first.encoder.runtime == other.encoder.runtime
    assert first.encoder.runtime.kind != "auto"
    assert other.encoder.config.prompts.query == "q: "


def test_ranks_take_what_the_first_of_them_has_chosen(
    config: RunConfig, corpus_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(one_runtime, "FEW_TEXTS", 5)
    taken = []
    for rank, machine in enumerate(("node-a", "node-b")):
        monkeypatch.setattr(one_runtime, "THIS_MACHINE", machine)
        model, data = read_by(replace(config, rank=rank, world_size=2), corpus_folder)
        use_one_runtime([(model, data)])
        taken.append(model.encoder.runtime)
    assert taken[0] == taken[1]
    assert "as chosen before" in capsys.readouterr().err


def test_a_named_runtime_is_left_as_it_is(config: RunConfig, corpus_folder: Path) -> None:
    named = replace(config, runtime=named_runtime(config.runtime))
    model, data = read_by(named, corpus_folder)
    before = model.encoder
    use_one_runtime([(model, data)])
    assert model.encoder is before
