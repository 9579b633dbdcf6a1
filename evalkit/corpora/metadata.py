"""What a source says of its documents beside their texts, read from it again for the one field that is asked for."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from numbers import Real
from typing import Any

from evalkit.corpora.files.cells import kind_of, text_of, whole_characters
from evalkit.corpora.records import Column, Columns, Placed, Rows
from evalkit.errors import UserError, abridged, did_you_mean

METADATA = "metadata"  # BEIR's object of fields
SHOWN, MOST_CHARACTERS = 60, 300
BY_CHANCE = "filter.selectivity=[0.1] filters documents by chance."


@dataclass(frozen=True)
class Metadata:
    """Fields of documents: the ``metadata`` of their rows, and columns that are neither id nor text.

    ``rows`` reads every document's row anew; ``columns`` are those of ids and texts.
    """

    rows: Callable[[str], Rows]
    columns: Columns

    def values(self, corpus: str, field: str, ids: Mapping[str, int]) -> list[str | None]:
        """``field`` of each of the documents ``ids`` (id → row), as text; null where a document has no value.

        Of a repeated id the first row counts. Raises UserError, which names the ``corpus``, for a field that no
        document has, with the nearest one, and for a value that is a list or an object.
        """
        known: dict[str, None] = {}
        found: dict[str, str | None] = {}
        id_ = Column(self.columns.id)
        for where, row in with_metadata(self.rows(field)):
            known |= dict.fromkeys(row)
            document = id_.id(row, where)
            if document in ids and document not in found:
                found[document] = value_of(row.get(field), where, field)
        fields = [name for name in known if name not in (*self.columns.all, METADATA)]
        if field not in fields:
            raise no_field(corpus, field, fields)
        if not any(found.values()):
            raise UserError(f"corpus '{corpus}': no document has a value of '{field}'.", others(field, fields))
        return [found.get(document) for document in ids]


def with_metadata(rows: Rows) -> Iterable[Placed]:
    """``rows`` with the fields of their ``metadata`` as columns, of which a row's own ones count first."""
    for where, row in rows:
        metadata = row.get(METADATA)
        yield where, {**metadata, **row} if isinstance(metadata, dict) else row


def value_of(value: Any, where: str, field: str) -> str | None:
    """``value`` as text: true and false, fractions and dates too. Null where nothing is there, an empty text included.

    Raises UserError for a list or an object.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Real) and math.isfinite(value) and not float(value).is_integer():
        return repr(float(value))
    if isinstance(value, list | tuple | dict):
        raise UserError(
            f"{where}: '{field}' holds {kind_of(value)}, no single value: {ascii(value)[:SHOWN]}.",
            "Filter by a field that has one value for each document.",
        )
    return whole_characters(text_of(value, where, field) or "") or None


def no_field(corpus: str, field: str, fields: Sequence[str]) -> UserError:
    """For metadata that isn't there; ``fields`` are those that are."""
    return UserError(f"corpus '{corpus}': its documents have no metadata '{field}'.", others(field, fields))


def others(field: str, fields: Sequence[str]) -> str:
    rest = [name for name in fields if name != field]
    return abridged(did_you_mean(field, rest), MOST_CHARACTERS) if rest else f"They have none; {BY_CHANCE}"
