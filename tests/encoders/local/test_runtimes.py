"""Every runtime gives PyTorch's vectors, and ``auto`` takes the quickest that does."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evalkit.config import Prompts, RuntimeConfig, SentenceTransformersModel
from evalkit.encoders import load_encoder
from evalkit.encoders.local import auto_runtime as choice
from evalkit.encoders.local.auto_runtime import choose_runtime, named_runtime
from evalkit.encoders.local.runtimes import RUNTIMES, find_runtime
from evalkit.errors import UserError

TEXTS = ["red apple", "a green pear and a blue house by the river", "", "stone " * 30, "日本 🍎"]
TORCH = RuntimeConfig(kind="torch")
CONVERTED = [("openvino", "float32", 1e-5), ("openvino", "bf16", 0.05), ("onnx", "float32", 1e-5)]


@pytest.fixture
def tiny(tiny_model: Path) -> SentenceTransformersModel:
    return SentenceTransformersModel(path=str(tiny_model), prompts=Prompts(query="query: "), layer_norm=True)


@pytest.mark.parametrize(("kind", "precision", "tolerance"), CONVERTED)
def test_a_converted_transformer_gives_pytorchs_vectors(
    tiny: SentenceTransformersModel, kind: str, precision: str, tolerance: float
) -> None:
    pytest.importorskip(RUNTIMES[kind].packages[0])
    encoder = load_encoder(tiny, RuntimeConfig(kind=kind, precision=precision, token_budget=40))
    for side in ("query", "document"):
        expected = load_encoder(tiny, TORCH).encode(TEXTS, side)
        found = encoder.encode(TEXTS, side)
        scale = np.abs(expected.vectors).max()
        np.testing.assert_allclose(found.vectors, expected.vectors, atol=tolerance * scale)
        assert found.tokens.tolist() == expected.tokens.tolist()
    verified = encoder.verify(TEXTS, "document")
    assert verified is not None
    assert verified["smallest_cosine"] > 0.999


def test_pytorch_in_float32_is_the_reference_itself(tiny: SentenceTransformersModel) -> None:
    assert load_encoder(tiny, TORCH).verify(TEXTS, "query") is None


def test_vectors_that_differ_are_warned_of(tiny: SentenceTransformersModel, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    encoder = load_encoder(tiny, RuntimeConfig(kind="onnx"))
    encoder.convert = lambda module, example, precision, threads: (
        lambda features: (
            module(input_ids=features["input_ids"] * 0, attention_mask=features["attention_mask"]).last_hidden_state
        )
    )
    verified = encoder.verify(TEXTS, "query")
    assert verified is not None
    assert verified["smallest_cosine"] < 0.999
    assert "differs from PyTorch in float32" in capsys.readouterr().err


def test_runtimes_are_told_apart_in_the_store(tiny: SentenceTransformersModel) -> None:
    kinds = [k for k, runtime in RUNTIMES.items() if runtime.installed]
    identities = {json.dumps(load_encoder(tiny, RuntimeConfig(kind=k)).identity("query")) for k in kinds}
    assert len(identities) == len(kinds)


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        (RuntimeConfig(kind="openvno"), "Did you mean 'openvino'"),
        (RuntimeConfig(kind="onnx", precision="bf16"), "runtime=onnx has no precision 'bf16'"),
        (RuntimeConfig(kind="onnx", device="cuda"), "runs on the CPU, not on cuda"),
    ],
)
def test_what_a_runtime_can_not_do_is_refused(runtime: RuntimeConfig, expected: str) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(UserError, match=expected):
        find_runtime(runtime)


def test_a_runtime_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RUNTIMES, "openvino", replace(RUNTIMES["openvino"], packages=("no_such_package",)))
    with pytest.raises(UserError, match=r"needs no-such-package: pip install 'embedding-evalkit\[openvino\]'"):
        find_runtime(RuntimeConfig(kind="openvino"))


def test_auto_times_once_takes_the_quickest_and_says_so(
    tiny: SentenceTransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    timed: list[str] = []
    speeds = {"torch": 10.0, "openvino": 5.0, "onnx": 20.0}

    def texts_per_second(model: SentenceTransformersModel, runtime: RuntimeConfig, documents: list[str]) -> float:
        timed.append(runtime.kind)
        return speeds[runtime.kind]

    monkeypatch.setattr(choice, "texts_per_second", texts_per_second)
    auto = RuntimeConfig(kind="auto", token_budget=7)
    for _ in range(2):
        assert choose_runtime(tiny, auto, TEXTS, tmp_path) == RuntimeConfig(kind="onnx", token_budget=7)
    assert sorted(timed) == sorted(k for k in RUNTIMES if RUNTIMES[k].installed)
    assert "runtime=auto takes onnx (torch 10/s" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"torch": "quick", "openvino": 1, "onnx": 1}', b"\xff"])
def test_damaged_speeds_are_measured_again(
    tiny: SentenceTransformersModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    timed: list[str] = []

    def texts_per_second(model: SentenceTransformersModel, runtime: RuntimeConfig, documents: list[str]) -> float:
        timed.append(runtime.kind)
        return 1.0

    monkeypatch.setattr(choice, "texts_per_second", texts_per_second)
    auto = RuntimeConfig(kind="auto")
    choose_runtime(tiny, auto, TEXTS, tmp_path)
    once = list(timed)
    (file,) = tmp_path.glob("runtime-*.json")
    file.write_bytes(content)
    choose_runtime(tiny, auto, TEXTS, tmp_path)
    assert timed == once * 2
    assert set(json.loads(file.read_text())) == set(once)


def test_auto_really_times_what_is_installed(tiny: SentenceTransformersModel, tmp_path: Path) -> None:
    chosen = choose_runtime(tiny, RuntimeConfig(kind="auto"), TEXTS, tmp_path)
    (file,) = tmp_path.glob("runtime-*.json")
    speeds = json.loads(file.read_text())
    assert set(speeds) == {k for k in RUNTIMES if RUNTIMES[k].installed}
    assert all(speed > 0 for speed in speeds.values())
    assert speeds[chosen.kind] == max(speeds.values())


def test_until_auto_has_chosen_configs_are_checked_by_a_runtime_that_is_there() -> None:
    assert named_runtime(TORCH) is TORCH
    assert named_runtime(RuntimeConfig(kind="auto")).kind == "torch"
    with pytest.raises(UserError, match="no installed runtime has the precision 'fp8'"):
        named_runtime(RuntimeConfig(kind="auto", precision="fp8"))
