"""Errors for the person who reads them: what was wrong, where, what would be right."""

import os
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib.util import find_spec

BAD_INPUT, INTERRUPTED = 2, 130


class UserError(Exception):
    """A mistake that its reader can mend. The front door prints it without a traceback and exits with 2.

    ``problem`` says what is wrong and where; ``hint`` says what would be right.
    """

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem}\n         {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


class StoppedAsAskedError(Exception):
    """A run that was asked to stop here, as a dry run is: the front door prints its message and exits with 0."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """A hint that offers the nearest of ``choices``, or all of them where none is near."""
    known = sorted(set(choices))
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."


def require(package: str, extra: str, what: str) -> None:
    """Raises UserError where ``package`` (the name it is imported by) is not installed: ``what`` needs it.

    ``extra`` is the extra of embedding-evalkit that installs it.
    """
    if not is_installed(package):
        raise UserError(f"{what} needs {package.replace('_', '-')}: pip install 'embedding-evalkit[{extra}]'")


def is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False


def first_line(error: BaseException) -> str:
    """The first line of its message, or the name of its class where it has no message."""
    return str(error).strip().partition("\n")[0].rstrip() or type(error).__name__


def exit_code(call: Callable[[], int]) -> int:
    """``call``'s exit code; a user's mistake, what the system refuses and Ctrl-C become one line and their code."""
    try:
        return call()
    except StoppedAsAskedError as stopped:
        return fail(str(stopped), 0)
    except UserError as error:
        return fail(str(error), BAD_INPUT)
    except KeyboardInterrupt:
        return fail("interrupted", INTERRUPTED)
    except OSError as error:
        if error.errno is None:
            raise
        where = f" ({error.filename})" if error.filename else ""
        return fail(f"{os.strerror(error.errno)}{where}. What was encoded before is kept.", BAD_INPUT)


def fail(message: str, code: int) -> int:
    sys.stderr.write(f"evalkit: {message}\n")
    return code
