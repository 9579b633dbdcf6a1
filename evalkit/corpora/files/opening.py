"""Which files a path names, and their lines: parts and patterns, compressed or not, every complaint with its place."""

import glob
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from evalkit.errors import UserError, first_line

BEGINNINGS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PAR1": "parquet",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
REFUSED = {
    "zip": ("is a zip archive", "Unpack it first."),
    "parquet": ("is a Parquet file", "Give it the suffix .parquet."),
    "utf-16": ("is written in UTF-16", "Save it as UTF-8."),
}
COMPRESSED = {".gz": "gzip", ".zst": "zstd"}


def files_of(path: str | Path) -> list[Path]:
    """The files that ``path`` names, in order: a file, those of a folder of parts, or what a pattern (``*``) matches.

    A folder's hidden files and markers, as Spark writes them (``_SUCCESS``), are no data.
    Raises UserError where there is none.
    """
    named = Path(path).expanduser()
    if named.is_file():
        return [named]
    if named.is_dir():
        return parts_of(named)
    matched = sorted(map(Path, glob.glob(str(named), recursive=True)))  # noqa: PTH207 (absolute patterns too)
    if files := [file for file in matched if file.is_file()]:
        return files
    if glob.has_magic(str(named)):
        raise UserError(f"no file matches {named}.")
    if named.is_symlink() or named.exists():
        raise UserError(f"{named} is no file that can be read.")
    raise UserError(f"{named} does not exist.")


def parts_of(folder: Path) -> list[Path]:
    """The data files below ``folder``. Raises UserError where there is none, and for a link that leads to none."""
    inside = [(path, path.relative_to(folder).parts) for path in sorted(folder.rglob("*"))]
    data = [path for path, parts in inside if not any(part.startswith(("_", ".")) for part in parts)]
    if lost := [path for path in data if path.is_symlink() and not path.is_file()]:
        raise UserError(f"{lost[0]} is a link that leads to no file.", "Name the folder that holds the files.")
    if files := [path for path in data if path.is_file()]:
        return files
    raise UserError(f"{folder} is a folder without a data file in it.")


def without_compression(name: str) -> str:
    """A file's name without the suffix of its compression."""
    stem, dot, suffix = name.rpartition(".")
    return stem if dot + suffix.lower() in COMPRESSED else name


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line with its end) of a UTF-8 file, compressed or not; a byte-order mark is dropped.

    Raises UserError where the file is not UTF-8, or is damaged.
    """
    number = 0
    try:
        with opened(path) as file:
            for number, line in enumerate(file, 1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} line {number} is not UTF-8: {error.reason}.", "Convert the file to UTF-8.") from None
    except (EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(f"{path} is damaged after line {number}: {first_line(error)}.", "Fetch it again.") from None


def opened(path: Path) -> IO[bytes]:
    """The file's content, decompressed where it is compressed, whatever its name says.

    Raises UserError for a file that is named as compressed and is not, and for what holds no lines of UTF-8.
    """
    with path.open("rb") as file:
        first = file.read(4)
    found = next((kind for beginning, kind in BEGINNINGS.items() if first.startswith(beginning)), "")
    named = COMPRESSED.get(path.suffix.lower())
    if named and found != named:
        raise UserError(f"{path} is not a {named} file.", f"Fetch it again, or drop {path.suffix} from its name.")
    if found in REFUSED:
        what, hint = REFUSED[found]
        raise UserError(f"{path} {what}.", hint)
    return OPENERS.get(found, open_plain)(path)


def open_plain(path: Path) -> IO[bytes]:
    return path.open("rb")


def open_gzip(path: Path) -> Any:
    return gzip.open(path)


def open_zstd(path: Path) -> Any:
    import pyarrow as pa

    return io.BufferedReader(pa.input_stream(str(path), compression="zstd"))


OPENERS: dict[str, Callable[[Path], IO[bytes]]] = {"gzip": open_gzip, "zstd": open_zstd}
