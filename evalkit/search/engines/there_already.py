"""A table that was there already: which of its keys are which documents, and whether this model made its vectors."""

import json
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from evalkit.arrays import FloatMatrix, Rows
from evalkit.errors import UserError, abridged, printable
from evalkit.results import contract
from evalkit.vectors.matrix import Vectors
from evalkit.vectors.sign_bits import sign_bits, signs

SAMPLE = 50  # vectors that are compared
LEAST_COSINE = 0.99
FAR = 0.5  # of the documents: a table of so many more or fewer vectors is another corpus's
UP_TO = 2  # times the documents: more vectors need not be counted
MOST_SHOWN = 60
MOST_CONTRACT, MOST_BRACKETS = 65_536, 100  # characters of a contract, and those of them that open something
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Matched(Generic[Key]):
    """``keys`` are those of the corpus's documents in their order, ``rows`` the row of each; ``lowest`` is the lowest
    cosine of a sample of the table's vectors with this model's.
    """

    keys: Sequence[Key]
    rows: Mapping[Key, int]
    lowest: float


def matched(
    table: str,
    ids: Sequence[str],
    documents: Vectors,
    count: int,
    pairs: Iterable[tuple[Key, str | None]],
    vectors: Callable[[list[Key]], Sequence[Sequence[float]]],
    are_signs: bool = False,
) -> Matched[Key]:
    """Which of the ``count`` vectors in ``table`` is of which of ``documents``, called ``ids``.

    ``pairs`` are each key and its document's id, read only where the count is about right. ``vectors`` are those of
    some keys in their order, empty where one is gone; ``are_signs`` says that only the signs are kept.

    Raises UserError where the ids are not the corpus's, or vectors not this model's.
    """
    check_count(count, ids, table)
    key_of = key_of_id(pairs, len(documents), table)
    rows = row_of_key(key_of, ids, table)
    keys = [key_of[identifier] for identifier in ids]
    sampled = sampled_rows(len(documents))
    expected = documents.take(sampled)
    if are_signs:
        expected = signs(sign_bits(expected), documents.dims)
    there = vectors([keys[row] for row in sampled.tolist()])
    return Matched(keys, rows, check_same_vectors(there, expected, table))


def check_count(there: int, ids: Sequence[str], table: str) -> None:
    """Raises UserError where ``there`` vectors in ``table`` are far from one for each of the corpus's ``ids``."""
    check_unchunked(ids, table)
    check_close(there, len(ids), table)


def check_unchunked(ids: Sequence[str], table: str) -> None:
    if len(set(ids)) < len(ids):
        problem = f"{table} has one vector for each document, and documents are in chunks."
        raise UserError(problem, "Leave out chunking.")


def check_close(there: int, documents: int, table: str) -> None:
    if abs(there - documents) > FAR * documents:
        more = " or more" if there >= UP_TO * documents else ""
        problem = f"{table} has {there:,} vectors{more}, and the corpus has {documents:,} documents."
        raise UserError(problem, "Judge it by the corpus that is in it, whole.")


def key_of_id(pairs: Iterable[tuple[Key, str | None]], documents: int, table: str) -> dict[str, Key]:
    """The key of each id, of ``pairs`` of both, which are read one after the other.

    Raises UserError for a row without an id, an id that is there twice, and many more than ``documents``.
    """
    keys: dict[str, Key] = {}
    for key, identifier in pairs:
        if identifier is None:
            raise UserError(f"{table} has rows without an id.", "Name a column that each row has as id_column.")
        if identifier in keys:
            hint = "Name a column that says which document a row is as id_column."
            raise UserError(f"{table} has the id '{said(identifier)}' more than once.", hint)
        keys[identifier] = key
        if len(keys) > documents:
            check_close(len(keys), documents, table)
    return keys


def row_of_key(key_of_id: Mapping[str, Key], ids: Sequence[str], table: str) -> dict[Key, int]:
    """The row of each key of ``table``, by the ids that both have. Raises UserError where they aren't the same ids."""
    check_unchunked(ids, table)
    row_of_id = {identifier: row for row, identifier in enumerate(ids)}
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


def contract_in(description: str | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The contract that ``description`` is, as fields or as JSON, or has at its end; null where it has none.

    What is longer than MOST_CONTRACT, or has more than MOST_BRACKETS, is another program's.
    """
    try:
        text = json.dumps(description, ensure_ascii=False) if isinstance(description, Mapping) else description or ""
        if len(text) > MOST_CONTRACT or text.count("{") + text.count("[") > MOST_BRACKETS:
            return None
        kept = json.loads(text[text.index("{") :])
    except (ValueError, TypeError, RecursionError):
        return None
    return kept if isinstance(kept, dict) and contract.KEY in kept else None


def said(foreign: str) -> str:
    return printable(abridged(foreign, MOST_SHOWN))
