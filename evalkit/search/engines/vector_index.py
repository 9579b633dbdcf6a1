"""What holds vectors in this process: trained on a sample, filled block by block, then searched and counted."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from evalkit.arrays import FloatMatrix, Rows, Scores
from evalkit.search.engine import Built, Filter, no_parameter
from evalkit.vectors.matrix import Vectors


class VectorIndex(ABC):
    """Trained on and filled with documents (n × dims, float32, unit length), then searched with float queries.

    ``metric`` is what scores are made from: ``inner_product``, ``l2`` (negated), ``hamming`` or ``own``.
    """

    metric: str = "inner_product"
    needs_training: bool = False

    def train(self, documents: FloatMatrix) -> None:  # noqa: B027
        """Learn codebooks and ranges from a sample; asked for only where ``needs_training``."""

    def reserve(self, documents: int) -> None:  # noqa: B027
        """So many will be added, which saves memory where an index would grow by copying itself."""

    @abstractmethod
    def add(self, documents: FloatMatrix) -> None: ...

    def finish(self) -> None:  # noqa: B027
        """The last document has been added."""

    @abstractmethod
    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> tuple[Scores, Rows]:
        """(scores, rows), each queries × k; higher scores are better, rows are -1 where fewer were found.

        With ``keep``, of those documents alone.
        """

    def set_parameter(self, name: str, value: int) -> None:
        """Set ``efSearch``, ``nprobe`` or another; raises RuntimeError where this index has no such parameter."""
        raise RuntimeError(f"{type(self).__name__} has no parameter {name}")

    def set_parameters(self, parameters: Mapping[str, int]) -> None:
        """Choose an operating point of a built index. Raises UserError for a parameter that it does not have."""
        for name, value in parameters.items():
            try:
                self.set_parameter(name, value)
            except RuntimeError:
                raise no_parameter(name) from None

    @abstractmethod
    def serialized_bytes(self) -> int | None:
        """Bytes on disk; null where the index does not tell."""

    def proof(self) -> dict[str, str]:
        """Which index and codes are in use, as the object itself says."""
        return {"index": type(self).__name__}


def train_and_fill(parts: Sequence[VectorIndex], documents: Vectors) -> Built:
    """Every one of ``parts`` trained on a sample of ``documents`` and filled with all, in one pass over them."""
    started = time.perf_counter()
    learners = [part for part in parts if part.needs_training]
    sample = documents.sample() if learners else np.empty((0, documents.dims), dtype=np.float32)
    for part in learners:
        part.train(sample)
    training_vectors = len(sample)
    del sample  # what is filled needs its memory
    training_seconds = time.perf_counter() - started
    empty_bytes = total_bytes(parts)
    started = time.perf_counter()
    for part in parts:
        part.reserve(len(documents))
    for _, block in documents.blocks():
        for part in parts:
            part.add(block)
    for part in parts:
        part.finish()
    seconds = training_seconds + time.perf_counter() - started
    index_bytes = total_bytes(parts)
    per_vector = None if index_bytes is None or empty_bytes is None else (index_bytes - empty_bytes) / len(documents)
    return Built(seconds, training_seconds, training_vectors, index_bytes, per_vector)


def total_bytes(parts: Sequence[VectorIndex]) -> int | None:
    sizes = [part.serialized_bytes() for part in parts]
    return None if None in sizes else sum(size or 0 for size in sizes)
