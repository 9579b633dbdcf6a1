"""Tasks of mteb by a hub on this machine: fetched, cached, offline by itself where the hub is gone, or refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from evalkit.errors import UserError
from evalkit.hub.data_sets import data_set_loading, refuse_other_revisions
from tests.conftest import ROOT
from tests.hub.data_set_phases import OTHER, PINNED, SCIFACT
from tests.hub.stub import StubHub

HINT = "Take a copy."
CONFIGS = """---
configs:
- config_name: default
  data_files: [{split: test, path: qrels/test.jsonl}]
- config_name: corpus
  data_files: [{split: corpus, path: corpus.jsonl}]
- config_name: queries
  data_files: [{split: queries, path: queries.jsonl}]
---
"""


@pytest.fixture
def scifact(hub: StubHub) -> Path:
    """Six documents and three queries, laid out as mteb's SciFact."""
    folder = hub.root / "datasets" / SCIFACT / PINNED
    folder.mkdir(parents=True)
    documents = [{"_id": str(i), "title": "", "text": f"{word} stone"} for i, word in enumerate(["red", "blue"] * 3)]
    queries = [{"_id": f"q{i}", "text": word} for i, word in enumerate(["red", "blue", "stone"])]
    qrels = [{"query-id": f"q{i}", "corpus-id": str(i), "score": 1.0} for i in range(3)]
    for name, rows in (("corpus", documents), ("queries", queries), ("qrels/test", qrels)):
        file = folder / f"{name}.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "README.md").write_text(CONFIGS)
    return folder


def test_a_task_is_fetched_once_and_read_without_the_hub(scifact: Path, hub: StubHub, tmp_path: Path) -> None:
    for package in ("mteb", "datasets"):
        pytest.importorskip(package)
    shutil.copytree(scifact, scifact.with_name(OTHER))
    (scifact.parent / "main").write_text(PINNED)
    command = [sys.executable, "-m", "tests.hub.data_set_phases", str(hub.root), str(tmp_path / "home")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    phases = json.loads(done.stdout.splitlines()[-1])
    assert phases["fetched"] == phases["all is cached"] == ["red stone", "blue stone"] * 3
    assert f"{SCIFACT} is cached at bbbbbbb, and d56462d is asked for" in phases["another commit is cached"]
    assert "neither in the cache of data sets nor available from the hub" in phases["nothing is cached"]
    assert "corpus=beir" in phases["nothing is cached"]


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
