"""Every foreign name of a run is hostile: what each command writes shows it, and neither obeys nor hides anything."""

import csv
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from bs4 import BeautifulSoup

from evalkit.corpora.lint import Finding
from tests.fuzz.rule import Ending, ended
from tests.hostile import (
    ACTS,
    PAYLOADS,
    WITHOUT_SPACE,
    ci_commands,
    is_formula,
    moves_the_cursor,
    page_of,
    sought,
    stated,
    stated_cell,
    stated_line,
    tags,
)
from tests.house import ROOT
from tests.reports.conftest import ENVIRONMENT, WriteRun, results, write_run  # noqa: F401  (fixtures)

HARMLESS = tuple(f"name{i}" for i in range(len(PAYLOADS)))
IDS = tuple(name for name in WITHOUT_SPACE if not name.startswith("#"))  # a comment in a file of judgments
FILE_NAMES = tuple(
    name for name in dict.fromkeys(re.sub("[/\0]", "_", payload) for payload in PAYLOADS) if name.strip()
)


def hostile_run(write: WriteRun, run: str, names: Sequence[str], worse: float = 0.0) -> Path:
    """A stored run in which each of ``names`` is a query; some are corpora and quantizations, all are in its words."""
    scores = np.clip(np.linspace(0.2, 0.9, len(names)) - worse, 0, 1)
    corpora, quantizations, everything = names[::12], names[3::12], " ".join(names)
    return write(
        run,
        {
            corpus: {(64, name): scores for name in (quantizations if corpus == corpora[0] else quantizations[:1])}
            for corpus in corpora
        },
        model=f"org/{everything.replace('/', '_')[:60]}",
        revision=f"{names[0]} r",
        query_ids=names,
        texts={name: name for name in names},
        environment={**ENVIRONMENT, "os": f"{everything}\ud83d", "python": "\x1b[31m3"},
        lint=[Finding("check", 1, 2, name, (name,)) for name in names],
        runtime={"device": "cpu", "runtime": everything[:200]},
        prompts={"query": everything, "document": names[5]},
        canary=np.random.default_rng(0).normal(size=(40, 8)),
        timing={"seconds": 12.0, "cached": False},
    )


def assert_shown(ended: Ending) -> None:
    """Both streams are lines that a terminal and a CI just show."""
    ended.assert_told()
    for log in (ended.out, ended.err):
        assert ci_commands(log) == []
        assert moves_the_cursor(log) == []


def assert_page(hostile: Path, harmless: Path) -> None:
    """Markdown with the elements that it has of harmless names, and nothing that a forge would look for."""
    page, plain = (page_of(file.read_text(encoding="utf-8")) for file in (hostile, harmless))
    assert tags(page) == tags(plain)
    assert list(sought(page)) == []


@pytest.fixture
def folders(write_run: WriteRun, tmp_path: Path) -> dict[str, Path]:  # noqa: F811
    """The folders of a hostile and a harmless run, and of worse ones."""
    return {
        f"{kind}{worse}": hostile_run(write_run, f"{run} {worse}", names, worse)
        for kind, run, names in (("hostile", "::error::[red]@octocat #1 <b>", PAYLOADS), ("harmless", "run", HARMLESS))
        for worse in (0.0, 0.1)
    }


def test_a_report(folders: dict[str, Path], tmp_path: Path) -> None:
    for kind in ("hostile", "harmless"):
        assert_shown(ended(["report", f"runs=['{folders[f'{kind}0.0']}']", f"reports_dir={tmp_path / kind}"]))
    hostile, harmless = (tmp_path / kind / "index" for kind in ("hostile", "harmless"))
    assert_page(hostile.with_suffix(".md"), harmless.with_suffix(".md"))

    page, plain = (BeautifulSoup(f.with_suffix(".html").read_text(), "html.parser") for f in (hostile, harmless))
    assert [tag.name for tag in page.find_all(True)] == [tag.name for tag in plain.find_all(True)]
    assert {name for tag in page.find_all(True) for name in tag.attrs} == {
        name for tag in plain.find_all(True) for name in tag.attrs
    }
    scopes = [option.get_text() for option in page.select("#scope option")]
    assert scopes[1:] == [stated_line(name) for name in PAYLOADS[::12]]
    data = json.loads(page.select("#data")[0].get_text())
    assert data["names"]["corpus"] == scopes[1:]
    assert set(next(iter(data["queries"].values()))["ids"]) == {stated(name) for name in PAYLOADS}
    assert not ACTS.search(hostile.with_suffix(".html").read_text())

    with hostile.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [cell for row in rows for cell in row.values() if is_formula(cell)] == []
    names = {row["corpus_name"] for row in rows}
    assert {name.removeprefix("'") for name in names} == {
        stated_cell(name).removeprefix("'") for name in PAYLOADS[::12]
    }

    ET.parse(hostile.with_suffix(".svg"))  # noqa: S314


def test_a_gate(folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = {}
    for kind in ("hostile", "harmless"):
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / f"{kind}.md"))
        written[kind] = tmp_path / kind / "gate"
        runs = [f"baseline='{folders[f'{kind}0.0']}'", f"candidate='{folders[f'{kind}0.1']}'"]
        end = ended(["gate", *runs, f"reports_dir={tmp_path / kind}", "resamples=200"])
        assert end.code == 1
        assert ci_commands(end.out + end.err) == []
        assert moves_the_cursor(end.out + end.err) == []
        assert (tmp_path / f"{kind}.md").read_text() == (written[kind] / "gate.md").read_text()
    assert_page(written["hostile"] / "gate.md", written["harmless"] / "gate.md")
    cases = ET.parse(written["hostile"] / "gate.junit.xml").getroot().iter("testcase")  # noqa: S314
    named = {case.get("name", "") for case in cases}
    assert all(any(stated_line(name) in case for case in named) for name in PAYLOADS[::12])
    text = (written["hostile"] / "gate.json").read_text(encoding="utf-8")
    assert moves_the_cursor(text) == []
    quality = json.loads(text)["quality"]
    assert {each["corpus"] for each in quality} == set(PAYLOADS[::12])
    assert {change["query_id"] for each in quality for change in each["worst"]} <= set(PAYLOADS)


def test_a_terminal_of_any_width(folders: dict[str, Path], tmp_path: Path) -> None:
    """In a pseudo-terminal, where rich writes its colours: once those are taken out, nothing but text is left."""
    arguments = ["gate", f"baseline='{folders['hostile0.0']}'", f"candidate='{folders['hostile0.1']}'", "resamples=200"]
    ours, theirs = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "100"}
    command = [sys.executable, "-m", "evalkit", *arguments, f"reports_dir={tmp_path / 'reports'}"]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL, env=env)
    os.close(theirs)
    said = b""
    try:
        while block := os.read(ours, 65_536):
            said += block
    except OSError:  # the other side was closed
        pass
    assert process.wait() == 1
    styled = said.decode().replace("\r\n", "\n")
    shown = re.sub(r"\x1b\[[\d;]*m", "", styled)
    assert moves_the_cursor(shown) == []
    assert ci_commands(shown) == []


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A BEIR folder of a hostile name, whose every id and text is hostile."""
    folder = tmp_path / "data" / "::error::[red]@octocat\x1b[31m #1 <b>$a$ =1"
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": name, "title": name, "text": f"word{i} {name}"}) for i, name in enumerate(IDS)]
    asked = [json.dumps({"_id": name, "text": f"word{i} {name}"}) for i, name in enumerate(IDS)]
    (folder / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "queries.jsonl").write_text("\n".join(asked), encoding="utf-8")
    qrels = [f"{name}\t{name}\t1" for name in IDS]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *qrels]), encoding="utf-8")
    return folder


def test_a_run_its_export_and_its_baseline(corpus: Path, tmp_path: Path) -> None:
    where = f"results_dir={tmp_path / 'results'}"
    settings = ["model=bm25", "corpus=beir", "top_k=10", "measures=[nDCG@10]", "at_workload_seconds=0"]
    run = ended([*settings, f"corpus.beir.path={corpus}", where])
    assert run.code == 0, run.err
    assert_shown(run)
    folder = Path(run.out.splitlines()[-1])
    export = ended(["export", str(folder), where])
    assert_shown(export)
    (file,) = (folder / "exports" / "trec").glob("*.run")
    fields = [line.split(" ") for line in file.read_text(encoding="utf-8").split("\n")[:-1]]
    assert {len(parts) for parts in fields} == {6}
    assert {parts[0] for parts in fields} | {parts[2] for parts in fields} == set(IDS)
    (result,) = (folder / "exports" / "mteb").rglob("*.json")
    assert json.loads(result.read_text())["task_name"] == corpus.name
    for written in (file, result):
        assert written.resolve().is_relative_to(folder.resolve())
        assert written.name.isprintable()
    assert_shown(ended(["baseline", "accept", str(folder), where, "name='::error::[red]'"]))


def test_a_store(tmp_path: Path) -> None:
    for number, name in enumerate(FILE_NAMES):
        entry = tmp_path / "store" / name
        entry.mkdir(parents=True)
        key = dict.fromkeys(("model", "revision", "side", "runtime", "precision", "max_length"), PAYLOADS[number])
        (entry / "key.json").write_text(json.dumps(key))
    listed = ended(["store", f"path={tmp_path / 'store'}"])
    assert listed.code == 0
    assert_shown(listed)
    assert "[red]x" in listed.out
    removed = ended(["store", f"path={tmp_path / 'store'}", "older_than_days=0", "max_gb=0"])
    assert_shown(removed)


def test_a_new_corpus(tmp_path: Path) -> None:
    source = tmp_path / "::error::files"
    source.mkdir()
    for name in FILE_NAMES:
        (source / f"n{name}.txt").write_text(f"# {name}\ntext", encoding="utf-8", errors="replace")
        (source / f"m{name}.md").write_text(f"# {name}\ntext", encoding="utf-8", errors="replace")
    made = ended(["new-corpus", str(source), f"output_dir={tmp_path / 'made'}", "headings=true"])
    assert_shown(made)
