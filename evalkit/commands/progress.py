"""How far a run is: bars on a terminal, for what takes over a second; without one a line every half a minute."""

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from evalkit.commands.interrupts import interrupts
from evalkit.encoders import Advance
from evalkit.errors import printable, say
from evalkit.results.in_words import time_left

PATIENCE_S = 1.0
LINE_EVERY_S = 30.0
MANY_A_SECOND_S = 0.1  # each
SINGULAR = {"documents": "document", "queries": "query", "settings": "setting"}  # of a pass's first word


class Pace:
    """How quick ``total`` steps are, from when they are told. What was done before the first of them took no time."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0
        self.began = self.told = time.monotonic()
        self.done_at_begin = 0

    def advance(self, n: int) -> None:
        self.told = time.monotonic()
        if not self.done and self.told - self.began < PATIENCE_S:
            self.began, self.done_at_begin = self.told, n
        self.done += n

    @property
    def seconds_each(self) -> float | None:
        """Seconds per step; null while none was taken."""
        steps = self.done - self.done_at_begin
        return (self.told - self.began) / steps if steps > 0 else None

    @property
    def seconds_left(self) -> float | None:
        return None if self.seconds_each is None else self.seconds_each * (self.total - self.done)


class Counts(ProgressColumn):
    """``700 of 1,400``; nothing where there is nothing to count."""

    def render(self, task: Task) -> Text:
        return Text("" if task.total is None else f"{task.completed:,.0f} of {task.total:,.0f}")


class Speed(ProgressColumn):
    """Steps a second, or how long one takes where that is more."""

    def render(self, task: Task) -> Text:
        pace = task.fields["pace"]
        each = pace and pace.seconds_each
        return Text(printable(speed(each, task.fields["unit"])) if each else "")


class TimeLeft(ProgressColumn):
    def render(self, task: Task) -> Text:
        pace = task.fields["pace"]
        left = pace and pace.seconds_left
        return Text(f"{printable(time_left(left))} left" if left else "")


def speed(seconds_each: float, unit: str) -> str:
    """``350/s``, ``2.5 s/setting`` or ``120 ms/setting``: texts are many a second, settings take their time."""
    if seconds_each < MANY_A_SECOND_S:
        return f"{1 / max(seconds_each, 1e-9):,.0f}/s"
    return f"{seconds_each * 1000:,.0f} ms/{unit}" if seconds_each < 1 else f"{seconds_each:,.1f} s/{unit}"


class ProgressBars:
    """A context manager; called with a name and a total, it gives what a pass tells its progress to.

    ``loading`` is what is said until the first of them: for as long as that takes on a terminal, else once.
    """

    def __init__(self, loading: str = "") -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), Counts(), Speed(), TimeLeft())
        self.progress = Progress(*columns, console=Console(stderr=True), transient=True)
        self.quiet = not sys.stderr.isatty()
        self.loading = loading
        self.latest: TaskID | None = None  # of a pass, or of loading

    def __enter__(self) -> "ProgressBars":
        if self.loading and self.quiet:
            say(f"evalkit: {self.loading}")
        elif self.loading:
            self.latest = self.progress.add_task(printable(self.loading), total=None, pace=None, unit="")
            self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.progress.live.is_started:
            self.progress.stop()

    def __call__(self, what: str, total: int) -> Advance:
        self.hide_if_idle()
        unit = SINGULAR.get(what.partition(" ")[0], "step")
        pace = Pace(total)
        task = self.progress.add_task(printable(what), total=total, pace=pace, unit=unit)
        self.latest = task
        started = said = time.monotonic()

        def advance(n: int) -> None:
            nonlocal said
            interrupts.check()
            pace.advance(n)
            self.progress.update(task, advance=n, visible=True)
            if self.quiet:
                if pace.told - said >= LINE_EVERY_S and pace.done < total:
                    said = pace.told
                    say(f"evalkit: {so_far(what, pace)}")
            elif not self.progress.live.is_started and pace.told - started > PATIENCE_S:
                self.progress.start()

        return advance

    def hide_if_idle(self) -> None:
        """Take what was told last from the screen where no step of it was taken: loading, or what was there already."""
        if self.latest is not None and not self.progress.tasks[self.latest].completed:
            self.progress.update(self.latest, visible=False)


def so_far(what: str, pace: Pace) -> str:
    """``documents of cranfield: 700 of 1,400, 1 min 20 s left``."""
    left = "" if pace.seconds_left is None else f", {time_left(pace.seconds_left)} left"
    return f"{what}: {pace.done:,} of {pace.total:,}{left}"
