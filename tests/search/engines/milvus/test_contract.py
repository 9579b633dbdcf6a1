"""Milvus passes what every engine must, in Milvus Lite."""

from tests.search.engines.contract import EngineContract


class TestMilvusLite(EngineContract):
    engine, exact = "milvus", "milvus_flat"
    indexes = {  # noqa: RUF012
        "milvus_hnsw": {"float32": 0.95, "int8": 0.95},
        "milvus_ivf": {"float32": 0.8, "int8": 0.8},
    }
    refused = [  # noqa: RUF012
        ("float16", "milvus_flat", 48),
        ("binary", "milvus_flat", 48),
        ("int6", "milvus_hnsw", 48),
        ("int8", "milvus_flat", 48),
        ("pq", "milvus_ivf", 48),
        ("pq_fast", "milvus_ivf", 48),
        ("rabitq", "milvus_ivf", 48),
        ("int8_rescore", "milvus_hnsw", 48),
        ("float32", "milvus_hnsw", 40_000),
    ]
