"""FAISS indexes behind a few calls, for float and for binary codes: add documents, search float queries.

Vectors are of unit length, so inner product and L2 order exact vectors alike; which of the two an index searches by is
read from the index itself and told (``metric``), never assumed.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix, Rows, Scores
from evalkit.errors import UserError

IO_BLOCK_BYTES = 1 << 20


class VectorIndex(ABC):
    """Trained on and filled with documents (n × dims, float32, unit length), then searched with float queries.

    ``metric`` is what scores are made from: ``inner_product``, ``l2`` (negated), ``hamming`` or ``own``.
    """

    metric: str = "inner_product"
    needs_training: bool = False

    def train(self, documents: FloatMatrix) -> None:  # noqa: B027
        """Learn codebooks and ranges from a sample; asked for only where ``needs_training``."""

    @abstractmethod
    def add(self, documents: FloatMatrix) -> None: ...

    def finish(self) -> None:  # noqa: B027
        """The last document has been added."""

    @abstractmethod
    def search(self, queries: FloatMatrix, k: int) -> tuple[Scores, Rows]:
        """(scores, rows), each queries × k; higher scores are better, rows are -1 where fewer were found."""

    def set_parameter(self, name: str, value: int) -> None:
        """Set ``efSearch``, ``nprobe`` or another; raises RuntimeError where this index has no such parameter."""
        raise RuntimeError(f"{type(self).__name__} has no parameter {name}")

    def set_parameters(self, parameters: Mapping[str, int]) -> None:
        """Choose an operating point of a built index. Raises UserError for a parameter that it does not have."""
        for name, value in parameters.items():
            try:
                self.set_parameter(name, value)
            except RuntimeError:
                raise UserError(
                    f"this index has no parameter '{name}'.", "HNSW has efSearch, IVF has nprobe; flat has none."
                ) from None

    @abstractmethod
    def serialized_bytes(self) -> int | None:
        """Bytes on disk; null where the index does not tell."""


class FloatIndex(VectorIndex):
    """A FAISS index of float vectors, which are filled up with zeros to the width that it was made for."""

    def __init__(self, index: Any) -> None:
        import faiss

        self.index = index
        self.needs_training = not index.is_trained
        self.lower_is_better = index.metric_type == faiss.METRIC_L2
        if self.lower_is_better:
            self.metric = "hamming" if isinstance(faiss.downcast_index(index), faiss.IndexLSH) else "l2"

    def train(self, documents: FloatMatrix) -> None:
        self.index.train(self.as_stored(documents))

    def add(self, documents: FloatMatrix) -> None:
        self.index.add(self.as_stored(documents))

    def search(self, queries: FloatMatrix, k: int) -> tuple[Scores, Rows]:
        scores, rows = self.index.search(self.as_stored(queries), k)
        return (-scores if self.lower_is_better else scores), rows

    def set_parameter(self, name: str, value: int) -> None:
        import faiss

        faiss.ParameterSpace().set_index_parameter(self.index, name, value)

    def reconstruct(self, rows: Rows) -> FloatMatrix:
        """The stored vectors of ``rows`` (any shape), de-quantized: rows.shape + (width of the index,), float32."""
        vectors: FloatMatrix = self.index.reconstruct_batch(rows.ravel())
        return vectors.reshape(*rows.shape, -1)

    def as_stored(self, vectors: FloatMatrix) -> FloatMatrix:
        """``vectors`` filled up to the width of the index."""
        missing = self.index.d - vectors.shape[1]
        return np.pad(vectors, ((0, 0), (0, missing))) if missing else vectors

    def serialized_bytes(self) -> int:
        import faiss

        return count_bytes(faiss.write_index, self.index)


class RefinedIndex:
    """FAISS's IndexRefine: results of ``coarse``, re-ordered by the finer copies in ``fine``."""

    def __init__(self, coarse: FloatIndex, fine: FloatIndex) -> None:
        import faiss

        self.coarse = coarse
        self.index = faiss.IndexRefine(coarse.index, fine.index)

    def search(self, queries: FloatMatrix, k: int, candidates: int) -> tuple[Scores, Rows]:
        """The best ``k`` of as many ``candidates``: (scores, rows), each queries × k."""
        self.index.k_factor = (candidates + 0.5) / k  # FAISS cuts k × k_factor down to a whole number, in float32
        scores, rows = self.index.search(self.coarse.as_stored(queries), k)
        return scores, rows


class BinaryIndex(VectorIndex):
    """A FAISS index of sign bits; scores are the cosine of the ±1 vectors, so they follow the Hamming distance."""

    metric = "hamming"

    def __init__(self, index: Any, dims: int) -> None:
        self.index = index
        self.dims = dims
        self.needs_training = not index.is_trained

    def train(self, documents: FloatMatrix) -> None:
        self.index.train(self.as_stored(documents))

    def add(self, documents: FloatMatrix) -> None:
        self.index.add(self.as_stored(documents))

    def search(self, queries: FloatMatrix, k: int) -> tuple[Scores, Rows]:
        hamming, rows = self.index.search(self.as_stored(queries), k)
        return hamming.astype(np.float32) * np.float32(-2 / self.dims) + np.float32(1), rows

    def as_stored(self, vectors: FloatMatrix) -> npt.NDArray[np.uint8]:
        """Their sign bits."""
        return sign_bits(vectors)

    def set_parameter(self, name: str, value: int) -> None:
        owner = self.index.hnsw if hasattr(self.index, "hnsw") else self.index
        if not hasattr(owner, name):
            super().set_parameter(name, value)
        setattr(owner, name, value)

    def serialized_bytes(self) -> int:
        import faiss

        return count_bytes(faiss.write_index_binary, self.index)


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

    def search(self, queries: FloatMatrix, k: int) -> tuple[Scores, Rows]:
        scores, rows = self.quantizer.search(queries, k)
        return np.asarray(scores, dtype=np.float32), np.asarray(rows, dtype=np.int64)

    def serialized_bytes(self) -> int | None:
        if not self.documents:
            return 0
        each: float | None = getattr(self.quantizer, "bytes_per_vector", None)
        return None if each is None else round(each * self.documents)


def sign_bits(vectors: FloatMatrix) -> npt.NDArray[np.uint8]:
    """One bit per component, set where it is positive, 8 to a byte; the last byte is filled up with zeros."""
    return np.packbits(vectors > 0, axis=1)


def count_bytes(write: Any, index: Any) -> int:
    """Bytes of the serialized index, counted block by block and kept nowhere."""
    import faiss

    total = 0

    def count(block: bytes) -> int:
        nonlocal total
        total += len(block)
        return len(block)

    write(index, faiss.PyCallbackIOWriter(count, IO_BLOCK_BYTES))
    return total
