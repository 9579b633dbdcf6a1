"""Text files line by line, so that every complaint names a file and a line."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.errors import UserError


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """(line number from 1, line without its end) of a UTF-8 file, gzipped or not; a byte-order mark is dropped.

    Raises UserError where the file is missing, is not UTF-8 or is no whole gzip.
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist.") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder, a file is needed.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} line {number} is not UTF-8: {error.reason}.", "Convert the file to UTF-8.") from None
    except (gzip.BadGzipFile, EOFError) as error:
        raise UserError(f"{path} is not a whole gzip file: {error}.") from None


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON Lines file; empty lines are passed over.

    Raises UserError for a line that is no JSON object.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{path} line {number} is not JSON: {error.msg} (column {error.colno}).") from None
        if not isinstance(value, dict):
            raise UserError(f"{path} line {number} is no JSON object.")
        yield number, value


def whole_grade(grade: str, where: str) -> int:
    """A judgment's grade (``2``, also written ``2.0``). Raises UserError for what is no whole number."""
    try:
        value = float(grade)
    except ValueError:
        value = 0.5
    if not value.is_integer():
        raise UserError(f"{where}: the grade '{grade}' is no whole number.")
    return int(value)


def text_field(row: dict[str, Any], key: str, where: str) -> str:
    """``row[key]`` as a string; a missing or null field is a UserError that says ``where``."""
    value = row.get(key)
    if value is None or isinstance(value, (dict, list)):
        raise UserError(f"{where} has no text in '{key}'.", f"It has: {', '.join(row)}.")
    return str(value)
