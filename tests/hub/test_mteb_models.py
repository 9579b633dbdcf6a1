"""Models of mteb's registry that sentence-transformers loads: from the same whole commits as evalkit's own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evalkit.config import RuntimeConfig
from evalkit.config.compose import compose
from evalkit.encoders import load_encoder
from evalkit.encoders.local import weights
from evalkit.errors import UserError
from tests.hub.repositories import bert, repository
from tests.hub.stub import StubHub

TORCH = RuntimeConfig("torch", "cpu", "float32")
TEXTS = ["red apple", "a green pear and a house", "fish"]


@pytest.fixture
def minilm(hub: StubHub, monkeypatch: pytest.MonkeyPatch) -> Path:
    pytest.importorskip("mteb")
    monkeypatch.setattr(weights, "is_installed", lambda package: False)
    config = compose("run", ["model=minilm"]).model
    folder = repository(hub.root, config.name, config.revision)
    bert(folder, 384)
    return folder


def test_vectors_and_key_are_those_of_the_same_commit(
    minilm: Path, hub: StubHub, offline: Callable[[], None], tmp_path: Path
) -> None:
    own = load_encoder(compose("run", ["model=minilm"]).model, TORCH)
    config = compose("run", ["model=mteb", "model.name='sentence-transformers/all-MiniLM-L6-v2'"]).model
    made = load_encoder(config, TORCH)
    assert made.identity("query")["weights"] == own.identity("query")["weights"]
    hub.requests.clear()
    np.testing.assert_allclose(made.encode(TEXTS, "query").vectors, own.encode(TEXTS, "query").vectors, atol=1e-6)
    assert hub.requests == []
    cache = tmp_path / "hub-cache" / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots" / minilm.name
    (cache / "modules.json").unlink()
    offline()
    with pytest.raises(UserError, match=r"Missing or damaged: modules\.json"):
        load_encoder(config, TORCH).encode(TEXTS, "query")
