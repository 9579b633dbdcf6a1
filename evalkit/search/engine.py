"""What an engine is: the program that keeps and searches vectors, and the life of an index in it.

    plan → open → fill → set an operating point → search → facts → close

A plan has no side effects: whatever an engine can't do is refused there, before anything is encoded. A new engine is
one file with two classes, a line in ``ENGINES``, an extra with its client library and a YAML for each of its indexes
with ``engine: <name>``; it must pass the tests of tests/search/engines/contract.py. docs/engines.md tells more.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

from evalkit.arrays import FloatMatrix, Rows, Scores
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.config.schema.search import KINDS
from evalkit.errors import UserError, did_you_mean
from evalkit.measures.ranking import Ranking
from evalkit.vectors.matrix import Vectors

ENGINES = {  # name: "module:class"
    "faiss": "evalkit.search.engines.faiss.engine:FaissEngine",
    "milvus": "evalkit.search.engines.milvus.engine:MilvusEngine",
    "own": "evalkit.search.engines.own:OwnEngine",
    "pgvector": "evalkit.search.engines.pgvector.engine:PgvectorEngine",
    "pinecone": "evalkit.search.engines.pinecone:PineconeEngine",
    "weaviate": "evalkit.search.engines.weaviate.engine:WeaviateEngine",
    "qdrant": "evalkit.search.engines.qdrant.engine:QdrantEngine",
}
OWN = "own"
READ_FRAGMENTS = ("faiss", OWN)  # engines that need no kind and bits of a quantization
CPU = "cpu"
THERE_ALREADY = "the index was there already"


@dataclass(frozen=True)
class Payload:
    """What documents are filled in with, beside their vectors and in their order; chunks with that of their document.

    ``ids`` are the corpus's own. ``labels`` are whole numbers by the name of their column, by which ``Filter`` chooses.
    """

    ids: Sequence[str] = ()
    labels: Mapping[str, Rows] = field(default_factory=dict)


NOTHING = Payload()


@dataclass(frozen=True)
class Filter:
    """Those documents whose label in ``column`` is ``value``; ``passing`` are their rows, ascending."""

    column: str
    value: int
    passing: Rows


@dataclass(frozen=True)
class Resources:
    """``memory_bytes`` that vectors may take, and the ``device`` that searches (``cpu``, ``cuda``, ``cuda:1`` …)."""

    memory_bytes: float = float("inf")
    device: str = CPU


@dataclass(frozen=True)
class Plan:
    """What an engine was asked for and can do: ``documents`` vectors of ``dims``, kept and searched as configured.

    ``words`` is what will be built, in the engine's own language. ``metric`` is what scores are made from:
    ``inner_product``, ``l2`` (negated), ``hamming`` or ``own``. ``exhaustive`` says that every vector is compared.
    ``held_bytes`` is about what it will take of this process's memory; 0 for a server's index. ``no_filter`` says why
    just this index can't search among some of its documents, though its engine can; empty where it can. ``on_disk``
    says that its codes will be read from disk, as memory has no room for them.
    """

    engine: str
    words: str
    dims: int
    documents: int
    quantization: QuantizationConfig
    index: IndexConfig
    metric: str
    exhaustive: bool
    resources: Resources = Resources()
    held_bytes: int = 0
    no_filter: str = ""
    on_disk: bool = False

    def set_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Raises UserError for a search parameter that was not planned; sets nothing."""
        for name in parameters:
            if name not in self.index.search:
                raise no_parameter(name)


@dataclass(frozen=True)
class Built:
    """What building took and what must be kept.

    ``bytes_per_vector`` counts everything kept per document, a rescoring store included; ``index_bytes`` is all of it
    as serialized or as the engine counts it, codebooks and headers too; both are null where it does not tell.
    ``training_vectors`` is how many documents codebooks and ranges were learned from, 0 where nothing is learned,
    ``training_seconds`` the part of ``seconds`` that this took. ``on_disk`` says that vectors are read from the store
    at every search, which is no speed that a server would have. ``table_bytes`` are those of ``index_bytes`` that a
    database keeps in its table, vectors and ids, whatever index there is. ``seconds`` are NaN for what was there.
    """

    seconds: float
    training_seconds: float
    training_vectors: int
    index_bytes: int | None
    bytes_per_vector: float | None
    on_disk: bool = False
    table_bytes: int | None = None


@dataclass(frozen=True)
class EngineFacts:
    """Of a filled index: which program in which version keeps how many bytes, by its own count.

    ``proof`` is the evidence of which index and which codes are in use, such as the classes of FAISS's index or the
    plan of a database. ``unproven`` says why they can't be shown to be in use: no figure is then given. ``reasons`` say
    why bytes are not known (column → reason). ``contract`` is what a table that was there already says of the model
    that made its vectors.
    """

    name: str
    version: str
    index_bytes: int | None
    bytes_per_vector: float | None
    proof: Mapping[str, str] = field(default_factory=dict)
    unproven: str = ""
    reasons: Mapping[str, str] = field(default_factory=dict)
    contract: Mapping[str, Any] | None = None


class Rescoring(Protocol):
    """A finer copy of the documents, which re-orders candidates."""

    def scores(self, queries: FloatMatrix, rows: Rows) -> Scores:
        """Inner products of float queries with the finer copies of ``rows`` (queries × candidates); -inf for -1."""

    def search(self, queries: FloatMatrix, k: int, candidates: int, keep: Filter | None = None) -> Ranking | None:
        """The best ``k`` of as many ``candidates``, in one call as a server would make it; null where it has none."""


class Index(Protocol):
    """An opened index. It is searched by several threads at once; rows are numbers of documents, in filling order.

    A database opens a connection for each thread that searches, and closes all of them with itself.
    """

    @property
    def metric(self) -> str:
        """What scores are made from (see Plan)."""

    @property
    def rescoring(self) -> Rescoring | None:
        """Known once it is filled; null where the quantization has no rescoring store."""

    def fill(self, documents: Vectors, payload: Payload) -> Built:
        """Train on ``documents.sample()`` where something is learned, and keep every one of ``documents.blocks()``.

        A table that was there already is not filled: its rows are found by ``payload.ids``, and some of its vectors
        compared with those of ``documents``. Raises UserError where they are not the same.
        """

    def set(self, parameters: Mapping[str, Any]) -> None:
        """Choose the operating point for all who search. Raises UserError for a parameter that it does not have."""

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> Ranking:
        """The best ``k`` by the codes alone: higher scores are better, equal ones in no particular order.

        Of an approximate index that is asked for more than its operating point looks at, it looks at more. With
        ``keep``, the best of those documents, filtered as the engine itself does it.
        """

    def facts(self) -> EngineFacts:
        """Of the filled index."""


class Engine(Protocol):
    """Keeps and searches vectors: opens an index for whatever it has planned. Closing frees what opening took.

    ``filters`` says that it can search among some of its documents.
    """

    filters: bool

    def plan(
        self, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, resources: Resources
    ) -> Plan:
        """Raises UserError for what this engine can't do, also for a parameter of ``index.search``."""

    def open(self, plan: Plan) -> AbstractContextManager[Index]: ...


def plan(
    dims: int,
    documents: int,
    quantization: QuantizationConfig,
    index: IndexConfig,
    resources: Resources = Resources(),
) -> Plan:
    """What the engine of the two configs will build, without a side effect. Raises UserError where it can't."""
    if quantization.kind is not None and quantization.kind not in KINDS:
        raise UserError(f"the kind '{quantization.kind}' is unknown.", did_you_mean(quantization.kind, KINDS))
    engine = engine_of(quantization, index)
    if quantization.kind is None and engine_name(quantization, index) not in READ_FRAGMENTS:
        raise UserError(
            f"the engine {index.engine} can't tell what this quantization is: it says no kind.",
            f"Give kind and bits beside its FAISS string; kinds are {', '.join(KINDS)}.",
        )
    return engine.plan(dims, documents, quantization, index, resources)


def engine_of(quantization: QuantizationConfig, index: IndexConfig) -> Engine:
    """The engine that serves the two: a name of ENGINES, or ``module:Class`` of an engine of one's own.

    Raises UserError for an unknown name, with the nearest one, and for a class that can't be loaded.
    """
    name = engine_name(quantization, index)
    place = ENGINES.get(name, name)
    module, _, class_name = place.partition(":")
    if not class_name:
        raise UserError(f"there is no engine '{name}'.", did_you_mean(name, ENGINES))
    try:
        engine: Engine = getattr(import_module(module), class_name)()
    except (ImportError, AttributeError) as error:
        raise UserError(f"the engine {place} can't be loaded: {error}.", "Name what can be imported.") from None
    return engine


def engine_name(quantization: QuantizationConfig, index: IndexConfig) -> str:
    """A class of one's own searches by itself, unless another engine than FAISS is asked for, which will refuse it."""
    return OWN if quantization._target_ and index.engine in READ_FRAGMENTS else index.engine


def no_parameter(name: str, known: Sequence[str] | None = None) -> UserError:
    """For a search parameter that isn't there; ``known`` are those of an engine other than FAISS."""
    hint = "HNSW has efSearch, IVF has nprobe; flat has none."
    if known is not None:
        hint = did_you_mean(name, known) if known else "It has none."
    return UserError(f"this index has no parameter '{name}'.", hint)
