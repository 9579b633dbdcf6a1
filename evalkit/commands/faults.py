"""An error that nobody foresaw: one line for the user, and its whole story in a file to report."""

import os
import platform
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from evalkit import __version__
from evalkit.errors import first_line, printable
from evalkit.results.secrets import command_without_secrets, text_without_secrets

FAULT = 70  # EX_SOFTWARE of sysexits.h


def told(error: BaseException, arguments: Sequence[str]) -> tuple[str, str]:
    """The line for ``error``, and what follows it on stderr: nothing, or the traceback where no file could take it.

    Neither holds keys or local variables.
    """
    try:
        name, story = type(error).__name__, text_without_secrets(story_of(error, arguments))
        reason = text_without_secrets(first_line(error))
    except BaseException:  # an error whose message can't be made
        name, story, reason = type(error).__name__, "", ""
    what = name if reason in ("", name) else f"{name}: {reason.rstrip('.')}"
    try:
        where = f"with {written(story)}, which holds its traceback"
    except (OSError, ValueError):
        return f"{what}. This is a fault of evalkit: please report it with what follows.", story
    return f"{what}. This is a fault of evalkit: please report it {where}.", ""


def story_of(error: BaseException, arguments: Sequence[str]) -> str:
    """Versions, the command line and the traceback."""
    command = " ".join(["python -m evalkit", *map(ascii, command_without_secrets(arguments))])
    about = f"evalkit {__version__}, Python {platform.python_version()}, {platform.platform()}"
    lines = "".join(traceback.format_exception(error)).split("\n")
    return "\n".join([about, command, "", *map(printable, lines)])


def written(story: str) -> str:
    """The name of a new file in the temporary folder that holds ``story`` and that its user alone can read."""
    descriptor, name = tempfile.mkstemp(prefix="evalkit-fault-", suffix=".txt")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(story)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    return name
