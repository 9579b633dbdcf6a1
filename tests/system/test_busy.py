"""What else the machine did while something was timed: read where the system tells, and null where it doesn't."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evalkit.system import busy
from evalkit.system.busy import MachineLoad, busy_words, least_disturbed, stolen_share, worst

THREADS = Path("/proc/self/task")
SPIN = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])})\nwhile True: pass"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity") or not THREADS.exists(), reason="needs Linux's scheduler")
def test_threads_that_share_one_core_wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes and this one on one core: two thirds of the time are others'."""
    monkeypatch.setattr(busy, "THREADS", THREADS)
    cores = os.sched_getaffinity(0)
    others = [subprocess.Popen([sys.executable, "-c", SPIN, str(min(cores))]) for _ in range(2)]
    try:
        os.sched_setaffinity(0, {min(cores)})
        time.sleep(1)  # until they spin
        with MachineLoad() as load:
            until = time.process_time() + 0.3
            while time.process_time() < until:
                pass
    finally:
        os.sched_setaffinity(0, cores)
        for other in others:
            other.kill()
            other.wait()
    assert busy_words(load.figures).startswith("it waited for a core")


@pytest.mark.parametrize(
    ("load", "words"),
    [
        ({"seconds": 1.0, "waited": 0.62, "steal": 0.0}, "it waited for a core 62% of the time"),
        ({"seconds": 1.0, "waited": 0.1, "steal": 0.2}, "its host took 20% of its time"),
        ({"seconds": 1.0, "waited": 0.1, "steal": 0.0}, ""),
        ({"seconds": 0.01, "waited": 0.62, "steal": 0.0}, ""),  # six milliseconds may be chance
        ({"seconds": 1.0, "waited": None, "steal": None}, ""),
        ({}, ""),
    ],
)
def test_what_says_that_the_machine_was_busy(load: dict[str, float | None], words: str) -> None:
    assert busy_words(load) == words


def test_stolen_time_is_a_share_of_all_time_that_passed() -> None:
    before, after = [100, 0, 50, 800, 0, 0, 0, 10, 0, 0], [140, 0, 60, 830, 0, 0, 0, 30, 7, 7]
    assert stolen_share(before, after) == pytest.approx(
        20 / 100
    )  # of 40 + 10 + 30 + 20 ticks; guests' are in the first
    assert stolen_share([], []) is None
    assert stolen_share(before, before) is None


def test_a_system_without_proc_tells_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(busy, "THREADS", tmp_path / "none")
    monkeypatch.setattr(busy, "MACHINE", tmp_path / "none")
    with MachineLoad() as load:
        pass
    assert (load.figures["waited"], load.figures["steal"]) == (None, None)
    assert busy_words(load.figures) == ""


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Nanoseconds that the only thread has waited, at each time that it is asked."""
    told: list[int] = []
    monkeypatch.setattr(busy, "waited_ns", lambda: {"1": told.pop(0)})
    return told


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([0, 0], "first"),  # quiet: not measured again
        ([0, 10**9, 10**9, 10**9], "second"),
        ([0, 10**9, 10**9, 3 * 10**9], "first"),
    ],
)
def test_what_was_disturbed_is_measured_twice_and_the_quieter_one_counts(
    asked: list[int], expected: str, waits: list[int]
) -> None:
    waits += asked
    results = iter(("first", "second"))
    result, _ = least_disturbed(lambda: next(results))
    assert result == expected
    assert waits == []


def test_what_takes_long_is_not_measured_twice(waits: list[int]) -> None:
    waits += [0, 10**9]
    assert least_disturbed(lambda: time.sleep(0.01), within=0.001)[1]["waited"] > 1  # type: ignore[operator]


def test_the_worst_of_several_timings_speaks_for_all() -> None:
    short = {"seconds": 0.01, "waited": 0.9}
    long = {"seconds": 5.0, "waited": 0.4}
    assert worst([short, long, {}]) is long
    assert worst([]) == {}
