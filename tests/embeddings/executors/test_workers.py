"""Processes and Ray's actors: the same vectors as here, whoever is killed meanwhile, and no error is lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from evalkit.config import ExecutorConfig
from evalkit.corpora.images import Image
from evalkit.embeddings import EmbeddingStore, embed
from evalkit.embeddings.executors import Executor, load_executor
from evalkit.embeddings.executors.dispatch import MOST_LOST
from evalkit.embeddings.executors.local import Local
from evalkit.embeddings.executors.processes import Processes, WorkerProcesses, default_workers
from evalkit.embeddings.executors.recipe import Recipe
from evalkit.embeddings.shards import EncodedShard
from evalkit.errors import UserError
from tests.conftest import ROOT
from tests.embeddings.executors.logged import (
    CRASHING,
    FAULTY,
    REFUSED,
    SHARD_TEXTS,
    LoggedEncoder,
    logged,
    processes_of,
    shards_of,
    some_texts,
    times_encoded,
)
from tests.embeddings.test_passes import CountingEncoder, make_corpus

SECONDS = 300
KINDS = ["processes", "ray"]


@pytest.fixture(scope="module", params=KINDS)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    if request.param == "ray":
        pytest.importorskip("ray")
    made = load_executor(ExecutorConfig(request.param, workers=2))
    yield made
    made.close()


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes(ExecutorConfig("processes", workers=2))
    yield made
    made.close()


def vectors(shards: list[EncodedShard]) -> list[bytes]:
    return [shard.encoded.vectors.tobytes() for shard in sorted(shards, key=lambda shard: shard.index)]


def process_of(shard: EncodedShard) -> int:
    return int(shard.worker.rpartition(":")[2])


def until(is_so: Callable[[], bool]) -> bool:
    """Whether it is so within SECONDS."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return False


def is_running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_workers_give_what_this_process_gives_and_go_on_where_one_is_killed(executor: Executor, tmp_path: Path) -> None:
    """The first to answer is killed at its next shard, which another worker encodes again: that one, and no other."""
    log, texts = tmp_path / "log", some_texts(10 * SHARD_TEXTS)
    told: list[int] = []
    here = list(Local().run(logged(tmp_path / "here"), shards_of(texts)))
    shards: list[EncodedShard] = []
    killed = 0
    for shard in executor.run(logged(log, 0.3), shards_of(texts), told.append):
        if not shards:
            killed = process_of(shard)
            os.kill(killed, signal.SIGKILL)
        shards.append(shard)
    assert vectors(shards) == vectors(here)
    assert sum(told) == len(texts)
    assert len({shard.worker for shard in shards}) >= 2
    times = times_encoded(log)
    assert set(times) == set(texts.texts)
    assert sum(times.values()) <= len(texts) + SHARD_TEXTS


def test_a_pass_after_a_pass_has_the_same_workers(executor: Executor, tmp_path: Path) -> None:
    log = tmp_path / "log"
    for texts in (some_texts(), some_texts(9)):
        assert len(list(executor.run(logged(log), shards_of(texts)))) == len(shards_of(texts))
    assert len(processes_of(log)) <= 2
    executor.close()
    assert until(lambda: not any(map(is_running, processes_of(log))))


def test_a_text_that_a_worker_refuses_is_told_as_here(executor: Executor, tmp_path: Path) -> None:
    with pytest.raises(UserError) as here:
        list(Local().run(logged(tmp_path / "here"), shards_of(some_texts(last=REFUSED))))
    with pytest.raises(UserError) as there:
        list(executor.run(logged(tmp_path / "there"), shards_of(some_texts(last=REFUSED))))
    assert (there.value.problem, there.value.hint) == (here.value.problem, here.value.hint)


def test_a_defect_in_a_worker_comes_with_its_traceback(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="UnpicklableError: this and that") as told:
        list(processes.run(logged(tmp_path / "log"), shards_of(some_texts(last=FAULTY))))
    assert "in encode\n    raise UnpicklableError" in str(told.value.__cause__)


def test_a_text_at_which_every_worker_ends_stops_the_pass(
    processes: Processes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    with pytest.raises(UserError, match=rf"{MOST_LOST} workers ended at .* texts 'd24' to 'd25' \(exit code 9\)"):
        list(processes.run(logged(log), shards_of(some_texts(last=CRASHING))))
    assert times_encoded(log)[CRASHING] == MOST_LOST
    assert capsys.readouterr().err.count("a worker ended (exit code 9); what it was at is encoded again") == 2


def test_workers_that_never_start_end_the_pass(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(UserError, match="executor=processes: every worker ended, the last one exit code 1"):
        list(processes.run(logged(tmp_path / "log"), shards_of(some_texts())))


def test_a_worker_that_stands_still_keeps_nobody_waiting(processes: Processes, tmp_path: Path) -> None:
    """Stopped by SIGSTOP at its shard, which the other one is given as well, at the end."""
    log, texts, stopped = tmp_path / "log", some_texts(), 0
    shards: list[EncodedShard] = []
    for shard in processes.run(logged(log, 0.2), shards_of(texts)):
        shards.append(shard)
        if not stopped:
            stopped = process_of(shard)
            os.kill(stopped, signal.SIGSTOP)
    assert vectors(shards) == vectors(list(Local().run(logged(tmp_path / "here"), shards_of(texts))))
    assert sum(times_encoded(log).values()) <= len(texts) + SHARD_TEXTS


def test_closing_in_the_middle_ends_all_workers(processes: Processes, tmp_path: Path) -> None:
    log = tmp_path / "log"
    next(processes.run(logged(log, 0.1), shards_of(some_texts())))
    assert any(map(is_running, processes_of(log)))
    processes.close()
    assert not any(map(is_running, processes_of(log)))


DRIVER = """
import sys
from pathlib import Path
from evalkit.config import ExecutorConfig
from evalkit.embeddings.executors import load_executor
from tests.embeddings.executors.logged import logged, shards_of, some_texts
executor = load_executor(ExecutorConfig(sys.argv[1], workers=2))
list(executor.run(logged(Path(sys.argv[2]), 3600), shards_of(some_texts())))
"""


@pytest.mark.parametrize(
    ("kind", "number"), [("processes", signal.SIGKILL), ("processes", signal.SIGTERM), ("ray", signal.SIGKILL)]
)
def test_no_worker_outlives_a_run_that_is_killed(kind: str, number: int, tmp_path: Path) -> None:
    """A program without a main guard, too: workers never import it."""
    if kind == "ray":
        pytest.importorskip("ray")
    log, program = tmp_path / "log", tmp_path / "program.py"
    program.write_text(DRIVER)
    run = subprocess.Popen(
        [sys.executable, str(program), kind, str(log)], env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path
    )
    assert until(lambda: log.exists() and len(processes_of(log)) == 2)
    workers = processes_of(log)
    run.send_signal(number)
    assert run.wait(SECONDS) == -number
    assert until(lambda: not any(map(is_running, workers)))


def test_what_a_pass_took_is_told_of_each_worker_and_of_all(processes: Processes, tmp_path: Path) -> None:
    """Two workers that take 0.2 s for a shard, and have seven."""
    store = EmbeddingStore(str(tmp_path / "store"), SHARD_TEXTS)
    made = embed(store, logged(tmp_path / "log", 0.2), make_corpus(), 0, timing_seconds=0, executor=processes).documents
    took = made.throughput
    assert (took.workers, took.texts, made.timing) == (2, 25, None)
    assert took.busy_seconds >= 7 * 0.2
    assert took.wall_seconds >= 4 * 0.2
    assert took.texts_per_second_per_worker == pytest.approx(25 / took.busy_seconds)
    assert took.texts_per_second_together == pytest.approx(25 / took.wall_seconds)
    again = embed(store, logged(tmp_path / "log"), make_corpus(), 0, timing_seconds=0, executor=processes).documents
    assert (again.cached, again.throughput) == (True, None)


def test_an_encoder_that_only_this_process_can_make_is_refused(processes: Processes) -> None:
    with pytest.raises(UserError, match="counting can't be made again in another process, as executor=processes needs"):
        list(processes.run(CountingEncoder(), shards_of(some_texts())))


def test_threads_are_shared_out_and_never_none(tmp_path: Path) -> None:
    recipe = Recipe.of(logged(tmp_path), "processes")
    assert [recipe.with_threads(threads).threads for threads in (3, 1, 0)] == [3, 1, 1]
    assert [default_workers(threads) for threads in (1, 2, 8, 16, 64)] == [1, 2, 2, 2, 8]
    assert isinstance(recipe.encoder(), LoggedEncoder)


def test_each_worker_sees_one_gpu_and_a_new_one_that_of_the_lost(tmp_path: Path) -> None:
    workers = WorkerProcesses(Recipe.of(logged(tmp_path), "processes"), 3, ["0", "GPU-5ad"])
    workers.running = dict.fromkeys(range(3))
    assert [workers.device(number)["CUDA_VISIBLE_DEVICES"] for number in range(3)] == ["0", "GPU-5ad", "0"]
    del workers.running[1]
    assert workers.device(3) == {"CUDA_VISIBLE_DEVICES": "GPU-5ad"}
    assert WorkerProcesses(workers.recipe, 2, []).device(0) == {}


def test_an_image_reaches_another_process_as_it_is(tmp_path: Path) -> None:
    import pickle

    import PIL.Image

    PIL.Image.new("RGB", (4, 3), (200, 10, 10)).save(tmp_path / "red.png")
    image = Image(tmp_path / "red.png", "here")
    same = pickle.loads(pickle.dumps(image))  # noqa: S301
    assert (same, type(same), same.file) == (image, Image, image.file)
    assert same.pixels().getpixel((0, 0)) == (200, 10, 10)
