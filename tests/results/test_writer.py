"""Results are whole or not there, wherever the process that writes them is killed; the next one removes the rest."""

import shutil
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from evalkit.results import writer
from evalkit.results.reader import read_run, stored_runs
from evalkit.results.writer import RunWriter, remove_unfinished
from evalkit.system import files
from tests.commands.test_interrupts import corpus_record, point_record
from tests.killed import is_killed_at

ABOUT = {
    "finished": True,
    "config": {"measures": ["nDCG@10"]},
    "environment": {"packages": {}, "cpu": {"logical_cores": 2}, "ram_bytes": 1, "gpu": [], "threads": {}},
}
TABLES = ("points", "queries", "rankings", "latencies")


def write(results_dir: Path, run_id: str) -> None:
    with RunWriter(results_dir, run_id, save_rankings=True) as run:
        run.add(corpus_record())
        for number in range(2):
            run.add(point_record(number))
        run.finish(ABOUT)


def test_a_run_that_is_killed_at_any_step_is_whole_or_not_there(tmp_path: Path) -> None:
    def is_killed(step: int) -> bool:
        was_killed = is_killed_at(step, lambda: write(tmp_path, "20260131T120000.123Z-m-1f2e3d"), {writer.__file__})
        runs = stored_runs(tmp_path)
        for folder in runs:
            assert len(read_run(folder).points()) == 2
            assert all(len(pq.read_table(folder / f"{table}.parquet")) for table in TABLES)
            shutil.rmtree(folder)
        left = list(tmp_path.iterdir())
        assert len(left) <= 1  # the next run removed what the one before had left
        if was_killed:
            ended.add((bool(runs), bool(left)))
        return was_killed

    stride = 13
    ended: set[tuple[bool, bool]] = set()  # whether the run was there, and whether anything else
    step = next(step for step in count(1, stride) if not is_killed(step))
    for each in range(step - stride, step):  # the last lines one by one
        is_killed(each)
    assert {(False, True), (True, False)} <= ended


def test_what_killed_runs_left_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    with RunWriter(tmp_path, "20260131T120000.123Z-m-1f2e3d", save_rankings=True) as run:
        killed = tmp_path / ".20260131T120000.123Z-other-1f2e3d.partial"
        killed.mkdir()
        (tmp_path / ".mine.partial").mkdir()
        remove_unfinished(tmp_path)
        assert run.partial.is_dir()
        assert not killed.exists()
        assert (tmp_path / ".mine.partial").is_dir()


def test_the_rows_of_files_are_on_the_disk_before_a_run_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    sync_one = files.sync_one

    def noted(path: Path) -> None:
        synced.append(path.name)
        sync_one(path)

    monkeypatch.setattr(files, "sync_one", noted)
    write(tmp_path, "run")
    assert {"run.json", *(f"{table}.parquet" for table in TABLES)} <= set(synced)
    assert synced[-1] == ".run.partial"
