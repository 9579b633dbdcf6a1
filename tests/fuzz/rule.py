"""What holds of every command, whatever it is given: it is right, or a line says what is not, and it ends with 2."""

import io
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import wraps
from typing import Any, NoReturn

import pytest
from hypothesis import HealthCheck, Phase, settings

from evalkit.__main__ import main

WHOLE = "EVALKIT_FUZZ"  # in the environment: all cases, as ``make fuzz`` sets it
UNTIL = "EVALKIT_FUZZ_UNTIL"  # the second of the clock after which no further case begins
TRIED: Counter[str] = Counter()  # cases by test
MOST_CHARACTERS = 3000  # of what a refusal says


@dataclass(frozen=True)
class Ending:
    """How a command ended."""

    code: int
    out: str
    err: str

    def assert_told(self) -> None:
        """It was done (0), or refused (2) in a line and a hint that move no cursor."""
        assert "Traceback" not in self.out + self.err, self
        assert self.code in (0, 2), self
        if self.code:
            lines = self.err.rstrip("\n").split("\n")
            place = max(i for i, line in enumerate(lines) if line.startswith("evalkit: "))
            assert len(lines) - place <= 2, self
            assert all(line.isprintable() for line in lines[place:]), self
            assert len(self.err) <= MOST_CHARACTERS, self


def ended(arguments: Sequence[str], seconds: float = 60) -> Ending:
    """How ``python -m evalkit <arguments>`` ends, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), no_hang(seconds):
        code = main(list(arguments))
    return Ending(code, out.getvalue(), err.getvalue())


class Hang(BaseException):
    """A case took longer than it may: no error that anything may catch."""


@contextmanager
def no_hang(seconds: float) -> Iterator[None]:
    """Raises Hang in what runs for longer than ``seconds``."""

    def stop(*_: object) -> NoReturn:
        raise Hang(f"still at work after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fuzz(whole: int, sample: int) -> Callable[[Any], Any]:
    """Put above ``@given``: ``whole`` cases by ``make fuzz`` while its minutes last, else the same ``sample``.

    Fixtures are shared by a test's cases: each makes what it spoils anew.
    """
    is_whole = WHOLE in os.environ
    chosen = settings(
        max_examples=whole if is_whole else sample,
        derandomize=not is_whole,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    )

    def decorate(test: Any) -> Any:
        test.hypothesis.inner_test = counted(test.hypothesis.inner_test)
        return chosen(test)

    return decorate


def counted(case: Callable[..., None]) -> Callable[..., None]:
    @wraps(case)
    def run(*args: Any, **kwargs: Any) -> None:
        if time.time() > float(os.environ.get(UNTIL, "inf")):
            pytest.skip("FUZZ_MINUTES are over")
        TRIED[f"{case.__module__}.{case.__name__}"] += 1
        case(*args, **kwargs)

    return run
