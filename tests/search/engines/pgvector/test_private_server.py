"""The private server: gone with its process, or by the next process after a kill."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from evalkit.errors import UserError
from evalkit.search import Vectors, build, plan
from evalkit.search.engine import Payload
from evalkit.search.engines.pgvector import private_server
from tests.fuzz.rule import no_hang
from tests.search.engines.contract import ASKED, DIMS, DOCUMENTS, IDS, MATRIX, PLACE, QUANTIZATIONS, best_by_numpy
from tests.search.engines.pgvector.conftest import at_server

FLOAT32 = QUANTIZATIONS["float32"]
FILLING = """
import sys, numpy as np
from evalkit.config.compose import compose
from evalkit.search import Vectors, build
from evalkit.search.engines.pgvector.private_server import OF_PROCESS, postmaster
config = compose("run", ["index=pgvector_exact"])
searcher = build(Vectors(np.eye(8, dtype=np.float32), 8), np.arange(8), config.quantization["float32"],
                 config.index["pgvector_exact"])
(running,) = OF_PROCESS.values()
print(running.folder, postmaster(running.folder).pid, flush=True)
sys.stdin.readline()
"""


def filling() -> tuple[subprocess.Popen, Path, int]:
    """A process with a filled table in its server, the server's folder and number."""
    process = subprocess.Popen(
        [sys.executable, "-c", FILLING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    folder, number = process.stdout.readline().split()
    return process, Path(folder), int(number)


def test_it_goes_with_its_process() -> None:
    process, folder, number = filling()
    assert folder.is_dir()
    process.communicate("\n", timeout=300)
    assert process.returncode == 0
    assert not folder.exists()
    assert not psutil.pid_exists(number)


def test_what_a_kill_leaves_is_stopped_and_removed_by_the_next() -> None:
    process, folder, number = filling()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert folder.is_dir()
    assert psutil.pid_exists(number)
    with private_server.private_server():
        assert not folder.exists()
        assert not psutil.pid_exists(number)


def test_a_server_that_dies_is_one_line_and_the_next_index_has_a_new_one() -> None:
    config = at_server("pgvector_exact", url_variable=None)
    with build(Vectors(MATRIX, DIMS), PLACE, FLOAT32, config, payload=Payload(IDS)) as searcher:
        searcher.find(ASKED[:1], 10)
        private_server.stop(private_server.OF_PROCESS[os.getpid()].folder)
        with pytest.raises(UserError, match="the private PostgreSQL, searching: "):
            searcher.find(ASKED[:1], 10)
    with build(Vectors(MATRIX, DIMS), PLACE, FLOAT32, config, payload=Payload(IDS)) as searcher:
        assert searcher.rank(ASKED, 10).rows.tolist() == best_by_numpy(10).tolist()


def test_nothing_of_it_can_be_kept() -> None:
    with pytest.raises(UserError, match="keep=true keeps nothing"):
        plan(DIMS, DOCUMENTS, FLOAT32, at_server("pgvector_exact", url_variable=None, keep=True))


STARTING = """
import sys
from evalkit.commands.door import exit_code
from evalkit.commands.interrupts import leave
from evalkit.search.engines.pgvector import private_server
def start():
    print("starting", flush=True)
    private_server.private_address()
    print("started", flush=True)
    sys.stdin.readline()
    return 0
leave(exit_code(start, []))
"""


def starting(folder: Path, **settings: Any) -> subprocess.Popen:
    """A process that starts its server in ``folder`` and then waits for a line."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTING],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
        **settings,
    )


def processes_in(folder: Path) -> list[psutil.Process]:
    return [each for each in psutil.process_iter(["cmdline"]) if str(folder) in " ".join(each.info["cmdline"] or ())]


def wait_for(happens: Callable[[], object]) -> None:
    while not happens():
        time.sleep(0.01)


MOMENTS: dict[str, Callable[[subprocess.Popen, Path], None]] = {
    "making": lambda process, folder: wait_for(lambda: processes_in(folder)),
    "starting": lambda process, folder: wait_for(lambda: list(folder.glob("*/data/log"))),
    "started": lambda process, folder: wait_for(lambda: process.stdout.readline() == "started\n"),
}


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder with a short path that any user can write into."""
    folder = Path(tempfile.mkdtemp(prefix="ek", dir="/tmp"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("moment", "number", "code"),
    [(moment, signal.SIGTERM, 143) for moment in MOMENTS] + [("starting", signal.SIGINT, 130)],
)
def test_an_interrupted_process_leaves_no_server(moment: str, number: int, code: int, temporary: Path) -> None:
    with no_hang(120), starting(temporary) as process:
        MOMENTS[moment](process, temporary)
        process.send_signal(number)
        _, said = process.communicate()
    assert (process.returncode, said.count("\n")) == (code, 1), said
    assert list(temporary.iterdir()) == []
    assert processes_in(temporary) == []


@pytest.mark.parametrize("moment", ["making", "starting"])
def test_what_is_killed_while_it_starts_goes_with_the_next(
    moment: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_hang(120), starting(temporary) as process:
        MOMENTS[moment](process, temporary)
        process.kill()
    (left,) = temporary.iterdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with private_server.private_server() as (folder, address):
        assert not left.exists()
        assert {str(folder) in " ".join(each.cmdline()) for each in processes_in(temporary)} == {True}
        with psycopg.connect(address) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
    assert list(temporary.iterdir()) == []
    assert processes_in(temporary) == []


def test_two_processes_have_a_server_each(temporary: Path) -> None:
    with no_hang(240), starting(temporary) as one, starting(temporary) as other:
        for process in (one, other):
            MOMENTS["started"](process, temporary)
        assert len(list(temporary.glob("*/data/postmaster.pid"))) == 2
        for process in (one, other):
            process.communicate("\n")
    assert (one.returncode, other.returncode) == (0, 0)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("x" * 90, "the path is too long.\n.* at most 58 characters"), ("a b", "no such path.\n.* without spaces")],
)
def test_a_folder_that_can_not_have_a_socket_is_told_before_anything_is_encoded(
    name: str, said: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = temporary / name
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with pytest.raises(UserError, match=f"can't have its socket in .*{said}"):
        plan(DIMS, DOCUMENTS, FLOAT32, at_server("pgvector_exact", url_variable=None))
    assert list(folder.iterdir()) == []


def test_the_longest_folder_that_is_allowed_has_a_server(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = temporary / ("x" * (58 - len(f"{temporary}/")))
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with private_server.private_server() as (own, _):
        assert (own / "data" / private_server.SOCKET).is_socket()
    assert list(folder.iterdir()) == []


def test_what_postgresql_says_of_a_failed_start_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine").touch()
    with pytest.raises(UserError, match=r"can't be started: initdb: error: directory .* exists but is not empty"):
        private_server.started(tmp_path)


def test_a_program_that_says_nothing_is_told_with_the_room_there_is(tmp_path: Path) -> None:
    silent = subprocess.CalledProcessError(1, ["/bin/initdb", "-D"])
    (tmp_path / "own").mkdir()
    reason = private_server.reason_of(silent, tmp_path / "own")
    assert re.fullmatch(rf"initdb fails, and [\d,]+ MB are free in {tmp_path}", reason)
