"""Who reads a stored matrix: a shared lock on its file, held as long as the file is open, in whichever process."""

import errno
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from weakref import WeakValueDictionary

from evalkit.system.plain_files import NotAFileError, open_file
from evalkit.vectors.stored import OpenFile

HELD = {errno.EAGAIN, errno.EACCES}
OPEN: WeakValueDictionary[tuple[int, int], OpenFile] = WeakValueDictionary()  # (device, inode) → this process's own
ONE_AT_A_TIME = threading.Lock()


def open_shared(path: Path) -> OpenFile:
    """The open file, of which others know that it is read. Raises NotAFileError, and OSError as opening does."""
    with ONE_AT_A_TIME:
        descriptor = open_file(path)
        place = place_of(descriptor)
        if (own := OPEN.get(place)) is not None:
            os.close(descriptor)
            return own
        file = OPEN[place] = OpenFile(str(path), opener=lambda *_: descriptor)
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
        own = OPEN.get(place_of(descriptor))
        locked = descriptor if own is None else own.fileno()
        try:
            fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in HELD
        finally:
            if own is not None:
                with suppress(OSError):
                    fcntl.flock(locked, fcntl.LOCK_SH | fcntl.LOCK_NB)
            os.close(descriptor)
        return False


def place_of(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino
