"""An encoder needs the protocol and no more; what it offers beyond it is found, what it does not is null."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import ApiConfig, HostedModel, ModelConfig, RuntimeConfig, SentenceTransformersModel
from evalkit.encoders import Advance, Encoded, Side, load_encoder
from evalkit.encoders.capabilities import (
    behind_api,
    load,
    max_length,
    peak_device_bytes,
    reads_images,
    timing_settings,
    tokenizer_of,
    verification,
)
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.hosted.openai import OpenAI
from evalkit.errors import UserError


class Least:
    """All that an encoder must have."""

    config = ModelConfig(kind="least", name="least")
    dims = 3

    def identity(self, side: Side) -> dict[str, Any]:
        return {"side": side}

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        return Encoded(np.ones((len(texts), 3), np.float32), None, None, 1.0)

    def describe(self) -> dict[str, Any]:
        return {"device": "cpu"}


def test_what_is_not_offered_is_null() -> None:
    least = Least()
    load(least)
    assert max_length(least) is None
    assert timing_settings(least) == {}
    assert verification(least, ["a"], "query") is None
    assert peak_device_bytes(least) is None
    assert behind_api(least) is None
    assert not reads_images(least)
    with pytest.raises(UserError, match="least has no tokenizer that documents could be split by"):
        tokenizer_of(least)


def test_what_is_offered_is_used(tiny_model: Path) -> None:
    config = SentenceTransformersModel(kind="sentence_transformers", name="tiny", path=str(tiny_model), max_length=9)
    encoder = load_encoder(config, RuntimeConfig(kind="torch", device="cpu", precision="bf16", threads=1))
    assert max_length(encoder) == 9
    assert timing_settings(encoder)["threads"] == 1
    assert 0.9 < verification(encoder, ["red apple"], "query")["smallest_cosine"] < 1
    assert len(tokenizer_of(encoder).encode("red apple", add_special_tokens=False).ids) == 2
    assert peak_device_bytes(encoder) is None  # on a CPU
    assert behind_api(encoder) is None


def test_a_model_behind_an_api_says_what_it_would_send() -> None:
    pytest.importorskip("openai")
    api = ApiConfig(parallel=2, compare_dims=[4, 6], check_canary=False)
    encoder = HostedEncoder(HostedModel(kind="openai", name="m", api=api), OpenAI(), "hosted")
    sends = behind_api(encoder)
    assert sends is encoder
    assert (sends.is_billed, sends.checks_canary) == (True, False)
    assert sends.to_send(["abc", "defdef"], "query").texts == 2
    assert sends.to_send(["abc", "defdef"], "query").tokens == (1 + 1) + (1 + 2)  # one more than a third of the bytes
    assert sends.to_send_first(loads=True).texts == 1 + 2  # one word for the width, which is not known
    assert sends.to_send_first(loads=False).texts == 1
    assert list(sends.verified_texts(["a", "b"])) == ["a", "b"] * 3
    assert not HostedEncoder(HostedModel(kind="openai", name="m", api=api), OpenAI(), "served").is_billed
