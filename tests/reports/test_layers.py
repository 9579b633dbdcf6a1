"""What is said is worked out without knowing how it looks."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

DATA = sorted((ROOT / "evalkit" / "reports" / "data").glob("*.py"))


@pytest.mark.parametrize("module", DATA, ids=lambda module: module.name)
def test_data_imports_no_view(module: Path) -> None:
    nodes = ast.walk(ast.parse(module.read_text()))
    imports = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    assert [name for name in imports if name.startswith("evalkit.reports.views")] == []
