"""A call that is waited for so long and no longer, whatever it waits for: a name, a handshake, headers in drops."""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


class DeadlineError(TimeoutError):
    """A whole request took longer than it may."""


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """What ``call`` gives or raises. Raises DeadlineError where it takes longer; its thread then ends unheard."""
    ended: SimpleQueue[tuple[Result | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            ended.put((call(), None))
        except BaseException as error:
            ended.put((None, error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result, error = ended.get(timeout=seconds)
    except Empty:
        raise DeadlineError(f"no whole answer came in {seconds:g} seconds") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]
