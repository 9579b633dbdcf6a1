"""Ctrl-C, and the signals by which CI and terminals end a process: a command is interrupted once, and keeps results.

The first of them is raised as Interrupt; later ones change nothing, so that none breaks what keeps the finished points.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from evalkit.system.endings import end

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
INTERRUPTED = [128 + number for number in SIGNALS]


class Interrupt(KeyboardInterrupt):
    """``exit_code`` is 128 and the signal's number, as in a shell: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""

    exit_code = 128 + signal.SIGINT

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__()
        self.exit_code = 128 + number
        self.by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"


class Interrupts:
    """What this process was sent since its command began."""

    def __init__(self) -> None:
        self.first: Interrupt | None = None
        self.is_deferred = False

    def receive(self, number: int, frame: Any) -> None:
        if self.first is None:
            self.first = Interrupt(number)
            if not self.is_deferred:
                raise self.first

    def check(self) -> None:
        """Raise what came while it was deferred, or what a library has swallowed."""
        if self.first is not None and not self.is_deferred:
            raise self.first

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Within, nothing is raised: ``check`` does it afterwards."""
        self.is_deferred = True
        try:
            yield
        finally:
            self.is_deferred = False

    def behind(self, error: BaseException) -> Interrupt | None:
        """The interrupt that led to ``error``, also where a library made another error of it; null for none."""
        if self.first is not None:
            return self.first
        return Interrupt() if isinstance(error, KeyboardInterrupt) else None


interrupts = Interrupts()


@contextmanager
def received() -> Iterator[None]:
    """Within, SIGNALS go to ``interrupts``, but for those that are ignored, as under nohup, and in other threads."""
    handlers = {} if threading.current_thread() is not threading.main_thread() else before()
    try:
        for number in handlers:
            signal.signal(number, interrupts.receive)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if handlers:
            interrupts.first = None


def before() -> dict[int, Any]:
    """The handlers of the signals that are to be received; none within a command of a command, as a run of a sweep."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    if interrupts.receive in handlers.values():
        return {}
    return {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}


def leave(code: int) -> NoReturn:
    """End this process now: requests that other threads still wait for are not waited for.

    What it has started itself is stopped first, which nothing interrupts.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    end()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)
