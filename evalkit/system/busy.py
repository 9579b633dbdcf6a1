"""Was the machine busy with something else while it was timed? Then figures of speed, and of money, say little.

``waited`` is the time that this process's threads were ready and no core took them, to the time that passed (Linux's
``schedstat``); ``steal`` the share of the machine's time that its host gave to others (``/proc/stat``); ``load_1m`` how
many threads of the whole machine were running or waiting over the last minute. What the system doesn't tell is null.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

THREADS = Path("/proc/self/task")
MACHINE = Path("/proc/stat")
STEAL = 7  # the place of stolen ticks among those of /proc/stat (proc_stat(5)), from 0; guests' are among the first two
MOST_WAITED = 0.2  # of the time: beyond, every fifth moment a thread waited for a core
MOST_STEAL = 0.05
LEAST_WAITED = 0.1  # seconds: less may be chance, and is no matter of what takes long
AGAIN_WITHIN = 2.0  # seconds: what takes longer is not measured twice

T = TypeVar("T")
Figures = Mapping[str, float | None]


class MachineLoad:
    """A context manager; ``figures`` then say what else the machine did meanwhile."""

    def __enter__(self) -> "MachineLoad":
        self.began = time.perf_counter(), waited_ns(), ticks()
        return self

    def __exit__(self, *of_error: object) -> None:
        seconds = time.perf_counter() - self.began[0]
        self.figures: Figures = {
            "seconds": seconds,
            "load_1m": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
            "steal": stolen_share(self.began[2], ticks()),
            "waited": share_waited(self.began[1], waited_ns(), seconds),
        }


def waited_ns() -> dict[str, int]:
    """Per thread of this process, the nanoseconds that it was ready to run and did not; empty where nothing tells."""
    waited = {}
    with suppress(OSError):
        for thread in THREADS.iterdir():
            with suppress(OSError, ValueError, IndexError):  # one that ended meanwhile
                waited[thread.name] = int((thread / "schedstat").read_text(encoding="ascii").split()[1])
    return waited


def share_waited(before: Mapping[str, int], after: Mapping[str, int], seconds: float) -> float | None:
    """The wait of the thread that waited most, to the ``seconds`` that passed."""
    waits = [nanoseconds - before.get(thread, 0) for thread, nanoseconds in after.items()]
    return max(waits) / 1e9 / max(seconds, 1e-9) if waits else None


def ticks() -> list[int]:
    """What /proc/stat says of all cores together; empty where there is none."""
    with suppress(OSError, ValueError):
        first, _, _ = MACHINE.read_text(encoding="ascii").partition("\n")
        return [int(count) for count in first.split()[1:]]
    return []


def stolen_share(before: list[int], after: list[int]) -> float | None:
    passed = [now - then for then, now in zip(before, after, strict=False)]
    total = sum(passed[: STEAL + 1])
    return passed[STEAL] / total if len(passed) > STEAL and total > 0 else None


def busy_words(load: Mapping[str, Any]) -> str:
    """Why what was timed under ``load`` (``MachineLoad.figures``) says little; empty where it does."""
    waited, steal, seconds = load.get("waited") or 0.0, load.get("steal") or 0.0, load.get("seconds") or 0.0
    if waited > MOST_WAITED and waited * seconds > LEAST_WAITED:
        return f"it waited for a core {100 * waited:.0f}% of the time"
    return f"its host took {100 * steal:.0f}% of its time" if steal > MOST_STEAL else ""


def least_disturbed(measure: Callable[[], T], within: float = AGAIN_WITHIN) -> tuple[T, Figures]:
    """What ``measure`` gives, and what else the machine did meanwhile; where it was busy, the quieter one of two tries.

    What took longer than ``within`` seconds is not measured again.
    """
    tries: list[tuple[T, Figures]] = []
    while len(tries) < 2:
        with MachineLoad() as load:
            result = measure()
        tries.append((result, load.figures))
        if not busy_words(load.figures) or (load.figures["seconds"] or 0.0) > within:
            break
    return min(tries, key=lambda each: disturbance(each[1]))


def disturbance(load: Figures) -> float:
    return max(load.get("waited") or 0.0, load.get("steal") or 0.0)


def worst(loads: Iterable[Figures]) -> Figures:
    """The load of the most disturbed of several timings, one that is known to be busy first; empty without any."""
    return max(loads, key=lambda load: (bool(busy_words(load)), disturbance(load)), default={})
