"""The schema of conf/chunking/, conf/quantization/ and conf/index/: what is kept of documents, and searched how."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

RESCORE_FACTOR = 4
KINDS = {  # how the components of a vector are kept
    "float": "as IEEE floats",
    "bfloat": "as floats of float32's range and fewer digits",
    "scalar": "each as one of 2^bits steps of a range learned on the documents",
    "binary": "each as its sign",
    "product": "so many together, as one of 2^bits patterns learned on the documents",
    "rotated_product": "likewise, after a rotation learned on the documents",
    "rabitq": "each in few bits, with factors beside them that make inner products estimable",
    "lsh": "each as its sign after a random rotation",
    "own": "as a class of one's own keeps them",
}


@dataclass
class RescoreConfig:
    """A second, finer copy of every vector that re-orders the best candidates of the codes.

    How many is ``candidates``, or ``factor`` × serve_k; both null is a factor of 4. Either may be a list: each of its
    numbers is an operating point of one built index.
    """

    store: str = "float32"
    factor: Any = None
    candidates: Any = None


@dataclass
class QuantizationConfig:
    """How a stored vector is kept: what it is, how FAISS calls it, and an optional rescoring store.

    ``kind`` is one of KINDS, ``bits`` how many are kept of a dimension, or of each ``subvector_dims`` of them: what
    every engine understands. Null is not said, which the faiss engine alone can do with. In ``faiss`` and
    ``transform``, fragments of its index_factory, {dims} is the width and {subvectors} how many times
    ``subvector_dims`` goes into it; other widths are filled up with zeros. ``_target_`` names a class of one's own
    instead, made with ``options``.
    """

    faiss: str = ""
    rescore: RescoreConfig | None = None
    transform: str = ""
    subvector_dims: int | None = None
    _target_: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    kind: str | None = None
    bits: int | None = None


@dataclass
class IndexConfig:
    """How stored vectors are searched, by which ``engine`` (a name of search.engine.ENGINES).

    ``faiss`` and ``binary`` are templates of FAISS's index_factory, for float and for binary codes; ``options`` are
    what another engine builds with. ``search`` lists the values of each search parameter; every combination is an
    operating point of one built index. ``nlist`` null is the square root of the number of documents, ``build_threads``
    null all threads.

    The rest is for databases. ``url`` null starts a private one and stops it at the end; ``url_variable`` names the
    environment variable that holds an address with a password, ``key_variable`` the one with a key. ``table`` is a
    table or collection that is there already, with ids in ``id_column`` and vectors in ``vector_column``: it is
    searched and never changed. Without it a run makes its own and removes it at the end, unless ``keep``.
    ``at_workload`` lets a run also fill a server with made vectors, to tell what it takes at the workload's size; a
    private one needs no leave.
    """

    faiss: str = ""
    binary: str = "{quantization}"
    nlist: int | None = None
    search: dict[str, list[Any]] = field(default_factory=dict)
    build_threads: int | None = None
    engine: str = "faiss"
    options: dict[str, Any] = field(default_factory=dict)
    url: str | None = None
    url_variable: str | None = None
    key_variable: str | None = None
    table: str | None = None
    id_column: str | None = None
    vector_column: str | None = None
    keep: bool = False
    timeout_seconds: float = 60.0
    at_workload: bool = False


@dataclass
class ChunkingConfig:
    """How documents are split before they are encoded. Documents are what is ranked and judged all the same.

    ``size`` and ``overlap`` count the model's own tokens; ``size`` null is all that it reads, less its prompt and
    special tokens. A document's score is the mean of its ``top_chunks`` best chunks: with 1, that of the best.
    """

    kind: str = MISSING
    size: int | None = None
    overlap: int = 0
    top_chunks: int = 1
