"""A gate that makes a run like its baseline: of which files and settings, and which it asks for."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.config.trust.outside import put
from evalkit.results.reader import stored_runs
from tests.conftest import WriteBeir

pytest.importorskip("bm25s")
WORDS = "red green blue apple pear house tree river stone cloud bird fish".split()
QUICK = ["at_workload_seconds=0", "measures=[nDCG@10]", "top_k=10", "runtime.latency_calls=5"]
GATE = ["gate", "baseline=main", "runtime.latency_calls=4", "limits=null"]


@pytest.fixture
def data(write_beir: WriteBeir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus in the working folder, and a baseline on it."""
    documents = {f"d{i}": f"{word} {word}s" for i, word in enumerate(WORDS)}
    write_beir(documents, {f"q{i}": word for i, word in enumerate(WORDS)}, [(f"q{i}", f"d{i}", 1) for i in range(12)])
    monkeypatch.chdir(tmp_path)
    assert main(["model=bm25", "corpus=beir", "corpus.beir.path=colours", *QUICK]) == 0
    assert main(["baseline", "accept"]) == 0
    return Path("colours")


@pytest.mark.usefixtures("data")
def test_a_corpus_in_the_working_folder_needs_no_words() -> None:
    assert main(GATE) == 0
    assert len(stored_runs(Path("results"))) == 2


def move_away(data: Path) -> None:
    shutil.move(data, "elsewhere")


def link_outside(data: Path) -> None:
    outside = Path.cwd().parent / f"{Path.cwd().name}-outside"
    shutil.move(data, outside)
    data.symlink_to(outside)


def change(data: Path) -> None:
    with (data / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "d99", "title": "", "text": "another"}\n')


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        (move_away, "there is no such file or folder"),
        (link_outside, "it is not in the working folder"),
        (change, "what is there has another fingerprint than what was measured"),
    ],
)
def test_files_that_are_not_what_was_measured_are_asked_for(
    data: Path, happened: Any, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    happened(data)
    capsys.readouterr()
    assert main(GATE) == 2
    told = capsys.readouterr().err
    assert "the baseline main has corpus.beir.path=colours, which conf/ doesn't say" in told
    assert reason in told
    assert "If you trust it, add: corpus.beir.path=colours" in told
    assert len(stored_runs(Path("results"))) == 1  # nothing was evaluated


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("words", [["corpus.beir.path=elsewhere"], ["corpus=beir", "corpus.beir.path=elsewhere"]])
def test_words_of_the_command_line_are_taken(data: Path, words: list[str]) -> None:
    move_away(data)
    assert main([*GATE, *words, "allow_missing=true", "match=[engine]"]) in (0, 2)
    about = json.loads((stored_runs(Path("results"))[-1] / "run.json").read_text())
    assert about["config"]["corpus"]["beir"]["path"] == "elsewhere"


@pytest.mark.usefixtures("data")
def test_a_prompt_with_references_in_it_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "the-secret-of-ours")
    baseline = Path("results/baselines/main")
    (baseline / "SHA256SUMS").unlink()
    about = json.loads((baseline / "run.json").read_text())
    text = "${oc.env:OURS} ${b} {c"
    put(about, ("config", "model", "licence"), text)
    about["models"][0]["prompts"] = {"query": text}
    (baseline / "run.json").write_text(json.dumps(about))
    assert main(GATE) == 0
    made = json.loads((stored_runs(Path("results"))[-1] / "run.json").read_text())
    assert made["config"]["model"]["licence"] == text
    assert main(["report", str(baseline)]) == 0
    for file in (*Path("reports").rglob("*.*"), *Path("results").rglob("run.json")):
        assert "the-secret-of-ours" not in file.read_text()


@pytest.mark.usefixtures("data")
def test_a_link_in_a_run_is_not_written_through(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = stored_runs(Path("results"))[0]
    (tmp_path / "theirs").mkdir()
    (run / "exports").symlink_to(tmp_path / "theirs")
    assert main(["export"]) == 2
    assert "exports is a link: exports would be written elsewhere" in capsys.readouterr().err
    assert not list((tmp_path / "theirs").iterdir())
    assert main(["export", "output_dir=exports"]) == 0


@pytest.mark.usefixtures("data")
def test_a_baseline_that_is_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    shutil.move("results/baselines/main", "theirs")
    Path("results/baselines/main").symlink_to(tmp_path / "theirs")
    before = {file.name: file.read_bytes() for file in Path("theirs").iterdir()}
    assert main(["baseline", "accept"]) == 0
    assert not Path("results/baselines/main").is_symlink()
    assert {file.name: file.read_bytes() for file in Path("theirs").iterdir()} == before
    assert [file.name for file in Path("results/baselines").iterdir()] == ["main"]
