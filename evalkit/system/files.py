"""Files and folders that are whole or not there: made under another name, then renamed. Errors name their file.

What is being made is locked by the process that makes it. What a kill left there is nobody's, and the next command that
makes something beside it removes it. Where the file system has no locks, nothing is removed.
"""

import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import TextIO

LEFTOVER_FILES = ".evalkit-*.tmp"
UNSYNCED = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)  # of file systems that write at once or can't be asked to
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of Linux' fcntl.h
RENAME_SWAP = 2  # of macOS' sys/stdio.h


def write_text(file: Path, text: str) -> None:
    """Put ``text`` (UTF-8) into ``file`` at once, as ``writing`` does."""
    with writing(file) as opened:
        opened.write(text)


@contextmanager
def writing(file: Path) -> Iterator[TextIO]:
    """A text file (UTF-8) that takes the place of ``file`` when it is whole: whoever reads sees the old or all of it.

    Several processes may write one file; the last one stays. Where writing fails, nothing is left behind.
    """
    with named(file):
        remove_leftover_files(file.parent)
        temporary, descriptor = begun_file(file.parent)
        locked = os.dup(descriptor) if os.name == "posix" else -1  # elsewhere an open file can't be renamed
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                yield opened
            temporary.replace(file)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        finally:
            close(locked)


def begun_file(folder: Path) -> tuple[Path, int]:
    """A new file in ``folder`` and its descriptor, which is locked."""
    while True:
        file = folder / LEFTOVER_FILES.replace("*", token_hex(6))
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        lock(descriptor, wait=True)
        if is_at(descriptor, file):
            return file, descriptor
        os.close(descriptor)  # another process took it for a leftover between the two lines


def begun_folder(folder: Path) -> int:
    """Make ``folder``; the descriptor that locks it until it is closed, -1 where folders can't be opened."""
    while True:
        folder.mkdir(parents=True)
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        except PermissionError:  # Windows
            return -1
        lock(descriptor, wait=True)
        if is_at(descriptor, folder):
            return descriptor
        os.close(descriptor)


def close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def is_at(descriptor: int, path: Path) -> bool:
    """Whether ``path`` is still what was opened as ``descriptor``."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def lock(descriptor: int, wait: bool = False) -> bool:
    """Whether this process has it for itself now, until it is closed; no where the file system has no locks."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True


def remove_leftover_files(folder: Path) -> None:
    """Remove what kills left in ``folder`` of files that ``writing`` was to make."""
    remove_leftovers(folder, LEFTOVER_FILES)


def remove_leftovers(folder: Path, pattern: str) -> None:
    """Remove what matches ``pattern`` in ``folder`` and no living process is making; what can't be removed stays."""
    with suppress(OSError):
        for path in list(folder.glob(pattern)):
            with suppress(OSError):
                remove_if_left(path)


def remove_if_left(path: Path) -> None:
    if path.is_symlink():
        return
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        if lock(descriptor) and is_at(descriptor, path):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    finally:
        os.close(descriptor)


def sync(folder: Path) -> None:
    """Have the disk hold the files of ``folder`` before it is given its name. Raises OSError for what it can't hold."""
    for path in (*sorted(folder.iterdir()), folder):
        sync_one(path)


def sync_one(path: Path) -> None:
    with named(path):
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except PermissionError:  # a folder of Windows
            return
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in UNSYNCED:
                raise
        finally:
            os.close(descriptor)


def exchange(new: Path, old: Path) -> None:
    """Let the folders ``new`` and ``old`` change places in one step, so that there is one at ``old`` at any moment.

    Where the system can't do that in one step, it is done in three.
    """
    if not exchanged_at_once(os.fsencode(new), os.fsencode(old)):
        aside = new.with_name(f"{new.name}.aside")
        old.rename(aside)
        new.rename(old)
        aside.rename(new)


def exchanged_at_once(new: bytes, old: bytes) -> bool:
    """Whether the system has exchanged them in one step."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            failed = libc.renamex_np(new, old, RENAME_SWAP)
        else:
            failed = libc.renameat2(AT_FDCWD, new, AT_FDCWD, old, RENAME_EXCHANGE)
    except (AttributeError, TypeError, OSError):  # a C library without it, or none
        return False
    return not failed


@contextmanager
def named(file: Path) -> Iterator[None]:
    """Give an OSError that writing raises, as of a full disk, the name of its ``file`` where it has none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(file)
        raise
