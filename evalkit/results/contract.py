"""Whose vectors a table holds: all of a model that whoever asks the table must do alike.

It is kept as JSON with the table (as its comment, description or metadata) and beside it. The version of that JSON is
under ``evalkit_contract``.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.errors import abridged
from evalkit.formats.media import json_file

VERSION = 1
KEY = "evalkit_contract"
PARTS = {  # key: what the words of a difference call it
    "model": "model",
    "revision": "revision",
    "weights": "weights",
    "pooling": "pooling",
    "prompts": "prompts",
    "input_types": "input types",
    "max_length": "length in tokens",
    "native_dims": "dims before the cut",
    "dims": "dims",
    "normalisation": "normalisation",
}
ITS_OWN = "the model's own"
POOLED_BY_SETTING = "onnx"  # the kind of model whose pooling is a setting; others bring theirs
MOST_SHOWN = 80  # characters of a value


def contract_of(model: Mapping[str, Any], config: Mapping[str, Any], dims: int) -> dict[str, Any]:
    """Of ``model`` (an entry of run.json's models) that was configured by ``config``, cut to ``dims``.

    What isn't known is null. ``normalisation`` is what was done to its output, in that order: ``l2`` is unit length.
    """
    prompts = model.get("prompts") or {}
    input_types = (config.get("api") or {}).get("input_types") or {}
    return {
        KEY: VERSION,
        "model": model.get("name"),
        "revision": model.get("revision"),
        "weights": model.get("weights"),
        "pooling": config.get("pooling") if model.get("kind") == POOLED_BY_SETTING else ITS_OWN,
        "prompts": {side: prompts.get(side) or "" for side in ("query", "document")},
        "input_types": {side: input_types.get(side) or "" for side in ("query", "document")},
        "max_length": model.get("max_length"),
        "native_dims": model.get("native_dims"),
        "dims": dims,
        "normalisation": "layer norm, cut, l2" if model.get("layer_norm") else "cut, l2",
    }


def as_json(contract: Mapping[str, Any], indent: int | None = None) -> str:
    """Its JSON, on one line unless ``indent`` says otherwise, with no control characters in it."""
    return json_file(json.dumps(contract, ensure_ascii=False, indent=indent))


def differences(of_table: Mapping[str, Any], of_run: Mapping[str, Any]) -> list[str]:
    """In words, what a table says of its model that isn't so of a run's: ``query prompt 'query: ' instead of ''``.

    What the table doesn't say is no difference. A JSON that is no contract says nothing.
    """
    version = of_table.get(KEY)
    if version is None:
        return []
    if version != VERSION:
        return [f"a contract of version {shown(version)}, and only version {VERSION} can be read"]
    return list(parts_that_differ(of_table, of_run))


def parts_that_differ(of_table: Mapping[str, Any], of_run: Mapping[str, Any]) -> Iterator[str]:
    for part, words in PARTS.items():
        theirs, own = of_table.get(part), of_run.get(part)
        if isinstance(theirs, Mapping) and isinstance(own, Mapping):
            for side in own:
                if side in theirs and theirs[side] != own[side]:
                    yield difference(f"{side} {words.removesuffix('s')}", theirs[side], own[side])
        elif theirs is not None and theirs != own:
            yield difference(words, theirs, own)


def difference(what: str, theirs: Any, own: Any) -> str:
    return f"{what} {shown(theirs)} instead of {shown(own)}"


def shown(value: Any) -> str:
    """A short form of any JSON value."""
    return abridged(repr(value), MOST_SHOWN)
