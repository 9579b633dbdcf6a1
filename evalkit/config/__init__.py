"""The typed schema of conf/: which keys exist, and of which type. Which values can work is in validation.py."""

from evalkit.config.schema.commands import (
    BaselineConfig,
    ExportConfig,
    GateConfig,
    NewCorpusConfig,
    ReportConfig,
    StoreCommandConfig,
)
from evalkit.config.schema.cost import HostedPrice, MachinePrice, PricingConfig, StoragePrice, WorkloadConfig
from evalkit.config.schema.models import ApiConfig, ModelConfig, Prompts, RerankerConfig
from evalkit.config.schema.run import ExecutorConfig, RunConfig, RuntimeConfig, StoreConfig
from evalkit.config.schema.search import ChunkingConfig, IndexConfig, QuantizationConfig, RescoreConfig

MULTI_GROUPS = ("corpus", "quantization", "index")
GROUPS = ("model", *MULTI_GROUPS, "chunking", "reranker", "runtime", "executor", "pricing", "workload", "experiment")

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
    "GROUPS",
    "MULTI_GROUPS",
    "SCHEMAS",
    "ApiConfig",
    "BaselineConfig",
    "ChunkingConfig",
    "ExecutorConfig",
    "ExportConfig",
    "GateConfig",
    "HostedPrice",
    "IndexConfig",
    "MachinePrice",
    "ModelConfig",
    "NewCorpusConfig",
    "PricingConfig",
    "Prompts",
    "QuantizationConfig",
    "ReportConfig",
    "RerankerConfig",
    "RescoreConfig",
    "RunConfig",
    "RuntimeConfig",
    "StoragePrice",
    "StoreCommandConfig",
    "StoreConfig",
    "WorkloadConfig",
]
