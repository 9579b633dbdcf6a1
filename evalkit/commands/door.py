"""Whatever happens in a command becomes its exit code, and a line of what was wrong and what would be right."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from errno import EEXIST
from pathlib import Path

from evalkit.commands.interrupts import Interrupt, interrupts, received
from evalkit.errors import StoppedAsAskedError, UserError, first_line, printable

BAD_INPUT = 2
MOST_OF_PROBLEM, MOST_OF_HINT = 1_000, 1_900  # characters, whatever words of a user are in them
WORDS_OF = {EEXIST: "there is a file where a folder was to be made"}  # where the system's own words mislead
UTF8_HINT = "Set PYTHONUTF8=1, or a locale of UTF-8 as LC_ALL=C.UTF-8."


def exit_code(call: Callable[[], int], arguments: Sequence[str] = ()) -> int:
    """``call``'s exit code, or that of the error that ended it, which is told on stderr.

    0 stopped as asked, 2 what its user can mend or the system refused, 70 a fault of evalkit's own, 130 Ctrl-C, 143
    SIGTERM, 129 SIGHUP.
    """
    try:
        with received():
            try:
                code = call()
                sys.stdout.flush()
            except BaseException as error:
                return code_of(error, arguments)
            return code
    except KeyboardInterrupt:  # again, while the first was told
        return Interrupt.exit_code


def code_of(error: BaseException, arguments: Sequence[str]) -> int:
    """Tell ``error`` on stderr and give its exit code."""
    hint = " ".join(getattr(error, "__notes__", ()))
    interrupt = interrupts.behind(error)
    if interrupt and not (isinstance(error, SystemExit) and error.code == interrupt.exit_code):  # else it is told
        return fail(f"interrupted{interrupt.by}", interrupt.exit_code, hint)
    match error:
        case StoppedAsAskedError():
            return fail(str(error), 0)
        case UserError():
            from evalkit.config.input.typed_names import as_typed

            mistake = as_typed(error, arguments)
            return fail(mistake.problem, BAD_INPUT, " ".join(filter(None, (mistake.hint, hint))))
        case SystemExit(code=int() | None as code):  # Hydra's, where it has printed all that was asked for
            return code or 0
        case MemoryError():
            return fail(f"there is not enough memory{reason_of(error)}.", BAD_INPUT, hint)
        case OSError(errno=int() as number):
            return fail(f"{WORDS_OF.get(number) or os.strerror(number)}{place_of(error)}.", BAD_INPUT, hint)
        case UnicodeEncodeError() if error.encoding == sys.getfilesystemencoding() != "utf-8":
            name = error.object[error.start : error.end]
            return fail(
                f"'{name}' can't be written in {error.encoding}, the encoding of file names.", BAD_INPUT, UTF8_HINT
            )
    from evalkit.commands.faults import FAULT, told

    line, story = told(error, arguments)
    fail(line, FAULT)
    with suppress(Exception):
        sys.stderr.write(story)
    return FAULT


def reason_of(error: BaseException) -> str:
    return f": {first_line(error).rstrip('.')}" if str(error).strip() else ""


def place_of(error: OSError) -> str:
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    return f" ({' and '.join(names)})" if names else ""


def fail(problem: str, code: int, hint: str = "") -> int:
    """Say ``problem`` and, below it, ``hint`` on stderr; ``code`` is kept, whatever stderr leads to."""
    lines = [f"evalkit: {printable(problem, MOST_OF_PROBLEM)}"]
    if hint:
        lines.append(f"         {printable(hint, MOST_OF_HINT)}")
    with suppress(Exception):
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()
    return code


def check_surroundings(arguments: Sequence[str]) -> None:
    """Raises UserError for a working folder that is gone, and a word that is no text in this process's encoding."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise UserError("the folder that this was called in is gone.", "Call it in one that is there.") from None
    for word in arguments:
        try:
            word.encode("utf-8")
        except UnicodeEncodeError:
            encoding = sys.getfilesystemencoding()
            hint = "Give names in UTF-8." if encoding == "utf-8" else UTF8_HINT
            raise UserError(f"'{word}' can't be read as {encoding}.", hint) from None
