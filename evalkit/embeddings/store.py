"""Embeddings on disk, addressed by what they are: made once, in shards, and read as a memory map.

A folder of entries (entries.entry), each with a lock beside it. Who makes or changes an entry holds its lock, who reads
one has its vectors open (entries.sharing). A killed pass leaves its shards behind, and the next one continues where it
ends. What can't be trusted is set aside beside it, as ``<name>.damaged-1``, and made again.

``by-model/<model>/`` has an empty file for each entry of one model, by which those that may have a text are found.
"""

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from evalkit.embeddings.entries.aside import set_aside, warn
from evalkit.embeddings.entries.entry import Entry
from evalkit.embeddings.entries.leftovers import remove_leftovers
from evalkit.embeddings.entries.locks import ENTRY, acquired
from evalkit.embeddings.entries.trust import Held, damaged_timings, held, misplaced
from evalkit.errors import UserError, say
from evalkit.system.digests import name_of_key
from evalkit.system.plain_files import is_folder
from evalkit.vectors.stored import OpenFile

BY_MODEL = "by-model"
LOCK_POLL_S = 0.2
READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


class EmbeddingStore:
    """All entries below one folder. Links on the way to it are followed, once; none is within it."""

    def __init__(
        self, path: str | None = None, shard_texts: int = 512, dtype: str = "float32", reuse_texts: bool = True
    ) -> None:
        from platformdirs import user_cache_path

        given = Path(path).expanduser() if path else user_cache_path("evalkit") / "embeddings"
        self.path = Path(os.path.realpath(given))
        self.shard_texts = shard_texts
        self.dtype = dtype
        self.reuse_texts = reuse_texts
        self.is_tidy = False
        self.in_use: list[OpenFile] = []  # until the run ends

    @contextmanager
    def entry(self, key: Mapping[str, Any]) -> Iterator[Entry]:
        """The entry of ``key``, held by this process alone; a second process waits, a dead one blocks nobody.

        In a store that can't be written to it is given without a lock.
        """
        entry = Entry(self.path / name_of_key(key), key)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = self.lock(entry.name)
        except OSError as error:
            if error.errno not in READ_ONLY:
                raise
            entry.is_writable = False
            yield entry
            return
        try:
            if os.path.lexists(entry.folder) and not is_folder(entry.folder):
                warn(entry.folder, f"is no folder; it is kept as {set_aside(entry.folder).name}")
            yield entry
        finally:
            lock.release()

    def list_entry(self, entry: Entry) -> None:
        """Have ``entry`` found by its model, as the one that was used last. It is an extra: no failure is an error."""
        with suppress(OSError):
            file = self.folder_of_model(entry) / entry.name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()

    def of_model(self, entry: Entry) -> list[Path]:
        """The folders of other entries of its model, last used first; what lists removed ones is removed."""
        with suppress(OSError):
            listed = [file for file in self.folder_of_model(entry).iterdir() if ENTRY.fullmatch(file.name)]
            there = [file for file in listed if is_folder(self.path / file.name)]
            for file in set(listed) - set(there):
                with suppress(OSError):
                    file.unlink()
            newest = sorted(there, key=lambda file: (-file.lstat().st_mtime, file.name))
            return [self.path / file.name for file in newest if file.name != entry.name]
        return []

    def folder_of_model(self, entry: Entry) -> Path:
        return self.path / BY_MODEL / name_of_key(entry.model)

    def lock(self, name: str) -> FileLock:
        """The acquired lock of the entry ``name``; says on stderr when it has to wait for another process."""
        if not self.is_tidy:
            self.is_tidy = True
            remove_leftovers(self.path)
        lock = acquired(self.path, name, LOCK_POLL_S)
        while lock is None:
            say("evalkit: another run encodes the same texts; waiting to read what it makes")
            lock = acquired(self.path, name, -1)
        return lock


def trusted(entry: Entry, rows: int) -> Held:
    """What of ``entry``, of so many texts, is as it was written; what can't be trusted is set aside, with one warning.

    Raises UserError for an entry that a newer evalkit wrote, and where a part is needed and nothing can be written.
    """
    found = held(entry, rows)
    if not entry.is_writable and not found.is_whole:
        raise UserError(
            f"{entry.folder.parent} can't be written to and lacks the embeddings that this run needs.",
            "Set store.path=<folder> to one that can.",
        )
    if found.faults and entry.is_writable:
        found = mended(entry, found)
    entry.layout = found.layout
    return found


def mended(entry: Entry, found: Held) -> Held:
    more = f", and {len(found.faults) - 1} more" if len(found.faults) > 1 else ""
    because = f"is damaged ({found.faults[0]}{more})"
    if not found.shards:
        warn(entry.folder, f"{because}: all of it is encoded again, and kept as {set_aside(entry.folder).name}")
        return Held.nothing(found.missing)
    keep_trusted(entry, found)
    warn(entry.folder, f"{because}: encoding {len(found.missing)} of its {found.count} shards again")
    return replace(found, faults=())


def keep_trusted(entry: Entry, found: Held) -> None:
    for path in misplaced(entry):
        set_aside(path)
    for file in damaged_timings(entry):
        file.unlink()
    if found.layout:
        entry.mend_vectors(found.layout)
    entry.write_key()
    if found.meta is None:
        entry.meta_file.unlink(missing_ok=True)
