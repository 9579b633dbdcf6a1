"""Accepted runs as small folders for version control, with checksums that tell a changed one."""

import hashlib
import shutil
from pathlib import Path

from evalkit.errors import UserError
from evalkit.results.files import write_text

SUMS = "SHA256SUMS"
KEPT = ("run.json", "points.parquet", "queries.parquet", "canary.parquet", "latencies.parquet")


def accept(run: Path, baseline: Path) -> None:
    """Make the folder ``baseline`` of what a gate needs of ``run``; an older one of that name is replaced at once."""
    partial = baseline.with_name(f".{baseline.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in KEPT:
        shutil.copyfile(run / name, partial / name)
    sums = "".join(f"{sha256(partial / name)}  {name}\n" for name in KEPT)
    write_text(partial / SUMS, sums)
    replaced = baseline.with_name(f".{baseline.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)
    if baseline.exists():
        baseline.rename(replaced)
    partial.rename(baseline)
    shutil.rmtree(replaced, ignore_errors=True)


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


def sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
