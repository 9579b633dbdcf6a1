"""docs/python.md and docs/python.ipynb are true: the notebook runs, and what the page names is there."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

import evalkit
from evalkit.__main__ import main
from evalkit.results.listing import Listed
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "python.md").read_text()
NOTEBOOK = json.loads((ROOT / "docs" / "python.ipynb").read_text())
CELLS = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def value_of(cell: str, names: dict[str, Any]) -> Any:
    """What a notebook shows of ``cell``: the value of its last line, if that is an expression."""
    *before, last = ast.parse(cell).body
    exec(compile(ast.Module(before, []), "cell", "exec"), names)  # noqa: S102
    if isinstance(last, ast.Expr):
        return eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307
    exec(compile(ast.Module([last], []), "cell", "exec"), names)  # noqa: S102
    return None


def test_the_notebook_runs_from_top_to_bottom(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("bm25s")
    names: dict[str, Any] = {}
    shown = [value_of(cell, names) for cell in CELLS]
    assert "Use BM25" in shown[1]._repr_html_()
    assert len(shown[2]) == 4
    assert shown[3][0][2:] == (0, 1)
    assert shown[4].startswith("ours at 16 dims, ")
    assert Path("reports/index.html").is_file()
    assert shown[6].startswith("there is no setting 'modle' (in 'modle=")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert all("has 6 judged questions: they can show only" in line for line in captured.err.splitlines())


def test_the_notebook_holds_no_output() -> None:
    assert all(cell.get("outputs", []) == [] for cell in NOTEBOOK["cells"])
    assert all(cell.get("execution_count") is None for cell in NOTEBOOK["cells"])


def test_python_of_the_page_is_python_and_uses_what_evalkit_offers() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    used = set()
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "evalkit":
                used.add(node.attr)
    assert used >= {"run", "compare", "recommend"}
    assert used <= set(evalkit.__all__)
    of_runs = set(re.findall(r"`run\.(\w+)", PAGE)) - {"json"}
    assert {name for name in of_runs if not hasattr(evalkit.Run, name)} == set()


@pytest.mark.parametrize("command", ["show", "list", "compare", "recommend"])
def test_the_keys_of_json_are_those_that_the_page_names(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    results = f"results_dir={ROOT / 'results' / 'examples'}"
    run = min(folder.name for folder in (ROOT / "results" / "examples").iterdir())
    words = {"compare": [run, run, "measures=[nDCG@10]", "resamples=100"]}.get(command, [])
    assert main([command, *words, results, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    (row,) = re.findall(rf"^\| `{command}` \| (.*) \|$", PAGE, re.MULTILINE)
    inner = re.search(r"\(a list: (.*?)\)", row)
    documented = set(re.findall(r"`(\w+)`", row.replace(inner[0], "") if inner else row))
    assert set(value[0] if command == "list" else value) == documented
    if inner:
        (of_list,) = (key for key in ("quality", "constraints") if key in documented)
        assert set(value[of_list][0]) == set(re.findall(r"`(\w+)`", inner[1]))


def test_what_is_listed_is_what_the_class_says() -> None:
    (row,) = re.findall(r"^\| `list` \| (.*) \|$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == set(Listed.__dataclass_fields__)
