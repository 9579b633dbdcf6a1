"""A table that is there already: which vector is whose, and what its words say: a contract, nothing endless or deep."""

import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from evalkit.errors import UserError
from evalkit.search.engines.there_already import MOST_CONTRACT, check_count, contract_in, key_of_id, matched
from evalkit.vectors.matrix import Vectors


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


IDS = ["b", "a", "c"]
VECTORS = np.array([[3, -4], [-1, 1], [2, 2]], dtype=np.float32)


@pytest.mark.parametrize("are_signs", [False, True])
def test_rows_are_found_by_ids_whatever_the_order_of_keys(are_signs: bool) -> None:
    kept = np.sign(VECTORS) if are_signs else VECTORS
    of_key = {10: kept[1], 20: kept[0], 30: kept[2]}

    def vectors(keys: list[int]) -> list[list[float]]:
        return [of_key[key].tolist() for key in keys]

    pairs = [(10, "a"), (20, "b"), (30, "c")]
    found = matched("theirs", IDS, Vectors(VECTORS, 2), 3, pairs, vectors, are_signs)
    assert list(found.keys) == [20, 10, 30]
    assert found.rows == {10: 1, 20: 0, 30: 2}
    assert found.lowest == pytest.approx(1.0)
    other = refused(lambda: matched("theirs", IDS, Vectors(-VECTORS, 2), 3, pairs, vectors, are_signs))
    assert "3 of 3 compared have a cosine below 0.99 with this model's, the lowest -1.000" in other


def test_a_vector_that_is_gone_since_its_id_was_read_is_told() -> None:
    pairs = list(enumerate(IDS))
    gone = refused(lambda: matched("theirs", IDS, Vectors(VECTORS, 2), 3, pairs, lambda keys: [[], [1, 1], [1, 1]]))
    assert "theirs has vectors of 0 dims, not 2" in gone


def test_ids_are_not_read_of_a_table_of_another_size() -> None:
    pairs = iter([(1, "a")])
    assert "9 vectors or more" in refused(lambda: matched("theirs", IDS, Vectors(VECTORS, 2), 9, pairs, list))
    assert next(pairs) == (1, "a")


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(UserError) as error:
        call()
    return error.value.problem
