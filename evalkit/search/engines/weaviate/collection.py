"""One collection of a Weaviate server: made, filled, read, searched, and changed only where it is a run's own."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from evalkit.arrays import FloatMatrix, Floats
from evalkit.config import IndexConfig
from evalkit.errors import UserError
from evalkit.search.engine import Filter
from evalkit.search.engines.weaviate.connection import Connection, new_name
from evalkit.search.engines.weaviate.kept import Kept, change, kept, vector_name
from evalkit.search.engines.weaviate.words import HNSW, ID, VECTOR, Quantizer, definition, index_type

MOST_RESULTS = 10_000  # QUERY_MAXIMUM_RESULTS of a server that was not told otherwise
Metric = tuple[str, Callable[[float], float]]  # its name, and what a distance is as a score
METRICS: dict[str, Metric] = {  # by what Weaviate calls it
    "dot": ("inner_product", lambda distance: -distance),
    "cosine": ("inner_product", lambda distance: 1 - distance),
    "l2-squared": ("l2", lambda distance: -distance),
}


class Collection:
    """``index.table``, or a new one. ``labels`` are the names of its fields by the columns that they are of."""

    def __init__(self, connection: Connection, index: IndexConfig, quantizer: Quantizer) -> None:
        self.connection, self.index, self.quantizer = connection, index, quantizer
        self.server = connection.server
        self.is_own, self.is_made, self.is_filled = not index.table, False, False
        self.name = index.table or new_name(index)
        self.vector: str | None = VECTOR
        self.labels: dict[str, str] = {}
        self.known: Kept | None = None
        self.changing = threading.Lock()

    def __str__(self) -> str:
        return f"the collection {self.name} of {self.server}"

    @property
    def kept(self) -> Kept:
        if self.known is None:
            raise RuntimeError("a collection has no settings before it is filled")
        return self.known

    @property
    def of_thread(self) -> Any:
        """As this thread's client has it."""
        return self.connection.client.collections.use(self.name, skip_argument_validation=True)

    def create(self, columns: Sequence[str]) -> None:
        self.labels = {column: f"label_{place}" for place, column in enumerate(columns)}
        ef = next(iter(self.index.search.get("ef", ())), None)
        wanted = definition(self.name, self.index, self.quantizer, list(self.labels.values()), ef)
        with self.server.told("making a collection"):
            self.is_made = True
            self.connection.client.collections.create_from_dict(wanted)
        self.read()

    def read(self) -> Any:
        """What it is set to now, as the client has it."""
        try:
            with self.server.told("reading a collection's settings"):
                config = self.of_thread.config.get()
        except (AssertionError, AttributeError, LookupError, TypeError, ValueError):
            hint = "What can be measured: hnsw and flat. A newer weaviate-client may know more."
            raise UserError(f"{self} has settings that the client can't read.", hint) from None
        if not self.is_own:
            self.vector = vector_name(config, self.index.vector_column, str(self))
        self.known = kept(config, self.vector)
        return config

    def insert(self, first: int, vectors: FloatMatrix, fields: Sequence[Mapping[str, Any]], uuids: list[UUID]) -> None:
        """``vectors`` of the rows from ``first``. Raises UserError where not all of them are taken."""
        from weaviate.classes.data import DataObject

        objects = [
            DataObject(dict(field), uuid=uuid, vector={VECTOR: vector.tolist()})
            for field, uuid, vector in zip(fields, uuids, vectors, strict=True)
        ]
        with self.server.told("filling a collection"):
            answer = self.server.patiently(lambda: self.of_thread.data.insert_many(objects))
        if answer.has_errors:
            words = self.server.words(next(iter(answer.errors.values())).message)
            problem = f"{self.server} refused {len(answer.errors)} of {len(objects)} objects from row {first}: {words}."
            raise UserError(problem, "What it says may tell why.")

    def count(self) -> int:
        with self.server.told("counting objects"):
            return int(self.of_thread.aggregate.over_all(total_count=True).total_count)

    def near(self, query: Floats, limit: int, condition: Any) -> list[tuple[UUID, float]]:
        """UUIDs and scores of the best ``limit`` that pass ``condition``, one call to the server."""
        from weaviate.classes.query import MetadataQuery

        score = METRICS[self.kept.distance][1]
        ask = partial(
            self.of_thread.query.near_vector,
            query.tolist(),
            limit=min(limit, MOST_RESULTS),
            filters=condition,
            target_vector=self.vector,
            return_metadata=MetadataQuery(distance=True),
            return_properties=[],
        )
        answer = self.server.patiently(ask)
        return [(found.uuid, score(found.metadata.distance)) for found in answer.objects]

    def condition(self, keep: Filter | None) -> Any:
        """``keep`` as a search takes it. Raises UserError where the collection has no such labels."""
        from weaviate.classes.query import Filter as Condition

        if keep is None:
            return None
        if keep.column not in self.labels:
            raise UserError(f"{self} has no labels '{keep.column}' to filter by.", "Leave out table, or the filter.")
        condition: Any = Condition
        return condition.by_property(self.labels[keep.column]).equal(keep.value)

    # Settings

    @property
    def has_limit(self) -> bool:
        """Whether how many candidates are re-ordered is a setting; else all that ``ef`` keeps are."""
        return bool(self.quantizer.word) and (index_type(self.index) != HNSW or not self.quantizer.always_rescored)

    def set_ef(self, ef: int) -> None:
        now = self.kept.ef
        if ef == now:
            return
        if not self.is_own:
            raise UserError(f"{self} has ef={now}, which is not changed for you.", f"Give search.ef=[{now}].")
        self.change(ef=ef)

    def set_limit(self, candidates: int) -> None:
        """Re-order as many; 0 is none, or as many as a search asks for."""
        now = max(self.kept.rescore_limit or 0, 0)
        if not self.has_limit or now == candidates:
            return
        if self.is_own:
            self.change(settings={"rescore_limit": candidates})
        elif candidates:
            problem = f"{self} re-orders {now} candidates, which is not changed for you."
            raise UserError(problem, f"Give rescore.candidates={now}." if now else "Leave out rescore.")

    def change(self, ef: int | None = None, settings: Mapping[str, Any] | None = None) -> None:
        """``settings`` are the quantizer's. Raises UserError where the collection does not say that it is changed."""
        settings = settings or {}
        with self.changing:
            with self.server.told("changing a collection's settings"):
                change(self.of_thread, self.kept, VECTOR, ef, self.quantizer.word, settings)
            before = self.kept
            self.read()
            limit = settings.get("rescore_limit", before.rescore_limit)
            if self.kept.ef != (before.ef if ef is None else ef) or self.kept.rescore_limit != limit:
                raise UserError(f"{self.server} did not change its {self.name}.", "May others change its settings?")


def fields_of(row: int, ids: Sequence[str], labels: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """What is kept with the vector of ``row``: its document's id, and its ``labels`` by the ``names`` of fields."""
    fields: dict[str, Any] = {name: int(labels[column][row]) for column, name in names.items()}
    return {**fields, ID: ids[row]} if ids else fields
