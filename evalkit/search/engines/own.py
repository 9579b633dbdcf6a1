"""Quantizers that a user wrote, as an engine: a class that learns from the documents and searches by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix, Rows, Scores
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError
from evalkit.search.engine import OWN, Filter, Plan, Resources, no_parameter
from evalkit.search.engines.footprint import FLOAT_BYTES
from evalkit.search.engines.in_process import InProcessIndex
from evalkit.search.engines.vector_index import VectorIndex
from evalkit.vectors.faiss_strings import EXHAUSTIVE
from evalkit.vectors.own_quantizers import own_quantizer


class OwnEngine:
    """Serves quantizations with ``_target_``, compared with every vector or however their class sees fit."""

    filters = False

    def plan(
        self, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, resources: Resources
    ) -> Plan:
        if not quantization._target_:
            raise UserError("the engine own serves classes of your own alone.", "Give _target_, or index.engine=faiss.")
        if index.faiss != EXHAUSTIVE:
            raise UserError(f"{quantization._target_} searches by itself and fits no other index.", "Use index=flat.")
        own_quantizer(quantization)
        for name in index.search:
            raise no_parameter(name)
        words, metric = str(quantization._target_), OwnIndex.metric
        held = 2 * documents * dims * FLOAT_BYTES  # blocks, and the matrix that they become
        return Plan(OWN, words, dims, documents, quantization, index, metric, False, resources, held)

    @contextmanager
    def open(self, plan: Plan) -> Iterator[InProcessIndex]:
        """In memory: there is nothing to close."""
        quantizer = own_quantizer(plan.quantization)
        yield InProcessIndex(plan, OwnIndex(quantizer), str(getattr(quantizer, "version", "not known")))


class OwnIndex(VectorIndex):
    """A quantizer that a user wrote: a class with ``train(documents)`` and ``search(queries, k)``.

    ``search`` returns (scores, rows), higher scores better. A ``bytes_per_vector`` attribute, if there is one, is what
    results report.
    """

    metric = "own"

    def __init__(self, quantizer: Any) -> None:
        self.quantizer = quantizer
        self.blocks: list[FloatMatrix] = []
        self.documents = 0

    def add(self, documents: FloatMatrix) -> None:
        self.blocks.append(documents.copy())
        self.documents += len(documents)

    def finish(self) -> None:
        self.quantizer.train(np.concatenate(self.blocks))
        self.blocks.clear()

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> tuple[Scores, Rows]:
        """Never with ``keep``: the engine says that it filters nothing."""
        scores, rows = self.quantizer.search(queries, k)
        return np.asarray(scores, dtype=np.float32), np.asarray(rows, dtype=np.int64)

    def serialized_bytes(self) -> int | None:
        if not self.documents:
            return 0
        bytes_per_vector: float | None = getattr(self.quantizer, "bytes_per_vector", None)
        return None if bytes_per_vector is None else round(bytes_per_vector * self.documents)

    def proof(self) -> dict[str, str]:
        return {"index": f"{type(self.quantizer).__module__}.{type(self.quantizer).__qualname__}"}
