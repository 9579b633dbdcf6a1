"""What a medium shows of a foreign string is that string, whatever it holds: read back by readers of the medium."""

from collections.abc import Callable

import pytest

from evalkit.errors import printable
from evalkit.formats.media import is_trec_field, markdown
from tests import hostile
from tests.hostile import (
    CHECKS,
    PAYLOADS,
    check_documents,
    check_markdown,
    check_spreadsheet,
    check_terminal,
    wrongly_shown,
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_medium_shows_the_string_and_does_nothing_else(check: Callable[[str], None]) -> None:
    assert wrongly_shown(check, PAYLOADS) == []


RAW = {"markdown": check_markdown, "printable": check_terminal, "csv_cell": check_spreadsheet}
RAW |= {"one_line": check_documents, "json_file": check_documents}


@pytest.mark.parametrize("function", RAW)
def test_what_would_show_names_as_they_are_is_found(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, function, lambda text: text)
    assert wrongly_shown(RAW[function], PAYLOADS) != []


@pytest.mark.parametrize("text", ["all-MiniLM-L6-v2 · 256", "nDCG@10", "bge@1.5", "cost_month_usd", "-0.01", "$2.00"])
def test_plain_names_stay_as_readable_as_they_are(text: str) -> None:
    assert markdown(text).replace("<!---->", "") == text


@pytest.mark.parametrize("name", ["std::vec::Vec", "a::b", "C::D", "12:30::", "#1", "## x", "fe80::1"])
def test_names_that_no_ci_obeys_are_printed_as_they_are(name: str) -> None:
    assert printable(name) == name


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("d1", True), ("語‌x", True), ("::error::", True), ("", False), ("a b", False), ("a\tb", False), ("a\xa0b", False)]
    + [(f"a{c}", False) for c in "\n\r\v\f\x1c\x85\u2028\0"],
)
def test_a_field_of_trec_is_one_field(name: str, is_one: bool) -> None:
    assert is_trec_field(name) is is_one
    assert (f"{name} Q0 d".split() == [name, "Q0", "d"] and "\0" not in name) is is_one
