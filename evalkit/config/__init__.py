"""The typed schema of conf/: which keys exist, and of which type. Which values can work is in check.py."""

from evalkit.config.schema.commands import (
    BaselineConfig,
    ExportConfig,
    GateConfig,
    NewCorpusConfig,
    ReportConfig,
    StoreCommandConfig,
)
from evalkit.config.schema.cost import HostedPrice, MachinePrice, PricingConfig, StoragePrice, WorkloadConfig
from evalkit.config.schema.models import ApiConfig, ModelConfig, Prompts
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
    "GROUPS",
    "MULTI_GROUPS",
    "SCHEMAS",
    "AnyStage",
    "ApiConfig",
    "BaselineConfig",
    "ChunkingConfig",
    "ExecutorConfig",
    "ExportConfig",
    "FusionConfig",
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
    "StageConfig",
    "StoragePrice",
    "StoreCommandConfig",
    "StoreConfig",
    "TaskConfig",
    "WorkloadConfig",
]
