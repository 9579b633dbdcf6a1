"""A release is refused where the changelog doesn't name it, and is built and tried where it does."""

import re
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "https://example.org/evalkit"
PROJECT = '[project]\nname = "embedding-evalkit"\nversion = "1.2.0"\n'


def release(root: Path, *repository: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / ".ci" / "release.py", root, *repository]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("changelog", "problem"),
    [
        ("## Unreleased\n\n- All of it.\n", "has no section of 1.2.0. Name what is released: ## 1.2.0 — YYYY-MM-DD."),
        ("## 1.2.0rc1 — 2026-01-31\n", "has no section of 1.2.0."),
        ("## 11.2.0 — 2026-01-31\n", "has no section of 1.2.0."),
        ("## 1.2.0\n\n- All of it.\n", "section of 1.2.0 has no date. Write it as ## 1.2.0 — YYYY-MM-DD."),
        ("## 1.2.0 — soon\n", "section of 1.2.0 has no date."),
        ("## 1.2.0 — 2026-02-30\n", "section of 1.2.0 has no date."),
        ("## 1.2.0.1 — 2026-01-31\n", "1.2.0"),
    ],
)
def test_a_release_without_a_dated_section_of_the_changelog_is_refused(
    changelog: str, problem: str, tmp_path: Path
) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{changelog}")
    done = release(tmp_path)
    assert done.returncode == 2
    assert problem in " ".join(done.stderr.split())
    assert done.stderr.startswith("evalkit: CHANGELOG.md")
    assert done.stderr.count("\n") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CHANGELOG.md", "pyproject.toml"]


def test_a_release_without_the_address_of_its_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.0 — 2026-01-31\n\n- All of it.\n")
    done = release(tmp_path)
    assert done.returncode == 2
    assert "REPOSITORY=https://<host>/<name>" in done.stderr


def test_the_readmes_links_lead_to_files_of_the_repository_at_the_releases_tag() -> None:
    spec = spec_from_file_location("release", ROOT / ".ci" / "release.py")
    assert spec
    assert spec.loader
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    text = made.absolute((ROOT / "README.md").read_text(), REPOSITORY, "1.2.0")
    addresses = re.findall(r"\]\(([^)]+)\)", text)
    own = [address for address in addresses if address.startswith(f"{REPOSITORY}/")]
    assert len(own) >= 12
    assert {address for address in addresses if not address.startswith("https://")} == set()
    for address in own:
        kind, tag, path = address.removeprefix(f"{REPOSITORY}/").split("/", 2)
        assert tag == "v1.2.0"
        assert (ROOT / path.partition("#")[0]).exists(), path
        assert (kind == "raw") == path.endswith(".png")


@pytest.mark.verify
def test_a_release_is_built_from_its_sources_and_tried_in_a_fresh_environment(tmp_path: Path) -> None:
    for name in ("evalkit", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    project = (tmp_path / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(project.replace('\nversion = "', '\nversion = "9.', 1))
    version = project.partition('\nversion = "')[2].partition('"')[0]
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## 9.{version} — 2026-01-31\n\n- All of it.\n")
    done = release(tmp_path, REPOSITORY)
    assert done.returncode == 0, done.stderr
    stem = f"embedding_evalkit-9.{version}"
    built = sorted(file.name for file in (tmp_path / "dist").iterdir())
    assert built == [f"{stem}-py3-none-any.whl", f"{stem}.tar.gz"]


def test_make_release_runs_it() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "\nrelease: .venv/.installed-dev\n\t$(BIN)/python .ci/release.py . $(REPOSITORY)\n" in makefile
