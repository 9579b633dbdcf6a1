"""What has to be done when this process ends, also where it ends at once because it was interrupted."""

import atexit
from collections.abc import Callable
from contextlib import suppress

CALLS: list[Callable[[], None]] = []


def at_end(call: Callable[[], None]) -> None:
    """Have ``call`` called when this process ends; called a second time, it must do nothing."""
    if call not in CALLS:
        CALLS.append(call)
        atexit.register(call)


def end() -> None:
    """Do now what was asked for by ``at_end``, the last first; what fails hinders nothing else."""
    for call in reversed(CALLS):
        with suppress(Exception):
            call()
