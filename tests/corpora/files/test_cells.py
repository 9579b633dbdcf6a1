"""What a cell holds becomes text, an id or a grade by one rule, and never by accident."""

import datetime
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.corpora.files.cells import grade_of, id_of, text_of, whole_characters
from evalkit.errors import UserError

PLACE = ("d.parquet row 3", "text")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((text, text) for text in ("", " a ", "nan", "None", "1.0")),
        *((missing, None) for missing in (None, math.nan, np.float32("nan"), Decimal("nan"))),
        *((one, "1") for one in (1, 1.0, np.int8(1), np.float32(1), Decimal(1), Decimal("1.0"), b"1")),
        ("größe".encode(), "größe"),
        (2**70, str(2**70)),
        (Decimal(2**70), str(2**70)),
        (-0.0, "0"),
    ],
)
def test_what_is_text_or_a_whole_number_is_read(value: object, expected: str | None) -> None:
    assert text_of(value, *PLACE) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "true or false"),
        (np.True_, "a bool"),
        (["a"], "a list"),
        (("a",), "a list"),
        ({"a": 1}, "an object"),
        (0.5, "a fraction"),
        (math.inf, "a number without an end"),
        (Decimal("0.1"), "a fraction"),
        (2.0**60, "a float too long to be exact"),
        (b"\xe9", "bytes that are not UTF-8"),
        (datetime.date(2026, 1, 1), "a date"),
    ],
)
def test_anything_else_is_refused_with_its_place(value: object, kind: str) -> None:
    with pytest.raises(UserError, match=rf"d\.parquet row 3: 'text' holds {kind}"):
        text_of(value, *PLACE)


@given(st.text(st.characters()))
def test_mended_text_can_be_encoded_and_whole_text_stays(text: str) -> None:
    mended = whole_characters(text)
    assert mended.encode("utf-8").decode() == mended
    assert (mended == text) == all(not 0xD800 <= ord(character) <= 0xDFFF for character in text)


def test_halves_become_replacements_and_pairs_of_them_the_character() -> None:
    assert whole_characters("cat \ud83d") == "cat \ufffd"
    assert whole_characters("\ud83d\ude00") == "😀"


@pytest.mark.parametrize("value", [None, "", "  ", math.nan])
def test_an_id_is_never_missing(value: object) -> None:
    with pytest.raises(UserError, match=r"d\.parquet row 3 has nothing in 'id'"):
        id_of(value, "d.parquet row 3", "id")


@pytest.mark.parametrize(
    ("value", "grade"),
    [("2", 2), (" 2 ", 2), ("2.0", 2), (2.0, 2), (True, 1), ("-1", -1), (100, 100), (np.int64(3), 3)],
)
def test_grades_are_whole_numbers_however_they_are_written(value: object, grade: int) -> None:
    assert grade_of(value, "q line 1") == grade


@pytest.mark.parametrize(
    "value", ["yes", "", None, [], "0.5", math.nan, math.inf, "1e400", 101, -101, "1718000000000", 10**400]
)
def test_what_is_no_grade_is_refused_with_its_line(value: object) -> None:
    with pytest.raises(UserError, match="q line 1: the grade"):
        grade_of(value, "q line 1")
