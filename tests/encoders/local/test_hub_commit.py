"""A model of the hub is known by its commit: where a branch moves, nothing stored before is taken for it."""

import json
import sys
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

from evalkit.config.compose import compose
from evalkit.encoders import load_encoder
from evalkit.encoders.local.weights import hub_commit
from evalkit.errors import UserError

TOOLS = Path(__file__).resolve().parents[4] / "shared" / "tools"
OLD, NEW, NAME = "a" * 40, "b" * 40, "someone/model"


@pytest.fixture
def main_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Moves the branch main of the one model of a stub hub; its cache is empty."""
    if not (TOOLS / "stub_hub.py").is_file():
        pytest.skip("no stub of the hub beside this checkout")
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.delitem(sys.modules, "stub_hub", raising=False)
    from stub_hub import StubHub

    model = tmp_path / "hub" / "models" / NAME
    for commit in (OLD, NEW):
        (model / commit).mkdir(parents=True)
        (model / commit / "config.json").write_text("{}")

    def move(commit: str) -> None:
        (model / "refs.json").write_text(json.dumps({"main": commit}))

    move(OLD)
    with StubHub(tmp_path / "hub") as hub:
        monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", hub.url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield move


@pytest.mark.parametrize("kind", ["sentence_transformers", "model2vec"])
def test_a_branch_that_moved_is_another_key(main_is: Any, kind: str) -> None:
    def identity() -> Any:
        config = compose("run", ["model=local", "model.path=null", f"model.kind={kind}", f"model.name={NAME}"])
        return load_encoder(config.model, config.runtime).identity("document")

    before = identity()
    main_is(NEW)
    after = identity()
    assert (before["revision"], before["weights"]) == (OLD, f"hub:{OLD}")
    assert (after["revision"], after["weights"]) == (NEW, f"hub:{NEW}")


def test_out_of_reach_the_cache_says_which_commit_main_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="neither in the hub's cache nor available"):
        hub_commit(NAME, None, "")
    refs = tmp_path / "models--someone--model" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(OLD)
    assert hub_commit(NAME, None, "") == OLD


def test_a_pinned_commit_asks_nobody() -> None:
    assert hub_commit(NAME, NEW, "") == NEW
