"""Tasks of mteb by a hub on this machine: fetched, cached, offline by itself where the hub is gone, or refused."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from evalkit.errors import UserError
from evalkit.hub.data_sets import data_set_loading, refuse_other_revisions
from tests.conftest import ROOT
from tests.hub.data_set_phases import DOCUMENTS, put_data_set
from tests.hub.stub import StubHub

HINT = "Take a copy."
SCIFACT, PINNED = "mteb/scifact", "d56462d0e63a25450459c4f213e49ffdb866f7f9"
TASKS = sorted(
    corpus["task"]
    for file in (ROOT / "conf" / "corpus").glob("*.yaml")
    for corpus in yaml.safe_load(file.read_text()).values()
    if corpus["source"] == "mteb" and corpus["task"] != "???"
)


@pytest.fixture
def scifact(hub: StubHub) -> Path:
    folder = hub.root / "datasets" / SCIFACT / PINNED
    put_data_set(folder)
    return folder


@pytest.mark.parametrize("tasks", [["SciFact"], pytest.param(TASKS, marks=pytest.mark.verify)], ids=["one", "all"])
def test_a_task_is_fetched_once_and_read_without_the_hub(tasks: list[str], tmp_path: Path) -> None:
    for package in ("mteb", "datasets"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "tests.hub.data_set_phases", str(tmp_path), *tasks]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    phases = json.loads(done.stdout.splitlines()[-1])
    for task in tasks:
        assert phases["fetched"][task] == phases["cached"][task] == DOCUMENTS
        assert " is cached at bbbbbbb, and " in phases["another commit is cached"][task]
        assert "neither in the cache of data sets nor available from the hub" in phases["nothing is cached"][task]
        assert "corpus=<folder>" in phases["nothing is cached"][task]


def test_out_of_reach_the_libraries_are_offline_for_a_while(hub: StubHub) -> None:
    datasets = pytest.importorskip("datasets")
    from huggingface_hub import constants

    hub.faults = [{"match": ".", "status": 503}]
    with data_set_loading(SCIFACT, PINNED, HINT):
        assert (constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE) == (True, True)
    assert constants.HF_HUB_OFFLINE is False


def test_a_failure_while_the_hub_is_there_has_its_reason(scifact: Path) -> None:
    pytest.importorskip("datasets")
    with pytest.raises(UserError, match=r"mteb/scifact can't be loaded: no such column"):  # noqa: SIM117
        with data_set_loading(SCIFACT, PINNED, HINT):
            raise ValueError("no such column\nand more")


def test_a_data_set_that_is_not_there_is_named(scifact: Path) -> None:
    with pytest.raises(UserError, match=r"has no data set 'mteb/scifac', .*\n.*Did you mean 'mteb/scifact'"):  # noqa: SIM117
        with data_set_loading("mteb/scifac", PINNED, HINT):
            pass


def test_rows_of_another_commit_are_refused() -> None:
    def table(commit: str) -> SimpleNamespace:
        return SimpleNamespace(cache_files=[{"filename": f"/cache/mteb___scifact/corpus/0.0.0/{commit}/corpus.arrow"}])

    refuse_other_revisions(SCIFACT, PINNED, [table(PINNED), SimpleNamespace()], HINT)
    with pytest.raises(UserError, match="mteb/scifact is cached at bbbbbbb, and d56462d is asked for"):
        refuse_other_revisions(SCIFACT, PINNED, [table(PINNED), table("b" * 40)], HINT)
