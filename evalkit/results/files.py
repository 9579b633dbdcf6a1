"""Files that are whole or not there: written under another name, then renamed. Errors of writing name their file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_text(file: Path, text: str) -> None:
    """Put ``text`` (UTF-8) into ``file`` at once: whoever reads sees the old content or all of the new.

    Several processes may write one file; the last one stays. Where writing fails, nothing is left behind.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with named(file):
            temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def named(file: Path) -> Iterator[None]:
    """Give an OSError that writing raises, as of a full disk, the name of its ``file`` where it has none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise
