"""A collection that is there already: what it says of itself, whose vectors it holds, and searches; never a change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalkit.arrays import Floats
from evalkit.config import IndexConfig
from evalkit.errors import UserError, did_you_mean, printable
from evalkit.search.engine import Payload
from evalkit.search.engines.database import Hits
from evalkit.search.engines.qdrant.collection import BINARY, PRODUCT, SCALAR, Collection, codes_in_words
from evalkit.search.engines.qdrant.connection import Connection
from evalkit.search.engines.qdrant.requests import PointId, searched
from evalkit.search.engines.qdrant.store import SearchRequest, Stored
from evalkit.search.engines.there_already import contract_in, matched
from evalkit.vectors.matrix import Vectors

if TYPE_CHECKING:
    from qdrant_client.models import CollectionInfo, VectorParams

PAGE = 1_000  # points of one answer
MOST_SHOWN = 80


@dataclass(frozen=True)
class Existing:
    """A collection as its server describes it. ``vector`` is the name of its vectors, null where they have none."""

    where: str
    name: str
    id_key: str | None
    vector: str | None
    dims: int
    distance: str
    datatype: str
    codes: str
    compression: str
    m: int
    full_scan_threshold: int
    contract: Mapping[str, Any] | None

    def check(self, collection: Collection) -> None:
        """Raises UserError where a search of it would not be what ``collection`` asks for."""
        if self.dims != collection.dims:
            raise UserError(
                f"{self.where} holds vectors of {self.dims:,} dims, and this setting has {collection.dims:,}.",
                f"Give dims={self.dims} and the model that it was filled with.",
            )
        if self.distance not in ("Dot", "Cosine"):
            raise UserError(f"{self.where} is searched by {self.distance}.", "evalkit searches by Dot or Cosine.")
        has = (self.datatype, self.codes, self.compression)
        if has != (collection.datatype, collection.codes, collection.compression):
            asked = f"{collection.datatype} vectors and {collection.codes_in_words}"
            kept = f"{self.datatype} vectors and {codes_in_words(self.codes, self.compression)}"
            raise UserError(f"{self.where} has {kept}, and this setting asks for {asked}.", self.way_out)
        if collection.m and not self.m:
            raise UserError(f"{self.where} has no graph (m=0).", "Use index=qdrant_exact.")
        if not collection.m and self.m and self.codes:
            raise UserError(
                f"{self.where} has a graph and codes: an exact search there passes over the codes.",
                "Use index=qdrant_hnsw.",
            )

    @property
    def way_out(self) -> str:
        names = {"": self.datatype, SCALAR: "int8", BINARY: "binary", PRODUCT: "pq"}
        return f"Give quantization={names.get(self.codes, 'float32')}" + (" or its _rescore." if self.codes else ".")


def described(connection: Connection, index: IndexConfig) -> Existing:
    """The collection that ``index`` names. Raises UserError where there is none, or none of that vector's name."""
    name = str(index.table)
    where = f"the collection {printable(name, MOST_SHOWN)}"
    if not connection.ask("a collection was sought", lambda client: client.collection_exists(name)):
        names = connection.ask("it was asked for its collections", lambda client: client.get_collections()).collections
        hint = did_you_mean(name, [each.name for each in names]) or "It has none."
        raise UserError(f"{connection.where} has no collection {printable(name, MOST_SHOWN)}.", hint)
    info = connection.ask("a collection was read", lambda client: client.get_collection(name))
    vector = named_vector(info, index.vector_column, where)
    hnsw, own_hnsw = info.config.hnsw_config, vector.hnsw_config
    codes, compression = codes_of(vector.quantization_config or info.config.quantization_config)
    return Existing(
        where,
        name,
        index.id_column,
        index.vector_column,
        vector.size,
        vector.distance.value,
        vector.datatype.value if vector.datatype else "float32",
        codes,
        compression,
        hnsw.m if own_hnsw is None or own_hnsw.m is None else own_hnsw.m,
        (own_hnsw and own_hnsw.full_scan_threshold) or hnsw.full_scan_threshold,
        contract_in(info.config.metadata),
    )


def named_vector(info: "CollectionInfo", name: str | None, where: str) -> "VectorParams":
    """Raises UserError for a name that no vectors of the collection have."""
    vectors = info.config.params.vectors
    if not isinstance(vectors, dict):
        if name is None and vectors is not None:
            return vectors
        raise UserError(f"{where} has no vectors with a name.", "Leave out vector_column.")
    if name not in vectors:
        hint = did_you_mean(name, vectors) if name else f"Name them by vector_column: {', '.join(vectors)}."
        raise UserError(
            f"{where} has no vectors {f'named {name}' if name else 'without a name'}.", hint or "It has none."
        )
    return vectors[name]


def codes_of(quantization: Any) -> tuple[str, str]:
    """(codes, compression) of a collection's quantization; ("", "") for none, another's own name for another."""
    if quantization is None:
        return "", ""
    kind = next(iter(type(quantization).model_fields))
    compression = quantization.product.compression.value if kind == PRODUCT else ""
    return kind, compression


class ExistingCollection:
    """It is only read. ``points`` are the ids of its points by row, once they are known."""

    is_own = False

    def __init__(self, connection: Connection, existing: Existing, collection: Collection) -> None:
        self.connection, self.existing, self.collection = connection, existing, collection
        self.known_version = connection.version()
        self.points: Sequence[PointId] = []
        self.rows: Mapping[PointId, int] = {}

    @property
    def version(self) -> str:
        return self.known_version

    def fill(self, documents: Vectors, payload: Payload) -> None:
        """Nothing is filled: each document's point is found, and a sample of vectors compared with ``documents``."""
        where = self.existing.where
        found = matched(where, payload.ids, documents, self.count(), self.ids(), self.vectors)
        self.points, self.rows = found.keys, found.rows

    def count(self) -> int:
        name = self.existing.name
        return self.connection.ask("its points were counted", lambda client: client.count(name, exact=True)).count

    def ids(self) -> Iterator[tuple[PointId, str | None]]:
        """(the point's id, the document's id) of every point, read in pages."""
        key, offset = self.existing.id_key, None
        while True:
            page, offset = self.connection.ask(
                "ids were read",
                lambda client, offset=offset: client.scroll(  # type: ignore[misc]
                    self.existing.name,
                    limit=PAGE,
                    offset=offset,
                    with_payload=[key] if key else False,
                    with_vectors=False,
                ),
            )
            for point in page:
                identifier = point.id if key is None else (point.payload or {}).get(key)
                yield point.id, None if identifier is None else str(identifier)
            if offset is None:
                return

    def vectors(self, points: list[PointId]) -> list[list[float]]:
        """Those of ``points``, in their order; empty where one is gone or has none of that name."""
        name = self.existing.vector
        records = self.connection.ask(
            "vectors were read",
            lambda client: client.retrieve(
                self.existing.name, points, with_payload=False, with_vectors=[name] if name else True
            ),
        )
        found: dict[Any, Any] = {record.id: record.vector for record in records}
        return [((found.get(point) or {}).get(name) if name else found.get(point)) or [] for point in points]

    def query(self, vector: Floats, search: SearchRequest) -> Hits:
        points = None if search.rows is None else [self.points[row] for row in search.rows]
        hits = searched(self.connection, self.existing.name, vector, search, points, self.existing.vector)
        known = [(self.rows[point], score) for point, score in hits if point in self.rows]
        return [row for row, _ in known], [score for _, score in known]

    def stored(self) -> Stored:
        name, existing = self.existing.name, self.existing
        info = self.connection.ask("a collection was read", lambda client: client.get_collection(name))
        return Stored(
            points=self.count(),
            indexed=info.indexed_vectors_count or 0,
            segments=max(1, info.segments_count - 1),  # one is for what is still to come
            m=existing.m,
            full_scan_threshold=existing.full_scan_threshold,
            state=f"status {info.status.value}",
            name=name,
            contract=existing.contract,
        )
