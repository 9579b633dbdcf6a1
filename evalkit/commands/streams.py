"""Standard output and standard error that break no command: whatever they lead to, and whatever they can't encode."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EPIPE
from pathlib import Path
from typing import Any, TextIO

from evalkit.errors import printable
from evalkit.formats.media import one_line

STDOUT, STDERR = 1, 2


class Outlet(io.FileIO):
    """Bytes to the descriptor of a standard stream; silent after the first that could not be written.

    A reader that went away is no error: what was done stays done, and so does its exit code (``… | head -1``). Of
    anything else standard output raises OSError, once. There is nobody to tell of standard error.
    """

    is_lost = False

    def write(self, data: Any, /) -> int:
        if not self.is_lost:
            try:
                return super().write(data)
            except OSError as error:
                self.is_lost = True
                if error.errno != EPIPE and self.fileno() == STDOUT:
                    error.filename = "standard output"
                    raise
        return memoryview(data).nbytes


def take_streams() -> None:
    """Make this process's stdout and stderr those of this module, in the encoding that they had."""
    open_closed_descriptors()
    sys.stdout, sys.stderr = outlet(sys.stdout, STDOUT), outlet(sys.stderr, STDERR)


def open_closed_descriptors() -> None:
    """Let standard streams that were closed lead nowhere: else a file of results would take their place."""
    for descriptor in (0, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free


def outlet(stream: TextIO | None, descriptor: int) -> TextIO:
    """A text stream on ``descriptor``; ``stream`` is what Python opened there, null where it was closed."""
    raw = io.BufferedWriter(Outlet(descriptor, "w", closefd=False))
    encoding = stream.encoding if stream else "utf-8"
    return io.TextIOWrapper(raw, encoding, errors="backslashreplace", line_buffering=True)


@contextmanager
def meanwhile(line: str) -> Iterator[None]:
    """``line`` on stderr until this ends or ``wipe`` is called, where that is a terminal; nothing elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"{printable(line)}\r")
        sys.stderr.flush()
    try:
        yield
    finally:
        wipe()


def wipe() -> None:
    """Take what ``meanwhile`` says from the line that the cursor is in."""
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[K")
        sys.stderr.flush()


def name_path(path: Path) -> None:
    """The last line of stdout, for scripts: ``path`` as it is, but for what would not stay on one line."""
    sys.stdout.write(one_line(str(path)) + "\n")
