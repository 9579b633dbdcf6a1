"""Accepted runs as small folders for version control, with checksums that tell a changed one."""

import shutil
from pathlib import Path

from evalkit.errors import UserError
from evalkit.results.files import write_text
from evalkit.results.table_shape import sha256

SUMS = "SHA256SUMS"
TABLES = ("points", "queries", "canary", "latencies")
KEPT = ("run.json", *(f"{name}.parquet" for name in TABLES))


def accept(run: Path, baseline: Path) -> None:
    """Make the folder ``baseline`` of what a gate needs of ``run``; an older one of that name is replaced at once."""
    partial = baseline.with_name(f".{baseline.name}.partial")
    remove(partial)
    partial.mkdir(parents=True)
    for name in KEPT:
        shutil.copyfile(run / name, partial / name)
    sums = "".join(f"{sha256(partial / name)}  {name}\n" for name in KEPT)
    write_text(partial / SUMS, sums)
    replaced = baseline.with_name(f".{baseline.name}.replaced")
    remove(replaced)
    if baseline.exists() or baseline.is_symlink():
        baseline.rename(replaced)
    partial.rename(baseline)
    remove(replaced)


def remove(folder: Path) -> None:
    """Remove a folder, or the link to one, which leaves what it leads to; nothing where there is none."""
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def check_sums(folder: Path) -> None:
    """Raises UserError where a file of a baseline is not what was accepted; a run without checksums passes."""
    file = folder / SUMS
    if not file.is_file():
        return
    for line in file.read_text(encoding="ascii", errors="replace").splitlines():
        expected, _, name = line.partition("  ")
        if name not in KEPT or not (folder / name).is_file() or sha256(folder / name) != expected:
            raise UserError(
                f"{folder / name} is not what was accepted as a baseline: its checksum differs.",
                "Restore it from version control, or accept a run again: python -m evalkit baseline accept <run>.",
            )
