"""The one rule of what is timed, for every kind of model: what a server would do with the texts, and nothing else.

A server reads a text once and computes its vector. Loading, counting tokens for the record, making a library's own
containers, waiting for a pace and trying again are not its work, so an encoder starts the clock around its work alone.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """``seconds`` are those within the blocks that ended well; what failed and is done again counts once.

    Blocks may run in several threads at once: a second in which two of them work is one second.
    """

    def __init__(self) -> None:
        self.spans: list[tuple[float, float]] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.spans.append((started, time.perf_counter()))

    @property
    def seconds(self) -> float:
        return covered_seconds(self.spans)


def covered_seconds(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds within at least one of ``spans`` (began, ended), which may overlap: time when nothing ran is left out."""
    covered, reached = 0.0, float("-inf")
    for began, ended in sorted(spans):
        covered += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return covered
