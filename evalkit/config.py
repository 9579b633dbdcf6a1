"""The typed schema of conf/: which keys exist, and of which type. Which values can work is in validation.py."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

MULTI_GROUPS = ("corpus", "quantization", "index")
GROUPS = ("model", *MULTI_GROUPS, "runtime", "pricing", "workload", "experiment")
STORES = ("float32", "float16", "int8")
STORE_DTYPES = ("float32", "float16")


@dataclass
class Prompts:
    """The exact text put before every text of one side; empty means none."""

    query: str = ""
    document: str = ""


@dataclass
class ApiConfig:
    """How a model behind an HTTP API is called, and how far a bill may go. Null means no limit.

    ``native_dims`` asks the API for vectors of the model's ``native_dims`` instead of its full width; ``compare_dims``
    lists widths at which the API's own cut is compared with the local one.
    """

    key_variable: str | None = None
    input_types: Prompts = field(default_factory=Prompts)
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


@dataclass
class ModelConfig:
    """A model: where it comes from and what its own documentation says of it. See conf/model/."""

    kind: str = MISSING
    name: str = ""
    revision: str | None = None
    path: str | None = None
    url: str | None = None
    package: str | None = None
    tokenizer: str | None = None
    pooling: str = "mean"
    weights_sha256: str | None = None
    prompts: Prompts = field(default_factory=Prompts)
    api: ApiConfig = field(default_factory=ApiConfig)
    max_length: int | None = None
    native_dims: int | None = None
    matryoshka_dims: list[int] = field(default_factory=list)
    layer_norm: bool = False
    fuse: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    trust_remote_code: bool = False
    licence: str | None = None

    def __post_init__(self) -> None:
        if not self.name and self.path:
            self.name = Path(self.path).expanduser().resolve().name


@dataclass
class RescoreConfig:
    """A second, finer copy of every vector that re-orders ``factor`` × top_k candidates."""

    store: str = "float32"
    factor: int = 4


@dataclass
class QuantizationConfig:
    """How a stored vector is kept: a fragment of FAISS's index_factory, and an optional rescoring store.

    In ``faiss`` and ``transform``, {dims} is the width and {subvectors} how many times ``subvector_dims`` goes into
    it; other widths are filled up with zeros. ``_target_`` names a class of one's own instead, made with ``options``.
    """

    faiss: str = ""
    rescore: RescoreConfig | None = None
    transform: str = ""
    subvector_dims: int | None = None
    _target_: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class IndexConfig:
    """How stored vectors are searched: templates of FAISS's index_factory, for float and for binary codes.

    ``search`` lists the values of each search parameter; every combination is an operating point of one built index.
    ``nlist`` null is the square root of the number of documents, ``build_threads`` null all threads.
    """

    faiss: str = MISSING
    binary: str = "{quantization}"
    nlist: int | None = None
    search: dict[str, list[int]] = field(default_factory=dict)
    build_threads: int | None = None


@dataclass
class RuntimeConfig:
    """What runs the model, on which device and in which precision."""

    kind: str = MISSING
    device: str = "auto"
    precision: str = "float32"
    compile: bool = False
    token_budget: int | None = None
    threads: int | None = None
    latency_calls: int = 200


@dataclass
class StoreConfig:
    """Where embeddings are kept between runs; null is the user's cache folder."""

    path: str | None = None
    dtype: str = "float32"
    shard_texts: int = 512
    max_gb: float | None = None


@dataclass
class MachinePrice:
    """A machine for rent. ``cores`` are those of one chosen by its CPU, ``gpu`` a word of its device's name."""

    name: str = MISSING
    usd_per_hour: float = MISSING
    cores: int | None = None
    gpu: str | None = None
    priced_on: str | None = None
    read_on: str | None = None
    source: str | None = None


@dataclass
class StoragePrice:
    """Something that an index is kept in; a GB is 10⁹ bytes."""

    name: str = MISSING
    usd_per_gb_month: float = MISSING
    priced_on: str | None = None
    read_on: str | None = None
    source: str | None = None


@dataclass
class HostedPrice:
    """A hosted model, by the name that results call it."""

    name: str = MISSING
    usd_per_million_tokens: float = MISSING
    priced_on: str | None = None
    read_on: str | None = None
    source: str | None = None


@dataclass
class PricingConfig:
    """What things cost: conf/pricing/."""

    machine: str = "auto"
    usd_per_hour: float | None = None
    machines: dict[str, MachinePrice] = field(default_factory=dict)
    storage: dict[str, StoragePrice] = field(default_factory=dict)
    models: dict[str, HostedPrice] = field(default_factory=dict)


@dataclass
class WorkloadConfig:
    """What is to be embedded, kept and searched: conf/workload/."""

    documents: int = 1_000_000
    tokens_per_document: float | None = None
    tokens_per_query: float | None = None
    changed_documents_per_month: int = 0
    queries_per_month: int = 1_000_000
    reembeddings_per_year: float = 1.0
    write_off_months: float = 12.0
    replicas: int = 1
    storage: str = "ram"
    machine_hours_per_month: float = 0.0


@dataclass
class RunConfig:
    """Everything that one run needs; conf/run.yaml has the defaults."""

    model: ModelConfig = field(default_factory=ModelConfig)
    corpus: dict[str, Any] = field(default_factory=dict)
    quantization: dict[str, QuantizationConfig] = field(default_factory=dict)
    index: dict[str, IndexConfig] = field(default_factory=dict)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    pricing: PricingConfig = field(default_factory=PricingConfig)
    workload: WorkloadConfig = field(default_factory=WorkloadConfig)
    dims: Any = "native"
    measures: list[str] = field(default_factory=list)
    top_k: int = 100
    save_rankings: bool = True
    save_query_texts: bool = True
    memory_gb: float = 1.0
    search_device: str = "cpu"
    load_seconds: float = 0.0
    data_dir: str = "data"
    results_dir: str = "results"


@dataclass
class ExportConfig:
    """What ``python -m evalkit export`` writes; conf/export.yaml has the defaults."""

    run: str | None = None
    formats: list[str] = field(default_factory=list)
    output_dir: str | None = None
    results_dir: str = "results"


@dataclass
class GateConfig:
    """What ``python -m evalkit gate`` compares and how strict it is; conf/gate.yaml has the defaults."""

    baseline: str = MISSING
    candidate: str | None = None
    match: list[str] = field(default_factory=list)
    measures: list[str] = field(default_factory=list)
    policy: str = "no_regression"
    tolerance: float = 0.0
    relative: bool = False
    alpha: float = 0.05
    resamples: int = 2_000
    limits: dict[str, float | None] | None = None
    require_same_space: bool = False
    inconclusive_exit_code: int = 3
    repeat: int = 1
    results_dir: str = "results"
    reports_dir: str = "reports"


@dataclass
class ReportConfig:
    """Which runs ``python -m evalkit report`` ranks, and by what; conf/report.yaml has the defaults."""

    runs: list[str] = field(default_factory=list)
    measure: str = "nDCG@10"
    cost: str = "cost_month_usd"
    within: float = 0.01
    alpha: float = 0.05
    pricing: PricingConfig = field(default_factory=PricingConfig)
    workload: WorkloadConfig = field(default_factory=WorkloadConfig)
    results_dir: str = "results"
    reports_dir: str = "reports"


@dataclass
class BaselineConfig:
    """What ``python -m evalkit baseline accept`` keeps, and where; conf/baseline.yaml has the defaults."""

    run: str | None = None
    name: str = "main"
    results_dir: str = "results"


@dataclass
class NewCorpusConfig:
    """What ``python -m evalkit new-corpus`` makes of a folder; conf/new-corpus.yaml has the defaults."""

    output_dir: str | None = None
    chunk_characters: int | None = None
    headings: bool = False


@dataclass
class StoreCommandConfig:
    """What ``python -m evalkit store`` looks at and removes; conf/store.yaml has the defaults."""

    path: str | None = None
    verify: bool = False
    older_than_days: float | None = None
    max_gb: float | None = None


SCHEMAS: dict[str, type] = {
    "run": RunConfig,
    "export": ExportConfig,
    "store": StoreCommandConfig,
    "gate": GateConfig,
    "baseline": BaselineConfig,
    "report": ReportConfig,
    "new-corpus": NewCorpusConfig,
}
