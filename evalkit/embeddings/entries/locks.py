"""The lock of an entry, ``<name>.lock`` beside it: whoever makes, changes or removes the entry holds it.

The system releases it when its process ends, however it ends. The file stays.
"""

import os
import re
from pathlib import Path

from filelock import FileLock, Timeout

from evalkit.embeddings.entries.aside import set_aside, warn
from evalkit.system.plain_files import is_file

LOCK = ".lock"
PARTS = ".parts"  # of what ranks have encoded: entries.parts
ENTRY = re.compile("([0-9a-f]{32})(?![0-9a-f])")  # how everything begins that belongs to an entry


def acquired(store: Path, name: str, timeout: float = 0) -> FileLock | None:
    """The lock of the entry ``name``, acquired within so many seconds (-1: some time); null where another has it.

    Something else in the place of its file is set aside.
    """
    file = store / f"{name}{LOCK}"
    mend_lock(file)
    lock = FileLock(file)
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        return None
    return lock


def mend_lock(file: Path) -> None:
    """Set aside what is in the place of a lock's file and is no file."""
    if os.path.lexists(file) and not is_file(file):
        warn(file, f"is no file; it is kept as {set_aside(file).name}")


def entry_of(path: Path) -> str:
    """The name of the entry that something in a store belongs to; its own where that names none."""
    match = ENTRY.match(path.name)
    return match[1] if match else path.name
