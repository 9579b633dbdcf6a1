"""What a run's config says of a point's index: a database's key has its engine before it, as ``pgvector_hnsw``."""

from collections.abc import Mapping
from typing import Any

from evalkit.results.setting import FAISS

NOT_BUILT = (  # settings of an index that change nothing of what it holds
    *("search", "build_threads", "url", "url_variable", "key_variable", "id_column", "vector_column", "keep"),
    *("timeout_seconds", "at_workload"),
)


def index_word(name: str, engine: str) -> str:
    """What results call the index of the config key ``name``: ``hnsw`` of ``pgvector_hnsw``, beside its engine."""
    return name.removeprefix(f"{engine}_")


def index_key(indexes: Mapping[str, Any], point: Mapping[str, Any]) -> str:
    """The key of the index of ``point`` among ``indexes``, those of its run's config."""
    of_engine = f"{point.get('engine')}_{point['index']}"
    return of_engine if of_engine in indexes else str(point["index"])


def build_settings(config: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """What ``config``, a run's, says of how the index of ``point`` is built; older runs name no engine."""
    indexes = config.get("index") or {}
    settings = indexes.get(index_key(indexes, point)) or {}
    return {"engine": FAISS, **{name: value for name, value in settings.items() if name not in NOT_BUILT}}
