"""The one rule of what is timed, for every kind of model: what a server would do with the texts, and nothing else.

A server reads a text once and computes its vector. Loading, counting tokens for the record, making a library's own
containers, waiting for a pace and trying again are not its work, so an encoder starts the clock around its work alone.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """``seconds`` adds up the blocks that ended well; what failed and is done again counts once."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started


def covered_seconds(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds within at least one of ``spans`` (began, ended), which may overlap: time when nothing ran is left out."""
    covered, reached = 0.0, float("-inf")
    for began, ended in sorted(spans):
        covered += max(0.0, ended - max(began, reached))
        reached = max(reached, ended)
    return covered
