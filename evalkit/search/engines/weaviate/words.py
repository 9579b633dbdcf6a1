"""What Weaviate calls things: quantizers, kinds of index, and the definition of a collection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError, did_you_mean

HNSW, FLAT = "hnsw", "flat"
VECTOR = "default"  # what the only vector of an object is called
ID = "document_id"
LEAST_VERSION = (1, 24)
CENTROIDS = 256
MOST_LEARNED = 100_000  # vectors that a quantizer learns from


@dataclass(frozen=True)
class Quantizer:
    """How Weaviate compresses vectors: ``word`` is its key in the definition, ``settings`` stand below it.

    ``is_learned`` from the vectors that are there, so it is switched on once they are. ``always_rescored``: whatever
    is asked for, the candidates are re-ordered by the whole vectors. ``version`` is the first that has it.
    """

    word: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_learned: bool = False
    always_rescored: bool = False
    version: tuple[int, int] = LEAST_VERSION
    indexes: Sequence[str] = (HNSW,)

    @property
    def name(self) -> str:
        """As a refusal or a proof calls it: ``rq, 8 bits``."""
        bits = self.settings.get("bits")
        return (f"{self.word}, {bits} bits" if bits else self.word) or "uncompressed"


UNCOMPRESSED = Quantizer(indexes=(HNSW, FLAT))
QUANTIZERS = {  # (kind, bits) of a quantization
    ("float", 32): UNCOMPRESSED,
    ("binary", 1): Quantizer("bq", always_rescored=True, indexes=(HNSW, FLAT)),
    ("scalar", 8): Quantizer("sq", is_learned=True, version=(1, 26)),
    ("product", 8): Quantizer("pq", {"centroids": CENTROIDS}, is_learned=True, always_rescored=True),
    ("rabitq", 8): Quantizer("rq", {"bits": 8}, version=(1, 32)),
    ("rabitq", 1): Quantizer("rq", {"bits": 1}, version=(1, 33)),
}


def quantizer_of(quantization: QuantizationConfig, index: str, dims: int, documents: int) -> Quantizer:
    """What keeps vectors as ``quantization`` says. Raises UserError where Weaviate's ``index`` can't."""
    quantizer = QUANTIZERS.get((str(quantization.kind), quantization.bits or 0))
    if quantizer is None or index not in quantizer.indexes:
        what = f"{quantization.kind} of {quantization.bits} bits"
        raise UserError(f"Weaviate's {index} can't keep vectors as {what}.", f"Use {', '.join(names_for(index))}.")
    rescore = quantization.rescore
    if quantizer.always_rescored and rescore is None:
        problem = f"Weaviate's {index} with {quantizer.word} always re-orders by the whole vectors."
        raise UserError(problem, "Use the quantization with rescoring, such as binary_rescore or pq_rescore.")
    if rescore is not None and not quantizer.word:
        raise UserError("whole vectors are not re-ordered by copies of them.", "Leave out rescore.")
    if rescore is not None and rescore.store != "float32":
        raise UserError(f"Weaviate re-orders by float32 vectors, not {rescore.store}.", "Use rescore.store=float32.")
    if quantizer.word == "pq":
        check_product(quantization, dims, documents)
    return quantizer


def check_product(quantization: QuantizationConfig, dims: int, documents: int) -> None:
    """Raises UserError where segments don't fill the width, or too few documents are there to learn from."""
    if dims % (quantization.subvector_dims or 1):
        problem = f"Weaviate's pq needs dims that {quantization.subvector_dims} divides, and {dims} are not."
        raise UserError(problem, "Choose other dims, or another subvector_dims.")
    if documents < CENTROIDS:
        problem = f"Weaviate's pq learns {CENTROIDS} patterns and needs as many documents, there are {documents}."
        raise UserError(problem, "Use another quantization.")


def names_for(index: str) -> list[str]:
    """The names of conf/quantization/ that ``index`` can keep."""
    both = ["float32", "binary_rescore"]
    return both if index == FLAT else [*both, "int8", "int8_rescore", "pq_rescore", "rabitq", "rabitq_rescore"]


def index_type(index: IndexConfig) -> str:
    """Raises UserError for one that is unknown."""
    name = str(index.options.get("index", HNSW))
    if name not in (HNSW, FLAT):
        raise UserError(f"Weaviate has no index '{name}' that can be measured.", did_you_mean(name, (HNSW, FLAT)))
    return name


def learning(quantizer: Quantizer, dims: int, subvector_dims: int | None, documents: int) -> dict[str, Any]:
    """What switches on a quantizer that learns from all ``documents``, in the words of the client library.

    ``segments`` is how many patterns a vector is written in.
    """
    segments = {"segments": dims // (subvector_dims or 1)} if quantizer.word == "pq" else {"rescore_limit": 0}
    return {**quantizer.settings, **segments, "training_limit": min(documents, MOST_LEARNED)}


def definition(
    name: str, index: IndexConfig, quantizer: Quantizer, labels: Sequence[str], ef: int | None = None
) -> dict[str, Any]:
    """A collection as POST /v1/schema takes it: one vector for each object, its id, and whole numbers as ``labels``."""
    kind = index_type(index)
    vectors: dict[str, Any] = {"distance": "dot"}
    if kind == HNSW:
        named = {"maxConnections": index.options.get("m"), "efConstruction": index.options.get("ef_construction")}
        vectors |= {key: value for key, value in {**named, "ef": ef}.items() if value is not None}
    if quantizer.word and not quantizer.is_learned:
        unscored = {} if kind == HNSW and quantizer.always_rescored else {"rescoreLimit": 0}
        vectors[quantizer.word] = {"enabled": True, **quantizer.settings, **unscored}
    else:
        vectors["skipDefaultQuantization"] = True  # newer servers compress what does not say so
    return {
        "class": name,
        "description": "made by evalkit, which removes it at the end of its run",
        "vectorConfig": {
            VECTOR: {"vectorizer": {"none": {}}, "vectorIndexType": kind, "vectorIndexConfig": vectors},
        },
        "shardingConfig": {"desiredCount": 1},  # one index, whatever nodes there are
        "properties": [
            {"name": ID, "dataType": ["text"], "indexFilterable": False, "indexSearchable": False},
            *({"name": label, "dataType": ["int"], "indexFilterable": True} for label in labels),
        ],
    }
