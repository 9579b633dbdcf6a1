"""``dry_run=true``: what a run of any kind of model would take is told, and nothing of it is done."""

from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.results.reader import stored_runs


@pytest.mark.parametrize("model", ["local", "bm25", "random"])
def test_a_plan_is_told_and_nothing_is_kept(
    model: str, tiny_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_model = [word for word in tiny_run if model == "local" or not word.startswith("model")]
    assert main([f"model={model}", *(word for word in of_model if word != "model=local"), "dry_run=true"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert any(line.endswith("colours: 12 documents, 6 judged questions") for line in lines)
    assert lines[-1] == "evalkit: dry run: nothing was encoded but a sample, nothing sent and nothing written"
    told = lines[-2]
    if model == "local":
        assert "12 documents and 6 queries to encode, about " in told
        assert told.endswith("s on this machine, 2.3 kB of vectors on disk")  # 18 × 32 × 4 bytes
    else:
        assert told == f"evalkit: {model}: nothing to encode, the words of documents are indexed"
    assert not (tmp_path / "results").exists()
    assert not list((tmp_path / "store").glob("*/*"))


def test_what_is_stored_already_is_not_in_the_plan(tiny_run: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(tiny_run) == 0
    capsys.readouterr()
    assert main([*tiny_run, "dry_run=true"]) == 0
    assert ": nothing to encode, every vector is stored\n" in capsys.readouterr().err


def test_a_mistake_is_one_in_a_dry_run_too(tiny_run: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*tiny_run, "dims=33", "dry_run=true"]) == 2
    assert "dims=33 is not possible" in capsys.readouterr().err


def test_a_gate_judges_no_dry_run(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its exit code would be that of a passed gate."""
    monkeypatch.chdir(tmp_path)
    assert main(["model=bm25", "corpus=beir", f"corpus.beir.path={colours}", "at_workload_seconds=0"]) == 0
    (baseline,) = stored_runs(tmp_path / "results")
    capsys.readouterr()
    assert main(["gate", f"baseline={baseline}", "dry_run=true", "top_k=50"]) == 2
    assert "a dry run measures nothing that a gate could judge" in capsys.readouterr().err
    assert stored_runs(tmp_path / "results") == [baseline]
