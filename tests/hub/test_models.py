"""Models of the hub: the same vectors as from a folder, and none where a file, a weight or a word is missing."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import Model2VecModel, RerankerConfig, RuntimeConfig, SentenceTransformersModel
from evalkit.encoders import load_encoder
from evalkit.encoders.local.loading import positions, repositories_in
from evalkit.errors import UserError
from evalkit.rerankers.cross_encoder import CrossEncoder
from tests.hub.conftest import COMMIT, NAME
from tests.hub.repositories import XLM_ROBERTA, copied, model2vec, put, repository, sizes
from tests.hub.stub import StubHub

TORCH = RuntimeConfig("torch", "cpu", "float32")
TEXTS = ["red apple", "green pear tree house river stone", "fish"]


def encoder(revision: str | None = COMMIT, **settings: Any) -> Any:
    return load_encoder(SentenceTransformersModel(name=NAME, revision=revision, **settings), TORCH)


def from_folder(folder: Path, **settings: Any) -> Any:
    return load_encoder(SentenceTransformersModel(path=str(folder), **settings), TORCH)


def reranker(**settings: Any) -> CrossEncoder:
    return CrossEncoder(RerankerConfig(name=NAME, revision=COMMIT, **settings), TORCH, "stages.tiny")


def refused(made: Any) -> str:
    with pytest.raises(UserError) as error:
        made.load()
    return str(error.value)


def changed_tensors(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def changed_config(folder: Path, **settings: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    put(folder / "config.json", {**config, **settings})


def test_the_hubs_vectors_are_the_folders(tiny: Path, tiny_model: Path, offline: Callable[[], None]) -> None:
    expected = from_folder(tiny_model).encode(TEXTS, "query").vectors
    np.testing.assert_array_equal(encoder().encode(TEXTS, "query").vectors, expected)
    offline()
    np.testing.assert_array_equal(encoder().encode(TEXTS, "query").vectors, expected)


def test_nothing_is_asked_while_a_model_loads(tiny: Path, hub: StubHub) -> None:
    made = encoder()
    made.identity("query")
    hub.requests.clear()
    made.load()
    assert hub.requests == []


def test_the_key_has_the_commit_and_what_was_read(tiny: Path, hub: StubHub) -> None:
    weights = encoder(None).identity("query")["weights"]
    assert weights.startswith(f"hub:{COMMIT} sha256:")
    later = shutil.copytree(tiny, tiny.with_name("b" * 40))
    (later / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 32, "pooling_mode": "cls"}))
    (tiny.parent / "main").write_text(later.name)
    assert encoder(None).identity("query")["weights"] != weights
    assert encoder(COMMIT).identity("query")["weights"] == weights


def test_a_half_filled_cache_gives_no_other_vectors(tiny: Path, cache: Path, offline: Callable[[], None]) -> None:
    put(tiny / "1_Pooling" / "config.json", {"embedding_dimension": 32, "pooling_mode": "cls"})
    expected = encoder().encode(TEXTS, "query").vectors
    (cache / "modules.json").unlink()
    np.testing.assert_array_equal(encoder().encode(TEXTS, "query").vectors, expected)
    (cache / "modules.json").unlink()
    offline()
    assert "Missing or damaged: modules.json" in refused(encoder())


def test_weights_that_are_not_in_the_files_are_refused(tiny: Path) -> None:
    changed_tensors(tiny, lambda tensors: tensors.pop("embeddings.word_embeddings.weight"))
    assert "lacks weights that it computes with: embeddings.word_embeddings.weight." in refused(encoder())


def test_weights_under_other_names_are_refused(tiny: Path) -> None:
    def rename(tensors: dict[str, Any]) -> None:
        for name in list(tensors):
            tensors[f"other.{name}"] = tensors.pop(name)

    changed_tensors(tiny, rename)
    assert "lacks weights that it computes with" in refused(encoder())


def test_weights_that_no_vector_needs_may_be_missing(tiny: Path, tiny_model: Path) -> None:
    def without_pooler(tensors: dict[str, Any]) -> None:
        for name in ("pooler.dense.weight", "pooler.dense.bias"):
            tensors.pop(name)

    changed_tensors(tiny, without_pooler)
    expected = from_folder(tiny_model).encode(TEXTS, "query").vectors
    np.testing.assert_array_equal(encoder().encode(TEXTS, "query").vectors, expected)


def test_weights_of_another_shape_are_refused(tiny: Path) -> None:
    changed_config(tiny, intermediate_size=48)
    assert f"{NAME} can't be loaded" in refused(encoder())


def test_a_tokenizer_without_a_vocabulary_is_refused(tiny: Path) -> None:
    (tiny / "tokenizer.json").unlink()
    (tiny / "vocab.txt").unlink(missing_ok=True)
    assert "has a tokenizer without a vocabulary" in refused(encoder())


def test_an_architecture_that_nobody_knows_is_named(tiny: Path) -> None:
    changed_config(tiny, model_type="from_tomorrow")
    assert f"{NAME} is a 'from_tomorrow', which transformers" in refused(encoder())


def test_damaged_weights_are_refused(tiny: Path) -> None:
    (tiny / "model.safetensors").write_bytes(b"\xff" * 1000)
    assert "has damaged weights" in refused(encoder())


def test_more_tokens_than_positions_are_refused(tiny: Path) -> None:
    assert "model.max_length=65: someone/tiny has 64 positions.\n         Set model.max_length=64." in refused(
        encoder(max_length=65)
    )
    assert encoder(max_length=64).encode(["red " * 100], "query").tokens.tolist() == [64]


def test_positions_behind_the_padding_tokens_are_fewer_than_rows() -> None:
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaModel

    model = XLMRobertaModel(XLMRobertaConfig(**sizes(32, 50, 20), **XLM_ROBERTA))
    limit = positions(model)
    assert limit == 18
    model(input_ids=torch.full((1, limit), 5))
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=torch.full((1, limit + 1), 5))


def test_a_pickle_is_read_only_where_that_is_allowed(tiny: Path, tiny_model: Path, hub: StubHub) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(tiny / "model.safetensors"), tiny / "pytorch_model.bin")
    (tiny / "model.safetensors").unlink()
    assert "has pytorch_model.bin and no safetensors" in refused(encoder())
    with pytest.raises(UserError, match=r"has pytorch_model.bin and no safetensors"):
        from_folder(tiny)
    expected = from_folder(tiny_model).encode(TEXTS, "query").vectors
    made = encoder(allow_pickle=True)
    made.identity("query")
    hub.requests.clear()
    np.testing.assert_array_equal(made.encode(TEXTS, "query").vectors, expected)
    assert "Thread-auto_conversion" not in [thread.name for thread in threading.enumerate()]
    assert hub.requests == []


def test_a_model_that_does_not_tell_its_pooling_is_pointed_out(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder().load()
    assert "warning" not in capsys.readouterr().err
    (tiny / "modules.json").rename(tiny / "modules.txt")
    (tiny.parent / "main").write_text("c" * 40)
    tiny.rename(tiny.with_name("c" * 40))
    encoder("c" * 40).load()
    assert f"warning: {NAME} has no modules.json: a vector is the mean" in capsys.readouterr().err


def test_an_activation_that_is_code_is_refused(tiny: Path) -> None:
    modules = json.loads((tiny / "modules.json").read_text())
    dense = {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}
    put(tiny / "modules.json", [*modules, dense])
    shape = {"in_features": 32, "out_features": 8, "bias": False}
    put(tiny / "2_Dense" / "config.json", {**shape, "activation_function": "their_code.Swish"})
    shutil.copy(tiny / "model.safetensors", tiny / "2_Dense")
    assert "has an activation of its own: 'their_code.Swish'" in refused(encoder())


@pytest.mark.parametrize(
    ("file", "settings"), [("config.json", {"trust_remote_code": True}), ("1_Pooling/config.json", {})]
)
@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b"7", b"[" * 100_000])
def test_a_damaged_config_is_refused(
    tiny_model: Path, tmp_path: Path, file: str, settings: dict[str, Any], content: bytes
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / file).write_bytes(content)
    damaged = from_folder(folder, **settings)
    with pytest.raises(UserError, match=r"config.json is no JSON object.\n.*fetch it again"):
        damaged.load()


@pytest.mark.parametrize("auto_map", ["text", ["a--b.C"], {"AutoModel": [None, 7, {}]}])
def test_a_map_of_code_that_is_none_names_no_repository(tmp_path: Path, auto_map: object) -> None:
    put(tmp_path / "config.json", {"auto_map": auto_map})
    assert repositories_in(tmp_path / "config.json") == set()


class TestCodeOfAnotherRepository:
    """A config whose auto_map names classes of a second repository."""

    OTHER, FIRST, SECOND = "someone/code", "1" * 40, "2" * 40

    @pytest.fixture
    def code(self, tiny: Path, hub: StubHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
        folder = hub.root / "models" / self.OTHER / self.FIRST
        put(folder / "config.json", {})
        (folder / "modeling.py").write_text(
            "from transformers import BertConfig, BertModel\n"
            "class TheirConfig(BertConfig):\n    model_type = 'their_bert'\n"
            "class TheirModel(BertModel):\n    config_class = TheirConfig\n"
        )
        classes = {"AutoConfig": "modeling.TheirConfig", "AutoModel": "modeling.TheirModel"}
        auto_map = {key: f"{self.OTHER}--{name}" for key, name in classes.items()}
        changed_config(tiny, model_type="their_bert", auto_map=auto_map)
        return folder

    def test_it_is_refused_without_permission(self, code: Path) -> None:
        assert "brings code of its own, which is not run by default" in refused(encoder())

    def test_it_runs_at_a_commit_that_the_key_has(
        self, code: Path, hub: StubHub, tiny_model: Path, offline: Callable[[], None]
    ) -> None:
        made = encoder(trust_remote_code=True)
        assert made.identity("query")["weights"].endswith(f" code:{self.OTHER}@{self.FIRST}")
        hub.requests.clear()
        expected = from_folder(tiny_model).encode(TEXTS, "query").vectors
        np.testing.assert_allclose(made.encode(TEXTS, "query").vectors, expected, atol=1e-6)
        assert hub.requests == []
        offline()
        again = encoder(trust_remote_code=True)
        np.testing.assert_allclose(again.encode(TEXTS, "query").vectors, expected, atol=1e-6)

    def test_code_that_changed_is_another_key(self, code: Path) -> None:
        before = encoder(trust_remote_code=True).identity("query")
        shutil.copytree(code, code.with_name(self.SECOND))
        (code.parent / "main").write_text(self.SECOND)
        assert encoder(trust_remote_code=True).identity("query") != before

    def test_a_package_that_it_needs_is_named(self, code: Path) -> None:
        source = code / "modeling.py"
        source.write_text(f"import no_such_package\n{source.read_text()}")
        message = refused(encoder(trust_remote_code=True))
        assert "own code needs no_such_package" in message
        assert "pip install no_such_package" in message


@pytest.fixture
def tiny_cross(hub: StubHub, tiny_reranker: Path) -> Path:
    return copied(hub.root, NAME, COMMIT, tiny_reranker)


def test_a_reranker_from_the_hub_gives_the_folders_scores(
    tiny_cross: Path, tiny_reranker: Path, hub: StubHub, offline: Callable[[], None]
) -> None:
    config = RerankerConfig(path=str(tiny_reranker))
    expected = CrossEncoder(config, TORCH, "stages.tiny").score("red", TEXTS).scores
    np.testing.assert_array_equal(reranker().score("red", TEXTS).scores, expected)
    offline()
    np.testing.assert_array_equal(reranker().score("red", TEXTS).scores, expected)


def test_a_reranker_without_its_head_is_refused(hub: StubHub, tiny: Path) -> None:
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        (tiny / name).unlink(missing_ok=True)
    with pytest.raises(UserError, match="lacks weights that it computes with: classifier"):
        reranker().score("red", TEXTS)


def test_a_reranker_reads_no_more_than_it_has_positions_for(tiny_cross: Path) -> None:
    with pytest.raises(UserError, match=r"stages.tiny.max_length=65: someone/tiny has 64 positions"):
        reranker(max_length=65).score("red", TEXTS)


def test_a_rerankers_pickle_is_refused(tiny_cross: Path) -> None:
    (tiny_cross / "model.safetensors").rename(tiny_cross / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"stages.tiny.allow_pickle=true"):
        reranker()


def test_a_rerankers_tokenizer_without_a_vocabulary_is_refused(tiny_cross: Path) -> None:
    (tiny_cross / "tokenizer.json").unlink()
    with pytest.raises(UserError, match="has a tokenizer without a vocabulary"):
        reranker().score("red", TEXTS)


def test_a_static_model_is_whole_or_refused(hub: StubHub, cache: Path, offline: Callable[[], None]) -> None:
    pytest.importorskip("model2vec")
    model2vec(repository(hub.root, NAME, COMMIT), 8)
    config = Model2VecModel(name=NAME, revision=COMMIT)
    made = load_encoder(config, TORCH)
    assert made.identity("query")["weights"].startswith(f"hub:{COMMIT} sha256:")
    assert made.encode(TEXTS, "query").vectors.shape == (3, 8)
    offline()
    assert load_encoder(config, TORCH).encode(TEXTS, "query").vectors.shape == (3, 8)
    (cache / "tokenizer.json").unlink()
    assert "Missing or damaged: tokenizer.json" in refused(load_encoder(config, TORCH))
