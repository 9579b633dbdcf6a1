"""Random order: the floor. What is not far above it has found nothing."""

import hashlib
from collections.abc import Sequence

import numpy as np

from evalkit.arrays import Scores


class Random:
    """Scores that depend on nothing but the seed and the query's text."""

    engine_name = "random"

    index_bytes = 0
    bytes_per_document = 0.0
    tokens = None
    unread = ()

    def __init__(self, documents: Sequence[object], seed: int = 0) -> None:
        self.documents = len(documents)
        self.seed = seed

    def read(self, query: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self.seed} {query}".encode()).digest()[:8], "big")

    def query_tokens(self, query: str) -> None:
        return None

    def scores(self, read: int) -> Scores:
        drawn = np.random.default_rng(read).random(self.documents, dtype=np.float32)
        return np.maximum(drawn, np.finfo(np.float32).tiny)  # 0 would mean that nothing matches

    def repeated(self, copies: int) -> "Random":
        return Random(range(self.documents * copies), self.seed)

    def revision(self) -> str:
        return f"seed {self.seed}"
