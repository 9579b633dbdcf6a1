"""A table that was there already: which of its keys are which documents, and whether this model made its vectors."""

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from evalkit.arrays import FloatMatrix, Rows
from evalkit.errors import UserError, abridged, printable
from evalkit.results import contract

SAMPLE = 50  # vectors that are compared
LEAST_COSINE = 0.99
MOST_SHOWN = 60
MOST_CONTRACT, MOST_BRACKETS = 65_536, 100  # characters of a contract, and those of them that open something
Key = TypeVar("Key", bound=Hashable)


def row_of_key(key_of_id: Mapping[str, Key], ids: Sequence[str], table: str) -> dict[Key, int]:
    """The row of each key of ``table``, by the ids that both have. Raises UserError where they aren't the same ids."""
    row_of_id = {identifier: row for row, identifier in enumerate(ids)}
    if len(row_of_id) < len(ids):
        raise UserError(
            f"{table} has one vector for each document, and documents are in chunks.", "Leave out chunking."
        )
    missing = [identifier for identifier in ids if identifier not in key_of_id]
    if missing:
        problem = f"{table} lacks {len(missing):,} of {len(ids):,} documents, '{said(missing[0])}' among them."
        raise UserError(problem, "Name the field with the corpus's ids (id_column), or the corpus that is in it.")
    others = [identifier for identifier in key_of_id if identifier not in row_of_id]
    if others:
        problem = f"{table} has {len(others):,} vectors of no document of the corpus, '{said(others[0])}' among them."
        raise UserError(problem, "Judge it by the corpus that is in it, whole.")
    return {key: row_of_id[identifier] for identifier, key in key_of_id.items()}


def sampled_rows(documents: int) -> Rows:
    """Some rows, ascending: always the same."""
    drawn = np.random.default_rng(0).choice(documents, min(SAMPLE, documents), replace=False)
    return np.sort(drawn).astype(np.int64)


def check_same_vectors(there: Sequence[Sequence[float]], expected: FloatMatrix, table: str) -> float:
    """The lowest cosine between vectors that are ``there`` and those that are ``expected`` (n × dims) in their place.

    Raises UserError where one is below LEAST_COSINE, or has other dims.
    """
    dims = expected.shape[1]
    other = next((len(vector) for vector in there if len(vector) != dims), None)
    if other is not None or len(there) != len(expected):
        what = f"vectors of {other:,} dims, not {dims:,}" if other is not None else "documents without a vector"
        raise UserError(f"{table} has {what}.", "Search it with dims and model of what filled it.")
    vectors = np.asarray(there, dtype=np.float64)
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(expected.astype(np.float64), axis=1)
    cosines = np.einsum("nd,nd->n", vectors, expected) / np.maximum(lengths, np.finfo(np.float64).tiny)
    lowest = float(cosines.min())
    if not lowest >= LEAST_COSINE:
        wrong = int((~(cosines >= LEAST_COSINE)).sum())
        problem = f"{table} has vectors of another model, or of other texts: {wrong} of {len(cosines)} compared have"
        problem += f" a cosine below {LEAST_COSINE} with this model's, the lowest {lowest:.3f}."
        raise UserError(problem, "Search it with the model, revision, prompts and texts of what filled it.")
    return lowest


def contract_in(description: str | None) -> Mapping[str, Any] | None:
    """The contract that ``description`` is, as JSON, or has at its end; null where it has none."""
    text = description or ""
    if len(text) > MOST_CONTRACT or text.count("{") + text.count("[") > MOST_BRACKETS:
        return None
    try:
        return as_contract(json.loads(text[text.index("{") :]))
    except (ValueError, RecursionError):
        return None


def as_contract(kept: Any) -> Mapping[str, Any] | None:
    """``kept``, where it is a model's contract and not another program's words."""
    return kept if isinstance(kept, dict) and contract.KEY in kept else None


def said(foreign: str) -> str:
    return printable(abridged(foreign, MOST_SHOWN))
