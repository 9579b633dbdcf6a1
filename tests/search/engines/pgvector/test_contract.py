"""pgvector passes what every engine must."""

from tests.search.engines.contract import EngineContract


class TestPgvector(EngineContract):
    engine, exact = "pgvector", "pgvector_exact"
    indexes = {  # noqa: RUF012
        "pgvector_exact": {"float16": 0.98, "binary": 0.3, "binary_rescore": 0.5},
        "pgvector_hnsw": {"float32": 0.95, "float16": 0.95, "binary": 0.3, "binary_rescore": 0.5},
        "pgvector_ivfflat": {"float32": 0.8, "float16": 0.8, "binary": 0.2, "binary_rescore": 0.4},
    }
    refused = [  # noqa: RUF012
        ("int8", "pgvector_hnsw", 48),
        ("pq_rescore", "pgvector_exact", 48),
        ("bfloat16", "pgvector_exact", 48),
        ("float32", "pgvector_hnsw", 2_001),
        ("float16", "pgvector_ivfflat", 4_001),
        ("binary_rescore", "pgvector_exact", 16_001),
    ]
