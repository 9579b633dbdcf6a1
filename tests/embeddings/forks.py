"""Something done in a fork of this process, which may be killed or run out of disk meanwhile."""

import multiprocessing
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS = 60
OF_FILES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.utime")


def forked(what: Callable[[], Any]) -> multiprocessing.process.BaseProcess:
    """A started process that does ``what`` and ends with 0, or with 1 where that raises."""

    def child() -> None:
        try:
            what()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    return process


def ended(process: multiprocessing.process.BaseProcess) -> int:
    """Its exit code, negative for a signal."""
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError
    return process.exitcode


def killed_at(operation: int, folder: Path, what: Callable[[], Any]) -> bool:
    """Whether ``what`` was killed just before that operation (0, 1, …) on a file below ``folder``; else it was done."""

    def die(event: str, arguments: tuple[Any, ...]) -> None:
        if event in OF_FILES and str(arguments[0]).startswith(str(folder)):
            counted.append(event)
            if len(counted) > operation:
                os.kill(os.getpid(), signal.SIGKILL)

    def until_killed() -> None:
        sys.addaudithook(die)
        what()

    counted: list[str] = []
    code = ended(forked(until_killed))
    assert code in (0, -signal.SIGKILL)
    return code != 0


def on_full_disk(file_bytes: int, what: Callable[[], Any]) -> bool:
    """Whether ``what`` ended with an error because no file may be larger than ``file_bytes``; else it was done."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
        try:
            what()
        except OSError as error:
            os._exit(3 if error.filename else 4)

    code = ended(forked(limited))
    assert code in (0, 3)
    return code == 3


@contextmanager
def at_work(what: Callable[[Callable[[], None]], Any]) -> Iterator[None]:
    """Meanwhile a fork is within ``what``, which is given a function to call where it waits; it ends well."""
    ready, go = (multiprocessing.get_context("fork").Event() for _ in range(2))

    def wait() -> None:
        ready.set()
        go.wait(SECONDS)

    process = forked(lambda: what(wait))
    assert ready.wait(SECONDS)
    try:
        yield
    finally:
        go.set()
    assert ended(process) == 0
