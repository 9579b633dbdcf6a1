"""A hub on this machine for the tests of this folder, and an empty cache for what is fetched from it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evalkit.errors import UserError
from evalkit.hub import Snapshot, client, model_files, snapshot
from tests.hub.repositories import copied
from tests.hub.stub import StubHub

NAME, COMMIT = "someone/tiny", "a" * 40
NEED = model_files("model", allow_pickle=False, with_code=False)
HINT = "Give a copy: model.path=<folder>."


def fetched(revision: str | None = COMMIT, name: str = NAME) -> Snapshot:
    return snapshot(name, revision, NEED, HINT)


def refused(revision: str | None = COMMIT, name: str = NAME) -> str:
    with pytest.raises(UserError) as error:
        fetched(revision, name)
    return str(error.value)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StubHub]:
    """Without repositories yet."""
    from huggingface_hub import constants

    (tmp_path / "hub").mkdir()
    monkeypatch.setattr(client, "FIRST_WAIT_S", 0.01)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with StubHub(tmp_path / "hub") as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield served


@pytest.fixture
def tiny(hub: StubHub, tiny_model: Path) -> Path:
    """The commit COMMIT of NAME on the hub: the tiny model, whose folder can be changed."""
    return copied(hub.root, NAME, COMMIT, tiny_model)


@pytest.fixture
def cache(tmp_path: Path, hub: StubHub) -> Path:
    """Where the files of NAME's COMMIT are kept."""
    return tmp_path / "hub-cache" / "models--someone--tiny" / "snapshots" / COMMIT


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> object:
    """Called, it turns the offline mode on."""
    from huggingface_hub import constants

    return lambda: monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
