"""FAISS passes what every engine must."""

from tests.search.engines.contract import EngineContract


class TestFaiss(EngineContract):
    engine, exact = "faiss", "flat"
    indexes = {  # noqa: RUF012
        "flat": {"float16": 0.99, "int8": 0.97, "binary_rescore": 0.5},
        "hnsw": {"float32": 0.95, "int8": 0.95},
        "ivf": {"float32": 0.8, "int8": 0.8},
    }
