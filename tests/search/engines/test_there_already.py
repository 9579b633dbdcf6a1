"""What the words of a table that is there already may say: a contract, and nothing that is endless or deep."""

import json
from collections.abc import Iterator

import pytest

from evalkit.errors import UserError
from evalkit.search.engines.there_already import MOST_CONTRACT, check_count, contract_in, key_of_id


def test_a_contract_is_read_at_the_end_of_other_words() -> None:
    contract = {"evalkit_contract": 1, "model": "m", "prompts": {"query": "q: "}}
    assert contract_in(f"Made in May. {json.dumps(contract)}") == contract
    assert contract_in(contract) == contract


@pytest.mark.parametrize(
    "said",
    [
        None,
        "no contract",
        "{",
        "[1]",
        '{"evalkit_contract": 1, "a":' + '{"a":' * 200 + "1" + "}" * 201,
        '{"evalkit_contract": 1, "a": "' + "x" * MOST_CONTRACT + '"}',
        {"evalkit_contract": 1, "a": "x" * MOST_CONTRACT},
        {"evalkit_contract": 1, "a": [[[]]] * 99},
        {"evalkit_contract": 1, "a": object()},
        {"owner": "search"},
    ],
    ids=["nothing", "words", "broken", "list", "deep", "endless", "long", "many", "foreign", "another's"],
)
def test_what_is_no_contract_says_nothing(said: str | dict[str, object] | None) -> None:
    assert contract_in(said) is None


@pytest.mark.parametrize(
    ("there", "said"), [(49, "has 49 vectors,"), (151, "151 vectors,"), (200, "200 vectors or more,")]
)
def test_another_corpus_is_told_by_its_size(there: int, said: str) -> None:
    ids = list(map(str, range(100)))
    for close in (50, 100, 150):
        check_count(close, ids, "theirs")
    with pytest.raises(UserError, match=f"^theirs .*{said} and the corpus has 100 documents"):
        check_count(there, ids, "theirs")


def test_chunks_are_told_as_such_whatever_their_number() -> None:
    with pytest.raises(UserError, match="documents are in chunks"):
        check_count(2, ["a"] * 3 + ["b"] * 3, "theirs")


@pytest.mark.parametrize(
    ("identifiers", "said"),
    [(["a", "b", "a"], "the id 'a' more than once"), (["a", None], "rows without an id")],
)
def test_what_is_no_id_is_told(identifiers: list[str | None], said: str) -> None:
    with pytest.raises(UserError, match=said):
        key_of_id(enumerate(identifiers), 10, "theirs")


def test_a_table_that_grows_without_end_is_not_read_to_its_end() -> None:
    read = []

    def pairs() -> Iterator[tuple[int, str]]:
        for key in range(10**9):
            read.append(key)
            yield key, str(key)

    with pytest.raises(UserError, match="has 151 vectors"):
        key_of_id(pairs(), 100, "theirs")
    assert len(read) == 151
