"""How far a download is: a bar on a terminal, else a line every few seconds; on stderr, with size and time left."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from evalkit.errors import printable, say

Advance = Callable[[int], None]
LINE_EVERY_S = 10.0


@contextmanager
def shown_download(what: str, total_bytes: int, have_bytes: int) -> Iterator[Advance]:
    """Gives what to call with every number of bytes that arrived; ``have_bytes`` are there from an earlier try."""
    if sys.stderr.isatty():
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
        times = (TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(*columns, *times, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(printable(what), total=total_bytes, completed=have_bytes)
            yield lambda n: progress.advance(task, n)
        return
    resumed = f", {decimal(have_bytes)} of them here already" if have_bytes else ""
    say(f"evalkit: fetching {what}: {decimal(total_bytes)}{resumed}")
    yield Lines(what, total_bytes, have_bytes)


class Lines:
    """Called with bytes: writes a line when the last one is some seconds old."""

    def __init__(self, what: str, total_bytes: int, have_bytes: int) -> None:
        self.what, self.total, self.have, self.arrived = what, total_bytes, have_bytes, 0
        self.started = self.written = time.monotonic()

    def __call__(self, n: int) -> None:
        self.have += n
        self.arrived += n
        now = time.monotonic()
        if now - self.written < LINE_EVERY_S:
            return
        self.written = now
        speed = max(self.arrived, 1) / (now - self.started)
        left_s = max(0, self.total - self.have) / speed
        far = f"{decimal(self.have)} of {decimal(self.total)}, {decimal(round(speed))}/s, {left_s:.0f} s left"
        say(f"evalkit: {self.what}: {far}")
