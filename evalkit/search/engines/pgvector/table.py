"""A table that is searched: how SQL names it, its key and its vectors, and which rows its keys stand for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalkit.search.engine import Filter
from evalkit.search.engines.pgvector.codes import DISTANCES, Kept


@dataclass(frozen=True)
class Table:
    """``name``, ``key`` and ``column`` are SQL, quoted where they must be.

    ``keys`` has the key of each row, null where keys are rows. ``labels`` are columns by the names of labels.
    ``indexes`` are the names of the indexes by which it is to be searched; ``distance`` is the one of codes.DISTANCES
    that they go by.
    """

    name: str
    key: str
    column: str
    dims: int
    kept: Kept
    distance: str
    indexes: Sequence[str] = ()
    keys: Sequence[str] | None = None
    row: Mapping[str, int] | None = None
    labels: Mapping[str, str] | None = None

    def rows(self, keys: Sequence[Any]) -> Sequence[int]:
        """Rows of what was found."""
        return keys if self.row is None else [self.row[key] for key in keys]

    def keys_of(self, rows: Sequence[int]) -> Sequence[Any]:
        return rows if self.keys is None else [self.keys[row] for row in rows]

    def nearest(self, k: int, keep: Filter | None = None) -> str:
        """A query for the ``k`` nearest by codes; its parameter is the query's."""
        return self.by_codes(f"{self.key} as key", k, keep, ", {codes} {operator} %b as distance")

    def rescored(self, k: int, candidates: int, keep: Filter | None = None) -> str:
        """A query for the ``k`` nearest by the column of as many ``candidates`` by codes; two parameters."""
        finer = DISTANCES["cosine" if self.keys else "ip"].operator
        inner = self.by_codes(f"{self.key} as key, {self.column} as finer", candidates, keep, "")
        return f"select key, finer {finer} %b as distance from ({inner}) candidates order by distance limit {int(k)}"  # noqa: S608 (names are quoted, numbers whole)

    def by_codes(self, columns: str, k: int, keep: Filter | None, distance: str) -> str:
        codes = self.kept.expression(self.column, self.dims)
        operator = DISTANCES[self.distance].operator
        order = "distance" if distance else f"{codes} {operator} %b"
        where = f" where {(self.labels or {})[keep.column]} = {int(keep.value)}" if keep else ""
        shown = distance.format(codes=codes, operator=operator)
        return f"select {columns}{shown} from {self.name}{where} order by {order} limit {int(k)}"  # noqa: S608


def quoted(name: str) -> str:
    """An identifier, so that neither SQL nor psycopg reads anything in it."""
    return '"{}"'.format(name.replace('"', '""').replace("%", "%%"))
