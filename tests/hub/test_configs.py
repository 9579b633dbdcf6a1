"""Every config that names the hub goes the whole way: fetched, cached, offline, and offline without a cache.

Its model is tiny and random, of the architecture of the real one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from evalkit.config import MODEL_KINDS, FileModel, RerankerConfig, RuntimeConfig
from evalkit.config.compose import compose
from evalkit.encoders import load_encoder
from evalkit.encoders.local import weights
from evalkit.errors import UserError
from evalkit.rerankers.cross_encoder import CrossEncoder
from tests.conftest import ROOT
from tests.hub.repositories import BUILDERS, repository
from tests.hub.stub import StubHub

TORCH = RuntimeConfig("torch", "cpu", "float32")
PICKLED = {"bge-m3"}
RERANKER_WIDTH = 64
TEXTS = ["red apple", "a green pear and a house", "fish"]
ELSEWHERE = "neither in the hub's cache nor available from the hub"


def settings(group: str, kinds: set[str]) -> dict[str, Any]:
    """The configs of a group whose model of such a kind is on the hub, by name."""
    read = {file.stem: yaml.safe_load(file.read_text()) for file in (ROOT / "conf" / group).glob("*.yaml")}
    plain = {name: config.get(name, config) for name, config in sorted(read.items())}
    return {name: each for name, each in plain.items() if each["kind"] in kinds and "/" in each.get("name", "")}


MODELS = settings("model", {name for name, kind in MODEL_KINDS.items() if issubclass(kind.schema, FileModel)})
RERANKERS = settings("stages", {"cross_encoder"})


def test_every_repository_that_a_config_names_can_be_built() -> None:
    assert {config["name"] for config in [*MODELS.values(), *RERANKERS.values()]} == set(BUILDERS)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_goes_the_whole_way(
    name: str, hub: StubHub, offline: Callable[[], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weights, "is_installed", lambda package: False)
    overrides = ["model.allow_pickle=true"] if name in PICKLED else []
    config = compose("run", [f"model={name}", *overrides]).model
    BUILDERS[config.name](repository(hub.root, config.name, config.revision), config.native_dims)

    def vectors() -> np.ndarray:
        made = load_encoder(config, TORCH)
        made.identity("query")
        return made.encode(TEXTS, "query").vectors

    assert_it_goes_the_whole_way(vectors, (3, config.native_dims or 0), hub, offline, monkeypatch, tmp_path)


@pytest.mark.parametrize("name", RERANKERS)
def test_a_reranker_goes_the_whole_way(
    name: str, hub: StubHub, offline: Callable[[], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = RerankerConfig(**RERANKERS[name])
    BUILDERS[config.name](repository(hub.root, config.name, config.revision), RERANKER_WIDTH)

    def scores() -> np.ndarray:
        return CrossEncoder(config, TORCH, f"stages.{name}").score("red", TEXTS).scores

    assert_it_goes_the_whole_way(scores, (3,), hub, offline, monkeypatch, tmp_path)


def assert_it_goes_the_whole_way(
    compute: Callable[[], np.ndarray],
    shape: tuple[int, ...],
    hub: StubHub,
    offline: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Fetched, then cached, then offline: the same numbers; offline without a cache: refused."""
    first = compute()
    assert first.shape == shape
    assert not [path for path in hub.paths() if path.endswith((".onnx", ".msgpack", ".ot", "openvino_model.bin"))]
    hub.requests.clear()
    np.testing.assert_array_equal(compute(), first)
    assert hub.requests == []
    offline()
    np.testing.assert_array_equal(compute(), first)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.raises(UserError, match=ELSEWHERE):
        compute()


def test_a_model_whose_weights_are_pickled_says_so(hub: StubHub) -> None:
    config = compose("run", ["model=bge-m3"]).model
    folder = repository(hub.root, config.name, config.revision)
    (folder / "config.json").write_text("{}")
    (folder / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(UserError, match=r"BAAI/bge-m3 has pytorch_model\.bin .*\n.*model\.allow_pickle=true"):
        load_encoder(config, TORCH).identity("query")
