"""What databases share: a client for each thread, which is closed by its thread or with all others."""

import fcntl
import gc
import os
import subprocess
import sys
import threading
import weakref
from itertools import count
from pathlib import Path

import pytest

from evalkit.config import IndexConfig
from evalkit.errors import UserError
from evalkit.search.engines.database import (
    Clients,
    close_clients_of_thread,
    is_orphan,
    is_private,
    name_for,
    private_folder,
    wait_until,
)


class Connections:
    """Counts what is opened and closed."""

    def __init__(self) -> None:
        self.opened: list[object] = []
        self.closed: list[object] = []

    def connect(self) -> object:
        self.opened.append(object())
        return self.opened[-1]

    def clients(self) -> Clients[object]:
        return Clients(self.connect, self.closed.append)


def in_thread(work: object) -> None:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    thread.join()


def test_a_thread_has_one_client_and_closes_its_own_alone() -> None:
    server = Connections()
    clients = server.clients()
    own = clients.get()

    def client_at_once() -> None:
        assert clients.get() is clients.get()
        close_clients_of_thread()

    in_thread(client_at_once)
    assert len(server.opened) == 2
    assert server.closed == [server.opened[1]]
    assert clients.get() is own
    clients.close()
    assert server.closed == [server.opened[1], own]


def test_who_comes_back_after_leaving_has_a_new_client() -> None:
    server = Connections()
    clients = server.clients()
    first = clients.get()
    close_clients_of_thread()
    close_clients_of_thread()
    assert clients.get() is not first
    clients.close()
    assert server.closed == server.opened


def test_a_broken_client_counts_as_closed() -> None:
    def disconnect(client: object) -> None:
        raise OSError("the server is gone")

    clients = Clients(object, disconnect)
    clients.get()
    close_clients_of_thread()
    assert clients.opened == []


def test_what_is_kept_is_no_orphan_when_its_process_is_gone() -> None:
    naming = (
        "from evalkit.config import IndexConfig; from evalkit.search.engines.database import name_for; "
        "print(*(name_for(IndexConfig(engine='qdrant', keep=keep)) for keep in (False, True)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", naming], stdout=subprocess.PIPE, text=True, check=True, timeout=300
    ).stdout
    assert [is_orphan(name) for name in said.split()] == [True, False]
    assert name_for(IndexConfig(engine="qdrant", keep=True)) != name_for(IndexConfig(engine="qdrant", keep=True))


@pytest.mark.parametrize("is_left", [True, False])
def test_a_thread_holds_no_index_that_is_gone(is_left: bool) -> None:
    clients = Connections().clients()
    clients.get()
    if is_left:
        close_clients_of_thread()
    gone = weakref.ref(clients)
    del clients
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("index", "held_bytes", "expected"),
    [
        (IndexConfig(engine="pgvector"), 0, True),
        (IndexConfig(engine="qdrant"), 5_000, True),
        (IndexConfig(engine="qdrant", url="http://127.0.0.1:6333"), 0, False),
        (IndexConfig(engine="milvus", url_variable="MILVUS"), 0, False),
        (IndexConfig(engine="milvus", url="./mine.db"), 5_000, False),
        (IndexConfig(engine="pinecone"), 0, False),
        (IndexConfig(engine="weaviate", key_variable="WEAVIATE_API_KEY"), 0, False),
        (IndexConfig(engine="mine:InMemory"), 5_000, True),
        (IndexConfig(engine="mine:Server"), 0, False),
    ],
)
def test_private_is_what_a_run_starts_itself(index: IndexConfig, held_bytes: int, expected: bool) -> None:
    assert is_private(index, held_bytes) is expected


def test_what_moves_is_waited_for_and_what_stands_still_is_told() -> None:
    steps = count()
    wait_until(lambda: ((step := next(steps)) == 20, step), 0, "a server is counting", 0)
    assert next(steps) == 21
    with pytest.raises(UserError, match=r"^a server is counting, and nothing has moved for 0 s \(3 of 4\)\.\n"):
        wait_until(lambda: (False, "3 of 4"), 0, "a server is counting", 0)


def test_what_kills_left_goes_with_the_next_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names = [
        "evalkit-milvus-0a1b2c3d",
        "evalkit-milvus-notes",
        "evalkit-milvus-0a1b2c3d-mine",
        "evalkit-qdrant-0a1b2c3d",
    ]
    for name in [*names, "evalkit-milvus-11111111"]:
        (tmp_path / name).mkdir()
    in_use = os.open(tmp_path / "evalkit-milvus-11111111", os.O_RDONLY)
    fcntl.flock(in_use, fcntl.LOCK_EX)
    stopped: list[str] = []
    with private_folder("milvus", lambda folder: stopped.append(folder.name)) as folder:
        assert folder.parent == tmp_path
    os.close(in_use)
    assert stopped == names[:1]
    assert {left.name for left in tmp_path.iterdir()} == {*names[1:], "evalkit-milvus-11111111"}


def test_a_place_where_no_folder_can_be_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.raises(
        UserError, match=r"a private qdrant can't have a folder in .*/file: Not a directory\.\n.*TMPDIR"
    ):
        private_folder("qdrant").__enter__()
