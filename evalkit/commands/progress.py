"""Progress bars with speed and time left: on a terminal only, and only for what takes over a second."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from evalkit.commands.interrupts import interrupts
from evalkit.encoders import Advance
from evalkit.errors import printable

PATIENCE_S = 1.0


class Speed(ProgressColumn):
    """Texts or points per second, as rich estimates it."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


class ProgressBars:
    """A context manager; called with a name and a total, it gives what a pass tells its progress to."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            Speed(),
            TimeRemainingColumn(),
        )
        self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self.quiet = not sys.stderr.isatty()

    def __enter__(self) -> "ProgressBars":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.progress.live.is_started:
            self.progress.stop()

    def __call__(self, what: str, total: int) -> Advance:
        task = self.progress.add_task(printable(what), total=total)
        started = time.monotonic()

        def advance(n: int) -> None:
            interrupts.check()
            self.progress.advance(task, n)
            if not self.quiet and not self.progress.live.is_started and time.monotonic() - started > PATIENCE_S:
                self.progress.start()

        return advance
