"""A whole run of a model of the hub, as a user calls it."""

from pathlib import Path

import pytest

from evalkit.__main__ import main
from tests.hub.conftest import COMMIT, NAME
from tests.hub.stub import StubHub


@pytest.fixture
def run(tiny_run: list[str]) -> list[str]:
    return [*tiny_run, "model.path=null", f"model.name={NAME}", f"model.revision={COMMIT}"]


def test_a_failing_file_leaves_no_vector_in_the_store(
    tiny: Path,
    hub: StubHub,
    run: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.faults = [{"match": "1_Pooling/config.json", "status": 503}]
    assert main(run) == 2
    out, err = capsys.readouterr()
    assert err.splitlines()[-2].endswith(f"answered 503 for {NAME}, again and again.")
    assert "hf_secret" not in out + err
    assert not list((tmp_path / "store").rglob("*.npy"))
    hub.faults = []
    assert main(run) == 0
    assert f"evalkit: fetching {NAME}@aaaaaaa, " in capsys.readouterr().err
    assert len(list((tmp_path / "store").rglob("*.npy"))) == 2
    assert "hf_secret" not in "".join(f.read_text() for f in (tmp_path / "results").rglob("*.json"))


def test_a_cache_that_lost_a_file_gives_no_second_figure(
    tiny: Path, cache: Path, hub: StubHub, run: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(run) == 0
    (cache / "modules.json").unlink()
    hub.die()
    assert main(run) == 2
    assert "is not whole in the hub's cache" in capsys.readouterr().err


def test_a_reranker_that_the_hub_does_not_have_is_refused_first(
    tiny: Path, hub: StubHub, run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*run, "stages=[minilm]", "stages.minilm.depth=10"]) == 2
    assert "has no model 'cross-encoder/ms-marco-MiniLM-L6-v2'" in capsys.readouterr().err
    assert not list((tmp_path / "store").rglob("*.npy"))
