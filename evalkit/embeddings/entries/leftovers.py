"""What killed processes left in a store: files half-written, entries half-removed. A live process holds a lock."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from evalkit.embeddings.entries.locks import ENTRY, LOCK, acquired, mend_lock
from evalkit.system.files import remove_leftover_files
from evalkit.system.plain_files import is_folder

REMOVED = ".evalkit-removed-"  # how the names of what is being removed begin
TEMPORARY = ".tmp"


def remove_leftovers(store: Path) -> None:
    """Whatever in ``store`` is left over and belongs to no live process.

    A store that can't be written to stays as it is.
    """
    remove_leftover_files(store)
    with suppress(OSError):
        for path in list(store.iterdir()):
            if path.name.startswith(REMOVED):
                remove_unless_held(store, path.name.removeprefix(REMOVED), [path])
            elif ENTRY.match(path.name) and path.suffix == LOCK:
                mend_lock(path)
            elif ENTRY.fullmatch(path.name):
                remove_unless_held(store, path.name, temporaries(path))
            elif is_folder(path):  # of small files that other rooms keep in the store
                remove_leftover_files(path)


def temporaries(folder: Path) -> list[Path]:
    """Files in ``folder`` that were to be renamed."""
    return [file for file in folder.iterdir() if file.name.endswith(TEMPORARY)] if is_folder(folder) else []


def remove_unless_held(store: Path, name: str, left: Sequence[Path]) -> None:
    if not left or (lock := acquired(store, name)) is None:
        return
    try:
        for path in left:
            remove(path)
    finally:
        lock.release()


def remove(path: Path) -> None:
    """Remove a folder with all that is in it, or a file; of a link, the link alone."""
    if is_folder(path):
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
