"""Errors for the person who reads them: what was wrong, where, what would be right."""

import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec

MOST_NAMES = 80  # of a hint
ELLIPSIS = "…"

# GitHub reads ``::name`` where a line begins, and lines are wrapped anywhere; ``##[name`` it reads anywhere in a line,
# and so are Azure's ``##vso[`` and TeamCity's ``##teamcity[``.
CI_COMMAND = re.compile(
    r"(?<!\w)::(?=[a-z])"
    r"|::(?=(?:add-|debug|echo|endgroup|error|group|internal-|notice|remove-|save-|set-|stop-commands|warning))"
    r"|\#\#(?=(?:vso|teamcity)?\[)",
    re.IGNORECASE,
)


class UserError(Exception):
    """A mistake that its reader can mend. The front door prints it without a traceback and exits with 2.

    ``problem`` says what is wrong and where; ``hint`` says what would be right.
    """

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem}\n         {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint

    @property
    def sentences(self) -> str:
        """Problem and hint on one line: a part of something longer."""
        return f"{self.problem} {self.hint}".rstrip()


class StoppedAsAskedError(Exception):
    """A run that was asked to stop here, as a dry run is: the front door prints its message and exits with 0."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """A hint that offers the nearest of ``choices``, or all of them where none is near; empty for none."""
    known = sorted(set(choices))
    if near := get_close_matches(name, known, n=1, cutoff=0.6):
        return f"Did you mean '{near[0]}'?"
    more = f" and {len(known) - MOST_NAMES:,} more" if len(known) > MOST_NAMES else ""
    return f"Known: {', '.join(known[:MOST_NAMES])}{more}." if known else ""


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


def say(line: str) -> None:
    """Put ``line`` on stderr: whatever foreign words are in it, it is one line that a terminal or a CI just shows."""
    sys.stderr.write(printable(line) + "\n")


def printable(text: str, most: int = 2000) -> str:
    """``text`` on one line that moves no cursor and commands no CI, the middle left out: for terminals and logs.

    What Python's ``repr`` would escape is escaped: control characters, newlines, marks of direction, halves of
    surrogate pairs. So is the second character of what a CI would take for a command, as in ``:\\x3aerror::``.
    """
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return abridged(CI_COMMAND.sub(lambda found: f"{found[0][0]}\\x{ord(found[0][0]):x}", shown), most)


def abridged(text: str, most: int) -> str:
    """``text`` in at most ``most`` characters, the middle left out: names often differ at their ends alone."""
    if len(text) <= most:
        return text
    tail = most // 3
    return f"{text[: most - tail - len(ELLIPSIS)]}{ELLIPSIS}{text[-tail:]}"
