"""Build a release and try it: ``make release``. docs/releasing.md says what comes before and after.

The version is pyproject.toml's. What is built lies in dist/ once it has worked in an environment of its own.
"""

import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from datetime import date
from email import message_from_bytes
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evalkit.commands.door import exit_code
from evalkit.errors import UserError

BUILD = "from setuptools import build_meta; import sys; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"
WORDS = ("amber", "birch", "cedar", "daisy", "ebony", "flint", "grape", "hazel", "ivory", "jade")


BUILT_FROM = ("evalkit", "conf", "pyproject.toml", "README.md", "LICENSE")
LINK = re.compile(r"(!?)(\[(?:[^\[\]]|\[[^\]]*\]\([^)]*\))*\])\((?!https?://|#)([^)]+)\)")


def main(root: Path, repository: str) -> int:
    """Check, build, check what was built, and try it; as the last lines of stdout the files of the release."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = project["version"]
    release_date((root / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if not repository.startswith("https://"):
        raise UserError(
            "the links of a release need the address of its repository.", "REPOSITORY=https://<host>/<name>"
        )
    with TemporaryDirectory() as folder:
        source, wheel = build(with_addresses(root, Path(folder) / "source", repository, version), Path(folder))
        check_metadata(wheel, project, repository)
        try_out(wheel, version, root / "constraints.txt")
        (root / "dist").mkdir(exist_ok=True)
        for file in (source, wheel):
            (root / "dist" / file.name).write_bytes(file.read_bytes())
            sys.stdout.write(f"{root / 'dist' / file.name}\n")
    return 0


def release_date(changelog: str, version: str) -> date:
    """The date of the section ``## <version> — <YYYY-MM-DD>``. Raises UserError where there is none, or no such day."""
    heading = f"## {version} — YYYY-MM-DD"
    section = re.search(rf"^## {re.escape(version)}\b(.*)$", changelog, re.MULTILINE)
    if section is None:
        raise UserError(f"CHANGELOG.md has no section of {version}.", f"Name what is released: {heading}.")
    try:
        return date.fromisoformat(section[1].removeprefix(" — "))
    except ValueError:
        raise UserError(f"CHANGELOG.md's section of {version} has no date.", f"Write it as {heading}.") from None


def with_addresses(root: Path, copy: Path, repository: str, version: str) -> Path:
    """A copy of what is built, whose links hold where the repository's files are not: on the page of an index."""
    copy.mkdir()
    for name in BUILT_FROM:
        if (root / name).is_dir():
            shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(root / name, copy / name)
    readme, project = copy / "README.md", copy / "pyproject.toml"
    readme.write_text(absolute(readme.read_text(encoding="utf-8"), repository, version), encoding="utf-8")
    urls = f'[project.urls]\nSource = "{repository}"\nChangelog = "{repository}/blob/v{version}/CHANGELOG.md"\n\n'
    text = project.read_text(encoding="utf-8")
    project.write_text(text.replace("[project.scripts]", f"{urls}[project.scripts]"), encoding="utf-8")
    return copy


def absolute(text: str, repository: str, version: str) -> str:
    """Markdown whose links to files lead to ``repository`` at the tag of ``version``, pictures to the files there."""

    def address(link: re.Match[str]) -> str:
        mark, label, path = link.groups()
        return f"{mark}{LINK.sub(address, label)}({repository}/{'raw' if mark else 'blob'}/v{version}/{path})"

    return LINK.sub(address, text)


def build(root: Path, folder: Path) -> tuple[Path, Path]:
    """The source distribution of ``root``, and the wheel made of it alone: what lacks a file does not become one."""
    source = folder / built("build_sdist", root, folder)
    with tarfile.open(source) as opened:
        opened.extractall(folder, filter="data")
    return source, folder / built("build_wheel", folder / source.name.removesuffix(".tar.gz"), folder)


def built(what: str, source: Path, folder: Path) -> str:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", BUILD, what, str(folder)], cwd=source, capture_output=True, text=True
    )
    if done.returncode:
        raise UserError(f"{what} failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.splitlines()[-1]


def check_metadata(wheel: Path, project: dict[str, Any], repository: str) -> None:
    """Raises UserError where what an index shows and pip installs by is not what pyproject.toml says."""
    with zipfile.ZipFile(wheel) as opened:
        (name,) = (name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        found = message_from_bytes(opened.read(name))
    expected = {"Name": "name", "Version": "version", "Requires-Python": "requires-python", "Summary": "description"}
    wrong = [name for name, key in expected.items() if found[name] != project[key]]
    wrong += ["License-Expression"] * (found["License-Expression"] != project["license"])
    wrong += ["Description"] * (found["Description-Content-Type"] != "text/markdown" or not found.get_payload())
    wrong += ["Description's links"] * bool(LINK.search(str(found.get_payload())))
    wrong += ["Project-URL"] * (f"Source, {repository}" not in found.get_all("Project-URL", []))
    wrong += ["Provides-Extra"] * (set(found.get_all("Provides-Extra", [])) != set(project["optional-dependencies"]))
    wrong += ["Requires-Dist"] * any("@" in name for name in found.get_all("Requires-Dist", []))  # no index takes those
    if wrong:
        raise UserError(f"{wheel.name} is not as pyproject.toml says: {', '.join(wrong)}.")


def try_out(wheel: Path, version: str, constraints: Path) -> None:
    """Install ``wheel`` without extras in a fresh environment, ask it for help, and evaluate BM25 on ten documents."""
    with TemporaryDirectory() as folder:
        fresh = Path(folder)
        venv.create(fresh / "venv", with_pip=True, symlinks=True)
        programs = fresh / "venv" / "bin"
        output(fresh, programs / "python", "-m", "pip", "install", "--quiet", "--constraint", constraints, wheel)
        told = output(fresh, programs / "evalkit", "--version").strip()
        if told != f"evalkit {version}":
            raise UserError(f"the wheel says it is '{told}', not {version}.")
        output(fresh, programs / "evalkit", "--help")
        write_corpus(fresh / "corpus")
        settings = ("model=bm25", "corpus=beir", f"corpus.beir.path={fresh / 'corpus'}", "at_workload_seconds=0")
        run = fresh / output(fresh, programs / "evalkit", *settings).splitlines()[-1]
        (point,) = json.loads((run / "run.json").read_text(encoding="utf-8"))["points"]
        if point["nDCG@10"] != 1.0:
            raise UserError(f"BM25 finds each document by its own word, yet nDCG@10 is {point['nDCG@10']}.")


def output(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise UserError(f"{' '.join(map(str, command[:3]))} failed with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def write_corpus(folder: Path) -> None:
    """Ten documents of a word of their own, and ten queries of that word."""
    (folder / "qrels").mkdir(parents=True)
    rows = [json.dumps({"_id": word, "title": "", "text": f"a house of {word}"}) for word in WORDS]
    (folder / "corpus.jsonl").write_text("\n".join(rows), encoding="utf-8")
    rows = [json.dumps({"_id": word, "text": word}) for word in WORDS]
    (folder / "queries.jsonl").write_text("\n".join(rows), encoding="utf-8")
    rows = ["query-id\tcorpus-id\tscore", *(f"{word}\t{word}\t1" for word in WORDS)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(rows), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(exit_code(lambda: main(Path(sys.argv[1]).resolve(), " ".join(sys.argv[2:]))))
