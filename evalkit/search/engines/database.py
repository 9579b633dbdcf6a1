"""What every database's engine does alike: where it is, a client for each thread, and what is removed at the end.

Whatever a run makes in a server has a name that tells which process of which machine it belongs to, so that the next
run finds and removes what a kill left behind. A private server lives in a folder of its own, with the same promise.
"""

import os
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, Generic, TypeVar
from weakref import WeakSet

import numpy as np
import psutil

from evalkit.arrays import FloatMatrix, Floats
from evalkit.config import IndexConfig
from evalkit.errors import UserError, printable, say
from evalkit.measures.ranking import Ranking
from evalkit.system.digests import digest
from evalkit.system.files import begun_folder, close, is_at, lock

PREFIX = "evalkit"
PRIVATE = PREFIX + "-{engine}-{token}"  # a private folder; short, as the path of a socket in it must be
STARTED = ("pgvector", "qdrant", "milvus")  # engines that start a private one where no address is given
CLOCK_DRIFT = 60  # seconds by which a process's start may seem to move while a clock is set
Client = TypeVar("Client")
Hits = tuple[Sequence[int], Sequence[float]]  # rows and scores, best first


class OfThread(threading.local):
    """The ``Clients`` that this thread has one of."""

    def __init__(self) -> None:
        self.clients: WeakSet[Clients[Any]] = WeakSet()


OF_THREAD = OfThread()


class Clients(Generic[Client]):
    """A client for each thread that asks for one, opened by ``connect``; closed by its thread, or with all others."""

    def __init__(self, connect: Callable[[], Client], disconnect: Callable[[Client], None]) -> None:
        self.connect, self.disconnect = connect, disconnect
        self.of_thread = threading.local()
        self.opened: list[Client] = []
        self.adding = threading.Lock()

    def get(self) -> Client:
        """This thread's client."""
        client: Client | None = getattr(self.of_thread, "client", None)
        if client is None:
            client = self.of_thread.client = self.connect()
            with self.adding:
                self.opened.append(client)
            OF_THREAD.clients.add(self)
        return client

    def leave(self) -> None:
        """Close this thread's client, if it has one."""
        client: Client | None = getattr(self.of_thread, "client", None)
        if client is None:
            return
        self.of_thread.client = None
        with self.adding:
            self.opened = [other for other in self.opened if other is not client]
        with suppress(Exception):
            self.disconnect(client)

    def close(self) -> None:
        """Close every client; one that is broken counts as closed."""
        with self.adding:
            opened, self.opened = self.opened, []
        self.of_thread = threading.local()
        for client in opened:
            with suppress(Exception):
                self.disconnect(client)


def close_clients_of_thread() -> None:
    """Close every client that this thread opened, of whatever index: what a thread does that ends before the index."""
    for clients in list(OF_THREAD.clients):
        clients.leave()
    OF_THREAD.clients.clear()


def one_by_one(search: Callable[[Floats], Hits], queries: FloatMatrix, k: int) -> Ranking:
    """What ``search`` finds for each of ``queries``, one call after the other; lists shorter than ``k`` end in -1."""
    rows = np.full((len(queries), k), -1, dtype=np.int64)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for place, query in enumerate(queries):
        found, found_scores = search(query)
        rows[place, : len(found)], scores[place, : len(found)] = found, found_scores
    return Ranking(rows, scores)


def address_of(index: IndexConfig) -> str | None:
    """The server's address, which may hold a password: it goes into no message. Null where a private one is started."""
    return os.environ[index.url_variable] if index.url_variable else index.url


def is_private(index: IndexConfig, held_bytes: int) -> bool:
    """Whether what is filled is this run's alone: in its own process, or a server that it starts and stops itself.

    What has an address is another's, also where it is a folder that this process opens.
    """
    if index.url or index.url_variable:
        return False
    return held_bytes > 0 or (index.engine in STARTED and not index.key_variable)


def wait_until(look: Callable[[], tuple[bool, object]], seconds: float, doing: str, pause: float) -> None:
    """Call ``look`` every ``pause`` seconds until it says so; the second that it gives is how far things are.

    Raises UserError where that stays the same for ``seconds`` (timeout_seconds): ``doing`` says who is doing what.
    """
    before, since = None, time.monotonic()
    while True:
        is_done, state = look()
        if is_done:
            return
        if state != before:
            before, since = state, time.monotonic()
        elif time.monotonic() - since > seconds:
            raise UserError(
                f"{doing}, and nothing has moved for {seconds:g} s ({state}).", "Give it longer: timeout_seconds."
            )
        time.sleep(pause)


def say_kept(what: str, where: str) -> None:
    """Name what ``keep`` leaves behind, on stderr."""
    say(f"evalkit: kept: {what} in {where}")


def own_name() -> str:
    """A new name for what this process makes in a server: at most 63 letters, digits and ``_``; see ``is_orphan``."""
    return f"{PREFIX}_{machine()}_{os.getpid()}_{started(os.getpid())}_{token_hex(4)}"


def name_for(index: IndexConfig) -> str:
    """A new name for what is made for ``index``: its ``own_name``, or one that no run takes for an orphan (keep)."""
    return f"{PREFIX}_kept_{token_hex(8)}" if index.keep else own_name()


def is_orphan(name: str) -> bool:
    """Whether ``name`` is one that ``own_name`` gave to a process of this machine that is gone."""
    parts = name.split("_")
    if len(parts) != 5 or parts[:2] != [PREFIX, machine()] or not (parts[2] + parts[3]).isdigit():
        return False
    return abs(started(int(parts[2])) - int(parts[3])) > CLOCK_DRIFT


def machine() -> str:
    """This machine, as names have it."""
    return digest([socket.gethostname(), str(uuid.getnode())])[:8]


def started(process: int) -> int:
    """When ``process`` was started, in seconds since 1970; 0 where it is gone."""
    with suppress(psutil.Error):
        return int(psutil.Process(process).create_time())
    return 0


@contextmanager
def private_folder(engine: str, stop: Callable[[Path], None] = lambda folder: None) -> Iterator[Path]:
    """A new folder for a private server of ``engine``, locked while it is in use and removed at the end.

    What kills left of others is stopped by ``stop`` and removed first.
    """
    above = Path(tempfile.gettempdir())
    for left in above.glob(PRIVATE.format(engine=engine, token="[0-9a-f]" * 8)):
        with suppress(OSError):
            remove_left(left, stop)
    folder = above / PRIVATE.format(engine=engine, token=token_hex(4))
    try:
        descriptor = begun_folder(folder)
    except OSError as error:
        problem = f"a private {engine} can't have a folder in {printable(str(above))}: {error.strerror}."
        raise UserError(problem, "Set TMPDIR to a folder that can be written and has room.") from None
    try:
        folder.chmod(0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        close(descriptor)


def remove_left(folder: Path, stop: Callable[[Path], None]) -> None:
    """Remove ``folder`` where it is this user's own and no living process has it."""
    if folder.is_symlink() or folder.lstat().st_uid != os.getuid():
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if lock(descriptor) and is_at(descriptor, folder):
            stop(folder)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(descriptor)
