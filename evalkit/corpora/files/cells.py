"""What one cell holds, as an id, a text or a grade: the one rule for each, whatever file the cell comes from."""

import math
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

from evalkit.errors import UserError

EXACT_FLOATS = 2**53  # beyond it, floats no longer tell neighbouring integers apart
GRADES = range(-100, 101)
WRITTEN_GRADES = {str(grade): grade for grade in GRADES}
SHOWN = 60

HINTS = {
    "a list": "Join its parts to one text.",
    "an object": "Name a column that holds text.",
    "true or false": "Name a column that holds text.",
    "a number without an end": "Leave it out, or write it as text, in quotes.",
    "a fraction": "Write it as text, in quotes, if it is meant to be one.",
    "a float too long to be exact": "Store the column as integers or as text: its last digits are lost.",
    "bytes that are not UTF-8": "Store the column as text.",
}


def text_of(value: Any, where: str, column: str) -> str | None:
    """``value`` as text: str as it is, integers, floats without a fraction as integers (1.0 is ``1``), UTF-8 bytes.

    Null where nothing is there: null and NaN. Raises UserError, which says ``where`` and in which ``column``, for
    anything else.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return refuse(value, "bytes that are not UTF-8", where, column)
    if isinstance(value, Real) and not isinstance(value, bool):
        return of_number(float(value), where, column)
    if isinstance(value, Decimal):
        return of_number(value, where, column)
    return refuse(value, kind_of(value), where, column)


def of_number(value: float | Decimal, where: str, column: str) -> str | None:
    if math.isnan(value):
        return None
    if not math.isfinite(value):
        return refuse(value, "a number without an end", where, column)
    if value != int(value):
        return refuse(value, "a fraction", where, column)
    if isinstance(value, float) and abs(value) > EXACT_FLOATS:
        return refuse(value, "a float too long to be exact", where, column)
    return str(int(value))


def id_of(value: Any, where: str, column: str) -> str:
    """``value`` as an id, by the rule of ``text_of``. Raises UserError where nothing is there, and for one with a NUL.

    Half a character (a lone surrogate) becomes U+FFFD, as in texts, so that ids can be written to any file.
    """
    if type(value) is str and value.isascii() and value.strip() and "\0" not in value:
        return value
    text = text_of(value, where, column)
    if text is None or not text.strip():
        raise UserError(f"{where} has nothing in '{column}'.", "Every row needs an id there.")
    if "\0" in text:  # trec_eval's ids end there
        raise UserError(f"{where}: '{column}' holds a NUL: {ascii(text)[:SHOWN]}.", "Write ids without it.")
    return whole_characters(text)


def grade_of(value: Any, where: str) -> int:
    """A judgment's grade: ``2``, also written ``2.0``, ``"2"`` or true.

    Raises UserError for what is no whole number, and for one that is no grade but a time stamp, a count or an id.
    """
    if (known := WRITTEN_GRADES.get(value) if type(value) is str else None) is not None:
        return known
    try:
        grade = math.nan if isinstance(value, str) and "_" in value else float(value)
    except (TypeError, ValueError, OverflowError):
        grade = math.nan
    if not grade.is_integer():
        raise UserError(
            f"{where}: the grade {ascii(value)[:SHOWN]} is no whole number.", "It says how relevant: 0, 1, 2, …"
        )
    if int(grade) not in GRADES:
        raise UserError(
            f"{where}: the grade {ascii(value)[:SHOWN]} is not between {GRADES[0]} and {GRADES[-1]}.",
            "Is it a time, a count or a score of another column? A grade says how relevant: 0, 1, 2, …",
        )
    return int(grade)


def whole_characters(text: str) -> str:
    """``text`` with U+FFFD for each half of a character, which no encoder, file or server takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def kind_of(value: Any) -> str:
    kinds = {list: "a list", tuple: "a list", dict: "an object", bool: "true or false"}
    return kinds.get(type(value), f"a {type(value).__name__}")


def refuse(value: Any, kind: str, where: str, column: str) -> str:
    raise UserError(f"{where}: '{column}' holds {kind}, no text: {ascii(value)[:SHOWN]}.", HINTS.get(kind, ""))
