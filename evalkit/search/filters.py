"""Filters of documents: labels that an engine keeps beside its vectors, and which documents pass by them.

A filter's documents are those with one label. By chance they are chosen by a hash of their id, so that they stay the
same whatever else the corpus holds, and what passes a narrow filter passes a wider one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b

import numpy as np

from evalkit.arrays import Rows
from evalkit.search.engine import Filter
from evalkit.system.digests import unordered_digest

LABEL = "label"  # in names of columns, which every database takes: metadata may be called anything
NO_VALUE = 0
HASH_BYTES = 8


@dataclass(frozen=True)
class NamedFilter:
    """``name`` is what results call it (``lang=de``, ``random<0.1``), ``keep`` what an engine is asked for."""

    name: str
    keep: Filter
    ids: Sequence[str]

    @property
    def selectivity(self) -> float:
        """The share of the documents that pass."""
        return len(self.keep.passing) / len(self.ids)

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of the ids that pass: filters of one name may let other documents pass in another run."""
        return unordered_digest((self.ids[row],) for row in self.keep.passing.tolist())


def by_value(field: str, values: Sequence[str | None], chosen: Sequence[str], ids: Sequence[str]) -> list[NamedFilter]:
    """A filter for each of ``chosen`` among the ``values`` that documents have of ``field``, one label for all.

    Documents with none of these have the label NO_VALUE.
    """
    codes = {value: code for code, value in enumerate(chosen, NO_VALUE + 1)}
    labels = np.array([codes.get(value, NO_VALUE) if value is not None else NO_VALUE for value in values])
    column = f"{LABEL}_0"
    return [
        NamedFilter(f"{field}={value}", Filter(column, code, np.flatnonzero(labels == code)), ids)
        for value, code in codes.items()
    ]


def by_chance(shares: Sequence[float], seed: int, ids: Sequence[str]) -> list[NamedFilter]:
    """A filter for each of ``shares`` (0 to 1) of the documents, each with a label of its own.

    A document passes where the hash of ``seed`` and its id, as a share of the largest hash, is below the filter's.
    """
    places = np.array([hashed(seed, id_) for id_ in ids])
    of_seed = f" (seed {seed})" if seed else ""
    return [
        NamedFilter(f"random<{share:g}{of_seed}", Filter(f"{LABEL}_{number}", 1, np.flatnonzero(places < share)), ids)
        for number, share in enumerate(shares)
    ]


def hashed(seed: int, id_: str) -> float:
    """From 0 to 1, the same on every machine."""
    bits = blake2b(f"{seed}\0{id_}".encode(), digest_size=HASH_BYTES).digest()
    return float(int.from_bytes(bits, "big") / 2 ** (8 * HASH_BYTES))


def labels_of(filters: Sequence[NamedFilter], documents: int) -> dict[str, Rows]:
    """The labels of all ``documents``, by column, that ``filters`` choose by: what an engine is filled with."""
    labels: dict[str, Rows] = {}
    for each in filters:
        column = labels.setdefault(each.keep.column, np.full(documents, NO_VALUE, dtype=np.int64))
        column[each.keep.passing] = each.keep.value
    return labels


def of_chunks(labels: Mapping[str, Rows], document: Rows) -> dict[str, Rows]:
    """The labels of chunks: each has that of its ``document`` (a row per chunk)."""
    return {column: values[document] for column, values in labels.items()}


def keep_chunks(keep: Filter, document: Rows) -> Filter:
    """The same filter of chunks, of which those of passing documents pass."""
    return replace(keep, passing=np.flatnonzero(np.isin(document, keep.passing)))
