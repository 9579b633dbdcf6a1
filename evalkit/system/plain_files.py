"""Files that are opened only where they are files: nothing waits at a pipe, and links are followed only as asked."""

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

MOST_BYTES = 2**30  # of a file of notes
LEADS_AWAY = {errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.ENOTDIR}


class NotAFileError(Exception):
    """There is something else in the place of a file: a link, a folder, a pipe."""


def open_file(path: Path, flags: int = os.O_RDONLY, follow_links: bool = False) -> int:
    """The descriptor of a regular file, which is not made. Raises NotAFileError, and OSError as opening does."""
    try:
        descriptor = os.open(path, flags | (0 if follow_links else os.O_NOFOLLOW) | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in LEADS_AWAY:
            raise NotAFileError(str(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFileError(str(path))
    return descriptor


def read_file(path: Path) -> bytes:
    """All of a regular file of at most a gigabyte. Raises NotAFileError for anything else."""
    with os.fdopen(open_file(path), "rb") as file:
        if os.fstat(file.fileno()).st_size > MOST_BYTES:
            raise NotAFileError(str(path))
        return file.read()


def is_file(path: Path) -> bool:
    """Whether it is a regular file itself, and no link to one."""
    return has_mode(path, stat.S_ISREG)


def is_note(path: Path) -> bool:
    """Whether it is a regular file that ``read_file`` reads."""
    return is_file(path) and path.lstat().st_size <= MOST_BYTES


def is_folder(path: Path) -> bool:
    """Whether it is a folder itself, and no link to one."""
    return has_mode(path, stat.S_ISDIR)


def has_mode(path: Path, is_mode: Callable[[int], bool]) -> bool:
    try:
        return is_mode(path.lstat().st_mode)
    except FileNotFoundError:
        return False


def size_bytes(path: Path) -> int:
    """Bytes of a file, or of all that lies in a folder; of a link those of the link."""
    own = path.lstat()
    if not stat.S_ISDIR(own.st_mode):
        return own.st_size
    total = 0
    for folder, folders, files in os.walk(path):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        total += sum((Path(folder) / name).lstat().st_size for name in (*files, *links))
    return total
