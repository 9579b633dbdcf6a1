"""The contract of a table's model: complete, plain JSON, and what differs between two of them in words."""

import json
from typing import Any

import pytest

from evalkit.results.contract import as_json, contract_of, differences

MODEL: dict[str, Any] = {
    **{"name": "org/m", "kind": "sentence_transformers", "revision": "r1", "weights": "sha256:ab"},
    **{"prompts": {"query": "query: ", "document": ""}, "native_dims": 384, "layer_norm": False, "max_length": 256},
}
HOSTED = {"api": {"input_types": {"query": "search_query", "document": "search_document"}}}
OWN = contract_of(MODEL, {}, 256)


def test_it_says_all_that_vectors_depend_on() -> None:
    assert contract_of(MODEL, {"pooling": "mean", "api": {"input_types": {}}}, 256) == {
        "evalkit_contract": 1,
        "model": "org/m",
        "revision": "r1",
        "weights": "sha256:ab",
        "pooling": "the model's own",
        "prompts": {"query": "query: ", "document": ""},
        "input_types": {"query": "", "document": ""},
        "max_length": 256,
        "native_dims": 384,
        "dims": 256,
        "normalisation": "cut, l2",
    }


def test_pooling_is_said_where_it_is_a_setting() -> None:
    """Other kinds bring theirs in their files, whatever the config's default says."""
    assert contract_of({**MODEL, "kind": "onnx"}, {"pooling": "cls"}, 256)["pooling"] == "cls"


def test_normalisation_names_the_layer_norm_before_the_cut() -> None:
    assert contract_of({**MODEL, "layer_norm": True}, {}, 64)["normalisation"] == "layer norm, cut, l2"


@pytest.mark.parametrize("name", ["a\0b", "a\x1b[31m", "\u202e", 'a"b', "語", "\ud83d", "a\nb"])
def test_its_json_has_no_control_characters(name: str) -> None:
    text = as_json(contract_of({**MODEL, "name": name}, {}, 64))
    assert text.isprintable()
    assert json.loads(text)["model"] == name.replace("\ud83d", "\ufffd")


@pytest.mark.parametrize(
    ("changed", "config", "dims", "expected"),
    [
        ({}, {}, 256, []),
        ({"name": "org/n"}, {}, 256, ["model 'org/n' instead of 'org/m'"]),
        ({"weights": None}, {}, 256, []),
        ({"prompts": {"query": "", "document": ""}}, {}, 256, ["query prompt '' instead of 'query: '"]),
        ({}, {}, 128, ["dims 128 instead of 256"]),
        ({"layer_norm": True}, {}, 256, ["normalisation 'layer norm, cut, l2' instead of 'cut, l2'"]),
        (
            {"revision": "r2"},
            HOSTED,
            256,
            [
                "revision 'r2' instead of 'r1'",
                "query input type 'search_query' instead of ''",
                "document input type 'search_document' instead of ''",
            ],
        ),
    ],
)
def test_differences_are_told_in_words(
    changed: dict[str, Any], config: dict[str, Any], dims: int, expected: list[str]
) -> None:
    assert differences(json.loads(as_json(contract_of({**MODEL, **changed}, config, dims))), OWN) == expected


@pytest.mark.parametrize("words", [{}, {"owner": "search team"}, {"model": "org/n"}, {"evalkit_contract": None}])
def test_a_json_that_is_no_contract_says_nothing(words: dict[str, Any]) -> None:
    assert differences(words, OWN) == []


@pytest.mark.parametrize("version", [2, "1", [1], {"a": 1}])
def test_a_contract_of_another_version_is_told_and_not_read(version: Any) -> None:
    (line,) = differences({**OWN, "evalkit_contract": version, "model": "org/n"}, OWN)
    assert line == f"a contract of version {version!r}, and only version 1 can be read"


@pytest.mark.parametrize("junk", ["x" * 10_000, ["a"], 5, {"query": ["deep"]}, True])
def test_a_contract_of_strange_values_is_told_in_few_words(junk: Any) -> None:
    for part in OWN:
        if part != "evalkit_contract":
            for line in differences({**OWN, part: junk}, OWN):
                assert len(line) < 300
