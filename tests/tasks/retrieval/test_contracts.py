"""A table that was there already: what its contract says otherwise than the run is told once, before searching."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.search.engine import EngineFacts, Plan
from evalkit.search.engines.faiss.engine import FaissEngine
from evalkit.search.engines.in_process import InProcessIndex

CONTRACT: dict[str, Any] = {}


class Table(InProcessIndex):
    """Stands for a database's table with words of its own."""

    def facts(self) -> EngineFacts:
        return replace(super().facts(), name="table", contract=CONTRACT or None)


class TableEngine(FaissEngine):
    @contextmanager
    def open(self, plan: Plan) -> Iterator[InProcessIndex]:
        with super().open(plan) as opened:
            yield Table(opened.plan, opened.main, opened.version)


CONF = f"""kept:
  engine: {__name__}:TableEngine
  faiss: HNSW32
  url: http://127.0.0.1:1
  table: items
  search: {{efSearch: [128, 256]}}
"""


def beir(folder: Path) -> Path:
    """A tiny corpus of colours, as BEIR lays them out."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    names = ("red", "green", "blue", "yellow")
    for file, text in (("corpus", "the colour {}"), ("queries", "what is {}?")):
        lines = (json.dumps({"_id": name, "text": text.format(name)}) for name in names)
        (folder / f"{file}.jsonl").write_text("\n".join(lines) + "\n")
    judged = "".join(f"{name}\t{name}\t1\n" for name in names)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


@pytest.fixture
def evaluate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs with the contract that it is called with; its stderr."""
    folder = tmp_path / "conf" / "index"
    folder.mkdir(parents=True)
    (folder / "kept.yaml").write_text(f"# kept — a table\n{CONF}")

    def call(contract: dict[str, Any]) -> str:
        monkeypatch.setattr(f"{__name__}.CONTRACT", contract)
        colours = beir(tmp_path / "colours")
        arguments = ["--config-dir", str(tmp_path / "conf"), "model=wordllama", f"corpus={colours}", "index=kept"]
        arguments += ["dims=64", "quantization=[float32,float16]"]
        arguments += [f"results_dir={tmp_path}/results", f"store.path={tmp_path}/store"]
        assert main(arguments) == 0
        return capsys.readouterr().err

    return call


SAME = {"evalkit_contract": 1, "prompts": {"query": "", "document": ""}, "dims": 64, "normalisation": "cut, l2"}


def test_what_differs_is_told_once_and_the_run_goes_on(evaluate: Any) -> None:
    said = evaluate({**SAME, "prompts": {"query": "query: ", "document": ""}, "model": "other\x1b[31m"})
    lines = [line for line in said.splitlines() if "its table says" in line]
    assert len(lines) == 1
    assert lines[0].startswith("evalkit: index kept: its table says model 'other\\x1b[31m' instead of ")
    assert "query prompt 'query: ' instead of ''" in lines[0]


@pytest.mark.parametrize("contract", [SAME, {}, {"owner": "search team"}])
def test_nothing_is_told_where_nothing_differs(evaluate: Any, contract: dict[str, Any]) -> None:
    assert "its table says" not in evaluate(contract)
