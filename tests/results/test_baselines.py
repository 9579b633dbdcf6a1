"""A baseline is the old one or the new one, whole, at every moment and wherever its writer is killed."""

import threading
from pathlib import Path

import pytest

from evalkit.errors import UserError
from evalkit.results import baselines
from evalkit.results.baselines import KEPT, SUMS, accept
from evalkit.results.reader import StoredRun, find_run, read_run
from evalkit.system import files
from tests.killed import is_killed_at
from tests.results.test_writer import write

SOURCES = {baselines.__file__, files.__file__}


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs of the same points whose files differ in their ids alone."""
    for name in ("one", "other"):
        write(tmp_path / "results", name)
        (tmp_path / "results" / name / "canary.parquet").write_bytes(name.encode())
    return [tmp_path / "results" / name for name in ("one", "other")]


@pytest.fixture
def main_baseline(tmp_path: Path) -> Path:
    return tmp_path / "results" / "baselines" / "main"


def its_run(stored: StoredRun) -> str:
    """Which run it is of, by both of the files that differ."""
    canary = (stored.folder / "canary.parquet").read_text()
    assert stored.about["run_id"] == canary
    return canary


def test_a_reader_in_a_loop_has_the_old_one_or_the_new_one(
    runs: list[Path], main_baseline: Path, tmp_path: Path
) -> None:
    accept(runs[0], main_baseline)
    is_over = threading.Event()
    errors: list[BaseException] = []
    seen: set[str] = set()
    told: set[str] = set()

    def accepting() -> None:
        try:
            while not is_over.is_set():
                for run in runs:
                    accept(run, main_baseline)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=accepting)
    thread.start()
    try:
        while len(seen) < 2:
            try:
                stored = find_run("main", tmp_path / "results")
                assert len(stored.queries()) == 4
                seen.add(stored.about["run_id"])
            except UserError as error:
                told.add(error.problem)
    finally:
        is_over.set()
        thread.join()
    assert errors == []
    assert seen == {"one", "other"}
    assert told <= {f"{main_baseline} was accepted anew while it was read."}
    assert sorted(path.name for path in main_baseline.parent.iterdir()) == ["main"]


def test_what_was_read_of_two_is_refused(runs: list[Path], main_baseline: Path) -> None:
    accept(runs[0], main_baseline)
    stored = read_run(main_baseline)
    assert len(stored.queries()) == 4
    accept(runs[1], main_baseline)
    with pytest.raises(UserError, match="was accepted anew while it was read"):
        stored.queries()


def test_wherever_accepting_is_killed_a_whole_baseline_is_there(runs: list[Path], main_baseline: Path) -> None:
    accept(runs[0], main_baseline)
    step, kept = 1, set()
    while is_killed_at(step, lambda: accept(runs[1], main_baseline), SOURCES):
        kept.add(its_run(read_run(main_baseline)))
        if its_run(read_run(main_baseline)) == "other":
            accept(runs[0], main_baseline)
        step += 4
    assert kept == {"one", "other"}
    accept(runs[1], main_baseline)
    assert sorted(path.name for path in main_baseline.parent.iterdir()) == ["main"]
    assert sorted(path.name for path in main_baseline.iterdir()) == sorted([*KEPT, SUMS])
