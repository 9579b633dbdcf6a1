"""Every runtime gives PyTorch's vectors, and ``auto`` takes the quickest that does."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import Prompts, RuntimeConfig, SentenceTransformersModel
from evalkit.encoders import load_encoder
from evalkit.encoders.local import auto_runtime as choice
from evalkit.encoders.local.auto_runtime import named_runtime, remembered_choice, timed_choice
from evalkit.encoders.local.runtimes import RUNTIMES, Converted, find_runtime
from evalkit.encoders.local.sentence_transformers import SentenceTransformersEncoder
from evalkit.encoders.local.streams import Streams
from evalkit.errors import UserError

TEXTS = ["red apple", "a green pear and a blue house by the river", "", "stone " * 30, "日本 🍎"]
TORCH = RuntimeConfig(kind="torch")
AUTO_RUNTIME = RuntimeConfig(kind="auto", device="cpu")
CONVERTED = [("openvino", "float32", 1e-5), ("openvino", "bf16", 0.05), ("onnx", "float32", 1e-5)]


@pytest.fixture(autouse=True)
def quiet_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time enough for every candidate, whatever else the machine does meanwhile."""
    monkeypatch.setattr(choice, "CHOICE_SECONDS", 1e6)
    monkeypatch.setattr(choice, "busy_words", lambda load: "")


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

    def convert(module: Any, example: Any, precision: str, streams: Streams) -> Converted:
        def other_words(features: Any) -> Any:
            inputs = {"input_ids": features["input_ids"] * 0, "attention_mask": features["attention_mask"]}
            return module(**inputs).last_hidden_state

        return Converted(other_words, lambda: other_words)

    encoder.convert = convert
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


@pytest.fixture
def open_encoder(tiny: SentenceTransformersModel, monkeypatch: pytest.MonkeyPatch) -> SentenceTransformersEncoder:
    monkeypatch.setattr(choice, "CHOICE_SECONDS", 600.0)  # whatever else this machine does
    return SentenceTransformersEncoder(tiny, named_runtime(AUTO_RUNTIME))


def installed() -> list[str]:
    return [kind for kind, runtime in RUNTIMES.items() if runtime.installed]


def test_auto_really_times_what_is_installed_and_remembers_the_quickest(
    open_encoder: SentenceTransformersEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert remembered_choice(open_encoder, AUTO_RUNTIME, tmp_path) is None
    chosen = timed_choice(open_encoder, AUTO_RUNTIME, TEXTS, tmp_path)
    (file,) = tmp_path.glob("runtime-*.json")
    speeds = json.loads(file.read_text())
    assert list(speeds) == installed()
    assert all(speed > 0 for speed in speeds.values())
    assert speeds[chosen.runtime.kind] == max(speeds.values())
    assert f"runtime=auto takes {chosen.runtime.kind} (torch" in capsys.readouterr().err
    assert remembered_choice(open_encoder, AUTO_RUNTIME, tmp_path) == chosen.runtime


def test_what_was_timed_beside_other_work_is_not_remembered(
    open_encoder: SentenceTransformersEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "busy_words", lambda load: "it waited for a core 54% of the time")
    timed_choice(open_encoder, AUTO_RUNTIME, TEXTS, tmp_path)
    assert remembered_choice(open_encoder, AUTO_RUNTIME, tmp_path) is None


def test_prompts_change_no_choice(
    tiny: SentenceTransformersModel, open_encoder: SentenceTransformersEncoder, tmp_path: Path
) -> None:
    timed_choice(open_encoder, AUTO_RUNTIME, TEXTS, tmp_path)
    other = SentenceTransformersEncoder(replace(tiny, prompts=Prompts(query="search: ")), named_runtime(AUTO_RUNTIME))
    assert remembered_choice(other, AUTO_RUNTIME, tmp_path) is not None


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"torch": "quick", "openvino": 1, "onnx": 1}', b"\xff"])
def test_a_damaged_choice_is_none(open_encoder: SentenceTransformersEncoder, tmp_path: Path, content: bytes) -> None:
    timed_choice(open_encoder, AUTO_RUNTIME, TEXTS, tmp_path)
    (file,) = tmp_path.glob("runtime-*.json")
    file.write_bytes(content)
    assert remembered_choice(open_encoder, AUTO_RUNTIME, tmp_path) is None


def test_a_candidate_that_fails_or_differs_is_left_out_in_one_line(
    open_encoder: SentenceTransformersEncoder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*_: Any) -> Converted:
        raise RuntimeError("no such operation\nand more")

    def differs(module: Any, *_: Any) -> Converted:
        def other_words(features: Any) -> Any:
            inputs = {"input_ids": features["input_ids"] * 0, "attention_mask": features["attention_mask"]}
            return module(**inputs).last_hidden_state

        return Converted(other_words, lambda: other_words)

    for kind, convert in (("openvino", fails), ("onnx", differs)):
        monkeypatch.setitem(RUNTIMES, kind, replace(RUNTIMES[kind], packages=(), convert=convert))
    assert timed_choice(open_encoder, AUTO_RUNTIME, TEXTS, tmp_path).runtime.kind == "torch"
    error = capsys.readouterr().err
    assert "evalkit: warning: runtime=openvino is left out: no such operation\n" in error
    assert "runtime=auto leaves onnx out: its vectors differ from PyTorch's in float32\n" in error


def test_a_model_too_large_to_convert_in_time_stays_with_pytorch(
    open_encoder: SentenceTransformersEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("openvino", "onnx"):
        monkeypatch.setitem(RUNTIMES, kind, replace(RUNTIMES[kind], packages=(), seconds_per_million=1e12))
    assert timed_choice(open_encoder, AUTO_RUNTIME, TEXTS, tmp_path).runtime.kind == "torch"
    remembered = remembered_choice(open_encoder, AUTO_RUNTIME, tmp_path)
    assert remembered is not None
    assert remembered.kind == "torch"


def test_a_choice_that_can_not_be_kept_is_one_line(
    open_encoder: SentenceTransformersEncoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    timed_choice(open_encoder, AUTO_RUNTIME, TEXTS, tmp_path / "file")
    assert "warning: what runtime=auto took is not remembered" in capsys.readouterr().err


def test_bf16_is_tried_where_precision_is_auto_and_the_hardware_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = replace(AUTO_RUNTIME, precision="auto")
    for has, expected in ((True, {"float32", "bf16"}), (False, {"float32"})):
        monkeypatch.setattr(choice, "has_bf16", lambda kind, device, has=has: has)
        assert {each.precision for each in choice.candidates(asked)} == expected
    assert {each.precision for each in choice.candidates(AUTO_RUNTIME)} == {"float32"}
    assert named_runtime(asked).precision == "float32"


def test_only_pytorch_is_a_candidate_on_a_gpu() -> None:
    assert [each.kind for each in choice.candidates(replace(AUTO_RUNTIME, device="cuda"))] == ["torch"]


@pytest.mark.parametrize(
    ("kind", "precision"), [("torch", "float32"), ("openvino", "float32"), ("openvino", "bf16"), ("onnx", "float32")]
)
def test_vectors_are_the_same_bits_whatever_the_number_of_threads(
    tiny: SentenceTransformersModel, kind: str, precision: str
) -> None:
    pytest.importorskip(RUNTIMES[kind].packages[0])
    texts = TEXTS * 8
    runtime = RuntimeConfig(kind=kind, precision=precision, device="cpu", token_budget=40)
    one, three = (load_encoder(tiny, replace(runtime, threads=threads)) for threads in (1, 3))
    told: list[int] = []
    expected = one.encode(texts, "document")
    found = three.encode(texts, "document", told.append)
    assert three.streams.count == 3
    assert sum(told) == len(texts)
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    assert one.identity("document") == three.identity("document")
    assert three.identity("document") != load_encoder(tiny, replace(runtime, threads_per_stream=2)).identity("document")
    assert three.single_call_seconds("red apple", "query") > 0


def test_until_auto_has_chosen_configs_are_checked_by_a_runtime_that_is_there() -> None:
    assert named_runtime(TORCH) is TORCH
    assert named_runtime(RuntimeConfig(kind="auto")).kind == "torch"
    with pytest.raises(UserError, match="no installed runtime has the precision 'fp8'"):
        named_runtime(RuntimeConfig(kind="auto", precision="fp8"))


def test_openvino_tells_nobody_of_a_conversion(
    tiny: SentenceTransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    telemetry = pytest.importorskip("openvino_telemetry")
    told: list[Any] = []
    for name in ("start_session", "send_event", "send_error", "end_session"):
        monkeypatch.setattr(telemetry.Telemetry, name, lambda *args, **options: told.append(args))
    before = telemetry.Telemetry
    load_encoder(tiny, RuntimeConfig(kind="openvino")).load()
    assert told == []
    assert telemetry.Telemetry is before
