"""Who encodes the shards of a pass: one file per way, all behind one protocol."""

from evalkit.embeddings.executors.executor import Executor, encode_shard
from evalkit.embeddings.executors.registry import load_executor

__all__ = ["Executor", "encode_shard", "load_executor"]
