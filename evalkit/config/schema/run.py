"""The schema of a run: conf/run.yaml, conf/runtime/, and every group together."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from evalkit.config.schema.corpora import CorpusConfig
from evalkit.config.schema.cost import PricingConfig, WorkloadConfig
from evalkit.config.schema.filters import FilterConfig
from evalkit.config.schema.models import HostedModel, ModelConfig
from evalkit.config.schema.search import ChunkingConfig, IndexConfig, QuantizationConfig
from evalkit.config.schema.stages import AnyStage
from evalkit.config.schema.tasks import TaskConfig
from evalkit.system.memory import memory_bytes

SERVE_K = 10
CLIENTS = (1, 2, 4, 8, 16, 32)  # numbers of clients at once that there are columns for


@dataclass
class RuntimeConfig:
    """What runs the model, on which device and in which precision; ``timing_seconds`` 0 times no sample.

    ``threads`` are those of the whole process, ``threads_per_stream`` those that compute one batch.
    """

    kind: str = MISSING
    device: str = "auto"
    precision: str = "float32"
    compile: bool = False
    token_budget: int | None = None
    threads: int | None = None
    threads_per_stream: int | None = None
    latency_calls: int = 200
    timing_seconds: float = 10.0


@dataclass
class ExecutorConfig:
    """Who encodes the shards of a pass.

    ``workers`` and ``address`` are of the kinds that start workers; null leaves them to the kind. ``lapse_seconds`` is
    of ranks: without a sign of life for so long, another rank takes what one was at.
    """

    kind: str = "local"
    workers: int | None = None
    address: str | None = None
    lapse_seconds: float = 60.0


@dataclass
class StoreConfig:
    """Where embeddings are kept between runs; null is the user's cache folder."""

    path: str | None = None
    dtype: str = "float32"
    shard_texts: int = 512
    max_gb: float | None = None
    reuse_texts: bool = True


@dataclass
class LoadConfig:
    """Several clients at once, each with a connection of its own; ``seconds`` 0 leaves all of it out.

    Every number of ``clients`` (of CLIENTS) searches for so many seconds, each client sending its next query when the
    last one is answered. ``queries_per_second`` also offers queries at that rate, whether earlier ones are answered or
    not; null leaves that out.
    """

    seconds: float = 0.0
    clients: list[int] = field(default_factory=lambda: [1, 2, 4, 8])
    queries_per_second: float | None = None


@dataclass
class RunConfig:
    """Everything that one run needs; conf/run.yaml has the defaults.

    ``serve_k`` is how many results a user is given, ``top_k`` how deep rankings go. ``allow_code`` are the modules
    whose classes a quantization's ``_target_`` and an index's ``engine`` may name. ``corpus_sizes`` are numbers of
    documents, or ``full``; ``distractors`` is one of the run's corpora, whose documents enlarge the others.
    """

    task: dict[str, TaskConfig] = field(default_factory=dict)
    model: ModelConfig = field(default_factory=ModelConfig)
    corpus: dict[str, CorpusConfig] = field(default_factory=dict)
    quantization: dict[str, QuantizationConfig] = field(default_factory=dict)
    index: dict[str, IndexConfig] = field(default_factory=dict)
    chunking: ChunkingConfig = field(default_factory=ChunkingConfig)
    filter: FilterConfig = field(default_factory=FilterConfig)
    stages: dict[str, AnyStage] = field(default_factory=dict)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    pricing: PricingConfig = field(default_factory=PricingConfig)
    workload: WorkloadConfig = field(default_factory=WorkloadConfig)
    dims: Any = "native"
    corpus_sizes: list[Any] = field(default_factory=lambda: ["full"])
    distractors: str | None = None
    measures: list[str] = field(default_factory=list)
    top_k: int = 100
    serve_k: int | None = None
    save_rankings: bool = True
    save_query_texts: bool = True
    memory_gb: float | None = None
    search_device: str = "cpu"
    load: LoadConfig = field(default_factory=LoadConfig)
    at_workload_seconds: float = 1.0
    allow_code: list[str] = field(default_factory=list)
    data_dir: str = "data"
    results_dir: str = "results"
    rank: int | None = None
    world_size: int | None = None
    dry_run: bool = False

    @property
    def is_dry(self) -> bool:
        """Whether the run stops before a text is encoded or sent: by its own word, or by its API's."""
        return self.dry_run or (isinstance(self.model, HostedModel) and self.model.api.dry_run)

    @property
    def is_helper(self) -> bool:
        """Whether it is one of several processes with one store that helps to encode, and leaves the rest to rank 0."""
        return bool(self.rank)

    @property
    def served(self) -> int:
        """``serve_k``, or what null stands for."""
        return min(SERVE_K, self.top_k) if self.serve_k is None else self.serve_k

    @property
    def memory_bytes(self) -> float:
        """``memory_gb`` in bytes, or what null stands for: half of what this process can have."""
        return memory_bytes() / 2 if self.memory_gb is None else self.memory_gb * 1e9
