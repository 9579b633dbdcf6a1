"""How ids differ is said where that is what is seen, and nothing is said where they are simply others."""

import pytest

from evalkit.corpora.corpus import build_corpus
from evalkit.corpora.meeting import likely_cause
from evalkit.errors import UserError

KNOWN = {f"{i}.{i + 1}" for i in range(50)} | {f"doc{i}" for i in range(50)} | {str(i) for i in range(100, 200)}


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        ("doc{} ".format, "spaces"),
        ("\ufeffdoc{}".format, "not seen"),
        ("DOC{}".format, "case"),
        ("000{}".format, None),
        ("doc{}.txt".format, "suffix"),
        ("data/doc{}".format, "folder"),
    ],
)
def test_one_side_that_has_too_much_is_named(make, cause: str | None) -> None:  # type: ignore[no-untyped-def]
    told = likely_cause([make(i) for i in range(50)], KNOWN)
    assert told is None if cause is None else told is not None and cause in told


@pytest.mark.parametrize("make", ["{0}.9999".format, "q{}".format, lambda i: str(1000 + i)])
def test_ids_that_are_simply_others_get_no_cause(make) -> None:  # type: ignore[no-untyped-def]
    """Another split's, or another collection's, whose ids are written alike."""
    assert likely_cause([make(i) for i in range(50)], KNOWN) is None


def test_columns_are_swapped_only_where_both_sides_say_so() -> None:
    documents = [(str(i), f"text {i}") for i in range(100)]
    queries = [(f"q{i}", f"question {i}") for i in range(10)]
    with pytest.raises(UserError, match="documents where queries should"):
        build_corpus("c", documents, queries, {str(i): {f"q{i}": 1} for i in range(10)})
    with pytest.raises(UserError, match="and of this split"):  # numbers on both sides, of another split
        build_corpus("c", documents, queries, {str(i): {str(i): 1} for i in range(10)})
