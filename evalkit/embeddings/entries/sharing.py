"""Who reads a stored matrix: a shared lock on its file, held as long as the file is open, in whichever process."""

import errno
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

from evalkit.system.plain_files import NotAFileError, open_file
from evalkit.vectors.stored import OpenFile

HELD = {errno.EAGAIN, errno.EACCES}
OPEN: WeakSet[OpenFile] = WeakSet()  # this process's own
ONE_AT_A_TIME = threading.Lock()


def open_shared(path: Path) -> OpenFile:
    """The open file, of which others know that it is read. Raises NotAFileError, and OSError as opening does.

    All that this process opens of one file are copies of one descriptor, and so share its lock.
    """
    with ONE_AT_A_TIME:
        descriptor = open_file(path)
        if (own := own_descriptor(place_of(descriptor))) is not None:
            os.close(descriptor)
            descriptor = own
        file = OpenFile(str(path), opener=lambda *_: descriptor)
        OPEN.add(file)
        with suppress(OSError):  # where nothing can be locked, the open file alone keeps the rows
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return file


def is_read_elsewhere(path: Path) -> bool:
    """Whether another process reads the file; this one goes on reading what it has open, also where it is removed."""
    with ONE_AT_A_TIME:
        try:
            descriptor = open_file(path)
        except (OSError, NotAFileError):
            return False
        own = own_descriptor(place_of(descriptor))
        locked = descriptor if own is None else own
        try:
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in HELD
        finally:
            if own is not None:
                with suppress(OSError):
                    fcntl.flock(own, fcntl.LOCK_SH | fcntl.LOCK_NB)
                os.close(own)
            os.close(descriptor)
        return False


def own_descriptor(place: tuple[int, int]) -> int | None:
    """A copy of the descriptor by which this process has the file at ``place`` open; null where it has not.

    Another thread may be letting go of the file that is found: then it is closed, or its number is another file's.
    """
    for file in list(OPEN):
        with suppress(ValueError, OSError):
            copy = os.dup(file.fileno())
            if place_of(copy) == place:
                return copy
            os.close(copy)
    return None


def place_of(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
