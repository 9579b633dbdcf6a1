"""Accepted runs as small folders for version control, with checksums that tell a changed one."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from evalkit.errors import UserError
from evalkit.system.digests import digest_of_file
from evalkit.system.files import begun_folder, close, exchange, named, remove_leftovers, sync, write_text

SUMS = "SHA256SUMS"
UNFINISHED = ".{}.baseline.partial"
TABLES = ("points", "queries", "canary", "latencies")
KEPT = ("run.json", *(f"{name}.parquet" for name in TABLES))


def accept(run: Path, baseline: Path) -> None:
    """Make the folder ``baseline`` of what a gate needs of ``run``; an older one of that name is replaced in one step.

    Whoever reads it meanwhile has one of the two, or is told to read again (``unrenewed``).
    """
    remove_leftovers(baseline.parent, UNFINISHED.format("*"))
    partial = baseline.with_name(UNFINISHED.format(token_hex(6)))
    locked = begun_folder(partial)
    try:
        for name in KEPT:
            with named(partial / name):
                shutil.copyfile(run / name, partial / name)
        write_text(partial / SUMS, "".join(f"{digest_of_file(partial / name)}  {name}\n" for name in KEPT))
        sync(partial)
        if baseline.exists() or baseline.is_symlink():
            exchange(partial, baseline)
        else:
            partial.rename(baseline)
    finally:
        remove(partial)
        close(locked)


def remove(folder: Path) -> None:
    """Remove a folder, or the link to one, which leaves what it leads to; nothing where there is none."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def checked_sums(folder: Path) -> str:
    """The checksums of a baseline, which its files have; empty for a run, which has none.

    Raises UserError where a file of a baseline is not what was accepted.
    """
    while True:
        sums = read_sums(folder)
        wrong = first_wrong(folder, sums)
        if read_sums(folder) == sums:  # else it was accepted anew meanwhile
            break
    if wrong is not None:
        raise UserError(
            f"{folder / wrong} is not what was accepted as a baseline: its checksum differs.",
            "Restore it from version control, or accept a run again: python -m evalkit baseline accept <run>.",
        )
    return sums


@contextmanager
def unrenewed(folder: Path, sums: str) -> Iterator[None]:
    """Raises UserError in the end where the baseline of these ``sums`` was replaced: what was read may be of both."""
    yield
    if sums and read_sums(folder) != sums:
        raise UserError(f"{folder} was accepted anew while it was read.", "Call this again.")


def read_sums(folder: Path) -> str:
    file = folder / SUMS
    return file.read_text(encoding="ascii", errors="replace") if file.is_file() else ""


def first_wrong(folder: Path, sums: str) -> str | None:
    """The first name in ``sums`` whose file there does not have the checksum beside it; null without one."""
    for line in sums.splitlines():
        expected, _, name = line.partition("  ")
        if name not in KEPT or not (folder / name).is_file() or digest_of_file(folder / name) != expected:
            return name
    return None
