"""What the words of a table that is there already may say: a contract, and nothing that is endless or deep."""

import pytest

from evalkit.search.engines.there_already import MOST_CONTRACT, contract_in


def test_a_contract_is_read_at_the_end_of_other_words() -> None:
    assert contract_in('Made in May. {"model": "m", "prompts": {"query": "q: "}}') == {
        "model": "m",
        "prompts": {"query": "q: "},
    }


@pytest.mark.parametrize(
    "said",
    [None, "no contract", "{", "[1]", '{"a":' * 200 + "1" + "}" * 200, '{"a": "' + "x" * MOST_CONTRACT + '"}'],
    ids=["nothing", "words", "broken", "list", "deep", "endless"],
)
def test_what_is_no_contract_says_nothing(said: str | None) -> None:
    assert contract_in(said) is None
