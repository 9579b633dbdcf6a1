"""Values and foreign names as SQL and Python write them: whatever they hold, they stay what they are."""

import keyword
import re
from collections.abc import Iterable, Mapping
from typing import Any

from evalkit.errors import UserError, printable
from evalkit.formats.media import one_line

MOST_SHOWN = 80


def sql_text(text: str) -> str:
    """``text`` as a literal of PostgreSQL, the same whatever ``standard_conforming_strings`` says."""
    if "\0" in text:
        raise UserError("PostgreSQL can hold no text with a zero character in it.")
    quoted = "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return f"E{quoted}" if "\\" in text else quoted


def sql_name(name: str) -> str:
    """``name`` as an identifier of SQL."""
    if "\0" in name or not name:
        raise UserError("no table of PostgreSQL has a name that is empty or has a zero character in it.")
    return '"' + name.replace('"', '""') + '"'


def sql_value(value: Any) -> str:
    """A number, truth value or text as SQL writes it in a setting."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, int | float) else sql_text(str(value))


def python(value: Any) -> str:
    """A plain value, as JSON has them, as Python writes it on one line: everything that isn't printable is escaped."""
    return repr(value)


def arguments(values: Mapping[str, Any]) -> str:
    """``m=16, ef_construct=100``. Raises UserError for a name that Python has no argument for."""
    return ", ".join(f"{identifier(name)}={python(value)}" for name, value in values.items())


def identifier(name: str) -> str:
    """``name``, where it is one word of ASCII that Python and SQL take as a name; else raises UserError."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(f"'{printable(name, MOST_SHOWN)}' is no name of an option.")
    return name


def comment(mark: str, lines: Iterable[str]) -> str:
    """``lines`` behind the ``mark`` of a comment (``--``, ``#``), each on one line whatever is in it."""
    return "\n".join(f"{mark} {one_line(line)}" for line in lines)
