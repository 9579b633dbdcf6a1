"""Which files a path names, and their lines: parts and patterns, compressed or not, every complaint with its place."""

import bz2
import glob
import gzip
import io
import lzma
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

from evalkit.errors import UserError, first_line
from evalkit.system.plain_files import NotAFileError, open_file

BEGINNINGS = {  # the longer ones first, where one begins with another
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\x00": "xz",
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
    b"PK\x03\x04": "zip",
    b"PAR1\x15": "parquet",
    b"\xd0\xcf\x11\xe0": "office",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"version https://git-lfs": "lfs",
}
REFUSED = {
    "zip": ("is a zip archive", "Unpack it first; save an Excel file as CSV."),
    "parquet": ("is a Parquet file", "Give it the suffix .parquet."),
    "office": ("is an Excel or Office file", "Save it as CSV in UTF-8."),
    "utf-16": ("is written in UTF-16", "Save it as UTF-8."),
    "utf-32": ("is written in UTF-32", "Save it as UTF-8."),
    "lfs": ("is a pointer of Git LFS, not the file itself", "Fetch it with git lfs pull."),
    "html": ("is a web page, not data", "Fetch the file itself: a page that only shows it was saved."),
}
COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".xz": "xz"}
FEW_BYTES, MOST_FOLDS = 2**28, 200  # bytes that any compressed file may hold; of more, how many times its size
HTML = (b"<!doctype html", b"<html>", b"<html ")
MOST_BYTES = 256_000_000  # of a line or a cell: what comes of it takes several times as much memory
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


def files_of(path: str | Path) -> list[Path]:
    """The files that ``path`` names, in order: a file, those of a folder of parts, or what a pattern (``*``) matches.

    A folder's hidden files and markers, as Spark writes them (``_SUCCESS``), are no data.
    Raises UserError where there is none, and for a pipe, device or socket among them.
    """
    if ADDRESS.match(str(path)):
        raise UserError(f"{path} is an address; files are read from this machine.", "Fetch it, and name the file.")
    named = Path(path).expanduser()
    if named.is_file():
        return [named]
    if named.is_dir():
        return parts_of(named)
    matched = sorted(map(Path, glob.glob(str(named), recursive=True)))  # noqa: PTH207 (absolute patterns too)
    if files := [file for file in matched if not file.is_dir()]:
        return refused_unless_files(files)
    if glob.has_magic(str(named)):
        raise UserError(f"no file matches {named}.")
    if named.is_symlink() or named.exists():
        return refused_unless_files([named])
    raise UserError(f"{named} does not exist.")


def parts_of(folder: Path) -> list[Path]:
    """The data files below ``folder``. Raises UserError where there is none, and for a lost link, a pipe, a device."""
    inside = [(path, path.relative_to(folder).parts) for path in sorted(folder.rglob("*"))]
    data = [path for path, parts in inside if not any(part.startswith(("_", ".")) for part in parts)]
    if lost := [path for path in data if path.is_symlink() and not path.is_file()]:
        raise UserError(f"{lost[0]} is a link that leads to no file.", "Name the folder that holds the files.")
    if files := [path for path in data if not path.is_dir()]:
        return refused_unless_files(files)
    raise UserError(f"{folder} is a folder without a data file in it.")


def refused_unless_files(paths: list[Path]) -> list[Path]:
    if others := [path for path in paths if not path.is_file()]:
        refuse_other(others[0])
    return paths


def refuse_other(path: Path) -> NoReturn:
    raise UserError(f"{path} is no file that can be read.", "Name a file: no link to nowhere, pipe, device or socket.")


def without_compression(name: str) -> str:
    """A file's name without the suffix of its compression."""
    stem, dot, suffix = name.rpartition(".")
    return stem if dot + suffix.lower() in COMPRESSED else name


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line with its end) of a UTF-8 file, compressed or not; a byte-order mark is dropped.

    Raises UserError where the file is not UTF-8, is damaged, or unfolds to more than any data does, and for a line of
    more than ``MOST_BYTES``.
    """
    number = 0
    try:
        with opened(path) as file:
            most, total = most_bytes(path), 0
            for number, line in enumerate(lines_of(file), 1):
                total += len(line)
                if len(line) > MOST_BYTES:
                    raise too_long(f"{path} line {number}")
                if total > most:
                    raise UserError(f"{path} unfolds to more than {MOST_FOLDS} times its size; no text does.")
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} line {number} is not UTF-8: {error.reason}.", "Convert the file to UTF-8.") from None
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(f"{path} is damaged after line {number}: {first_line(error)}.", "Fetch it again.") from None


def most_bytes(path: Path) -> int:
    """How many bytes a file may hold, compressed or not; a plain one has its size."""
    return max(FEW_BYTES, MOST_FOLDS * path.stat().st_size)


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of ``file``, each with its end: ``\\n``, ``\\r\\n``, or ``\\r`` alone as old Macs wrote it.

    Of one that is too long, just so much is read that this shows.
    """
    while line := file.readline(MOST_BYTES + 1):
        if len(line) <= MOST_BYTES and b"\r" in line and b"\r" in line.rstrip(b"\r\n"):
            yield from line.splitlines(keepends=True)
        else:
            yield line


def too_long(where: str) -> UserError:
    return UserError(f"{where} is longer than {MOST_BYTES // 1_000_000} MB.", "Split its text into several documents.")


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's content, decompressed where it is compressed, whatever its name says.

    Raises UserError for a file that is named as compressed and is not, and for what holds no lines of UTF-8.
    """
    with opened_file(path) as file:
        found = content_of(file)
        named = COMPRESSED.get(path.suffix.lower())
        if named and found != named and found not in REFUSED:
            raise UserError(f"{path} is not a {named} file.", f"Fetch it again, or drop {path.suffix} from its name.")
        refuse_foreign(path, found)
        if found not in UNFOLDED:
            yield file
            return
        with io.BufferedReader(UNFOLDED[found](file)) as content:  # whose lines are found far quicker
            yield content


def opened_file(path: Path) -> io.BufferedReader:
    """``path`` as it is on disk. Raises UserError for what is no file, without waiting for it as for a pipe."""
    try:
        return os.fdopen(open_file(path, follow_links=True), "rb")
    except NotAFileError:
        refuse_other(path)


def content_of(file: IO[bytes]) -> str:
    """What kind of file its first bytes tell, as ``BEGINNINGS`` calls it; empty where they are like any text.

    ``file`` is at its beginning, also afterwards.
    """
    first = file.read(64)
    file.seek(0)
    if first.lstrip(b"\xef\xbb\xbf\r\n\t ").lower().startswith(HTML):
        return "html"
    unmarked = "utf-16" if b"\0" in first[:2] else ""
    return next((kind for beginning, kind in BEGINNINGS.items() if first.startswith(beginning)), unmarked)


def refuse_foreign(path: Path, content: str) -> None:
    if content in REFUSED:
        what, hint = REFUSED[content]
        raise UserError(f"{path} {what}.", hint)


def of_zstd(file: IO[bytes]) -> Any:
    import pyarrow as pa

    return pa.input_stream(file, compression="zstd")


UNFOLDED: dict[str, Callable[[IO[bytes]], Any]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
    "zstd": of_zstd,
    "bzip2": bz2.open,
    "xz": lzma.open,
}
