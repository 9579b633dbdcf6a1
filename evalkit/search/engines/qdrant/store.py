"""Where points lie, in this process or in a server: what both do alike, and how one query is asked of either."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evalkit.arrays import FloatMatrix, Floats
from evalkit.search.engine import Payload
from evalkit.search.engines.database import Hits
from evalkit.vectors.matrix import Vectors

BATCH_COMPONENTS = 400_000  # of a request, about 8 MB of JSON: a server takes 32 MB
ID = "id"  # the payload's key for a document's id


@dataclass(frozen=True)
class SearchRequest:
    """How one query is answered, as Qdrant's search parameters say it.

    ``exact`` compares the vectors themselves. ``oversampling`` × ``limit`` of the codes' best are re-ordered by the
    vectors; null is by the codes alone. ``label`` is what a key of the payload must be, ``rows`` are the only ones
    compared.
    """

    limit: int
    hnsw_ef: int | None = None
    exact: bool = False
    oversampling: float | None = None
    label: tuple[str, int] | None = None
    rows: Sequence[int] | None = None


@dataclass(frozen=True)
class KeptBytes:
    """Bytes of ``vectors``, of their ``codes`` and graph, and of ``codebooks``, which do not grow with the vectors."""

    vectors: int
    codes: int
    codebooks: int

    @property
    def total(self) -> int:
        return self.vectors + self.codes + self.codebooks

    def per_vector(self, vectors: int) -> float:
        return (self.vectors + self.codes) / vectors


@dataclass(frozen=True)
class Stored:
    """What Qdrant itself says of what it keeps.

    ``points`` are all, ``indexed`` those in segments with a graph or codes. ``m``, ``full_scan_threshold`` (KB) and
    ``state`` are of the index as it was built. ``kept`` is null where there is no honest count. ``name`` is empty where
    the collection is gone after the run, ``contract`` what its metadata say of the model.
    """

    points: int
    indexed: int
    segments: int
    m: int
    full_scan_threshold: int
    state: str
    kept: KeptBytes | None = None
    name: str = ""
    contract: Mapping[str, Any] | None = None


class Store(Protocol):
    """A collection, or a shard in this process. It is queried by several threads at once.

    ``version`` says which build of Qdrant it is; ``is_own`` that evalkit has made it.
    """

    is_own: bool

    @property
    def version(self) -> str: ...

    def fill(self, documents: Vectors, payload: Payload) -> None:
        """Keep all ``documents``, and come back when codes and graph are made; or find those that are there already."""

    def query(self, vector: Floats, search: SearchRequest) -> Hits:
        """Rows and scores, best first."""

    def stored(self) -> Stored: ...


def label_keys(payload: Payload) -> dict[str, str]:
    """The payload's key for each column of labels: the names of columns may hold what a path of keys does not."""
    return {column: f"label_{number}" for number, column in enumerate(payload.labels)}


def batches(documents: Vectors, payload: Payload) -> Iterator[tuple[int, FloatMatrix, list[dict[str, Any]]]]:
    """(first row, vectors, payloads) of all ``documents``, in order and in parts that a request can hold."""
    rows = max(1, BATCH_COMPONENTS // documents.dims)
    for first_of_block, block in documents.blocks():
        for start in range(0, len(block), rows):
            first, vectors = first_of_block + start, block[start : start + rows]
            yield first, vectors, payloads(first, len(vectors), payload)


def payloads(first: int, count: int, payload: Payload) -> list[dict[str, Any]]:
    """What is kept beside the vectors of ``count`` rows: the document's id, and each label."""
    rows = range(first, first + count)
    points: list[dict[str, Any]] = [{ID: payload.ids[row]} if len(payload.ids) else {} for row in rows]
    for column, key in label_keys(payload).items():
        for point, value in zip(points, payload.labels[column][first : first + count].tolist(), strict=True):
            point[key] = value
    return points
