"""The private server: gone with its process, or by the next process after a kill."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from evalkit.errors import UserError
from evalkit.search import Vectors, build, plan
from evalkit.search.engine import Payload
from evalkit.search.engines.pgvector import private_server
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
    process.communicate("\n")
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
