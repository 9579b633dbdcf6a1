"""What is installed: configs in the wheel, and no way to what is heavy from rooms that must stay light."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = (
    {"errors", "arrays"},
    {"config"},
    {"corpora", "encoders", "vectors", "measures", "results"},
    {"embeddings", "search", "rerankers", "lexical"},
    {"scaling"},
    {"tasks"},
    {"pipeline", "gate", "reports"},
    {"commands"},
)
HEAVY = {"torch", "faiss", "transformers", "sentence_transformers", "datasets", "mteb", "matplotlib", "scipy", "jinja2"}
MODULES = sorted((ROOT / "evalkit").rglob("*.py"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for part in ("evalkit", "conf"):
        shutil.copytree(ROOT / part, source / part)
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / part, source / part)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*pip, str(source)], check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_every_module_and_every_config(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(p.relative_to(ROOT)) for p in MODULES}
    configs = {f"evalkit/{p.relative_to(ROOT)}" for p in (ROOT / "conf").rglob("*.yaml")}
    assets = {str(p.relative_to(ROOT)) for p in (ROOT / "evalkit" / "reports" / "views" / "assets").rglob("*.*")}
    assert (modules | configs | assets | {"evalkit/py.typed"}) - names == set()
    assert {n.partition("/")[0] for n in names} == {"evalkit", f"embedding_evalkit-{version(wheel)}.dist-info"}


def version(wheel: Path) -> str:
    return wheel.name.split("-")[1]


def test_the_wheel_works_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    code = "import evalkit, sys; from evalkit.__main__ import main; print(evalkit.__file__); sys.exit(main(['--help']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert "multilingual-e5-small" in done.stdout


def test_every_package_is_named_in_pyproject() -> None:
    named = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    packages = {".".join(p.parent.relative_to(ROOT).parts) for p in MODULES}
    configs = {".".join(("evalkit", *p.parent.relative_to(ROOT).parts)) for p in (ROOT / "conf").rglob("*.yaml")}
    assert named == packages | configs


def imports(module: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(module.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(ROOT)))
def test_heavy_libraries_are_imported_where_they_are_used(module: Path) -> None:
    assert {name.partition(".")[0] for name in imports(module, top_level_only=True)} & HEAVY == set()


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(ROOT)))
def test_a_module_imports_only_from_its_room_and_the_floors_below_it(module: Path) -> None:
    room = module.relative_to(ROOT / "evalkit").with_suffix("").parts[0]
    if room in ("__main__", "__init__"):
        return
    floor = next(number for number, rooms in enumerate(FLOORS) if room in rooms)
    allowed = set().union(*FLOORS[:floor]) | {room}
    assert {name.split(".")[1] for name in imports(module) if name.startswith("evalkit.")} - allowed == set()
