"""FAISS indexes behind two calls, for float and for binary codes: add documents, search float queries.

``index_factory`` strings describe float indexes; a fragment that starts with ``B`` is one of
``index_binary_factory``, whose codes are the signs of the components, 8 to a byte.
"""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evalkit.errors import UserError
from evalkit.search.ranking import Rows, Scores
from evalkit.search.vectors import FloatMatrix, Vectors

IO_BLOCK_BYTES = 1 << 20


class VectorIndex(Protocol):
    """Trained on and filled with documents (n × dims, float32, unit length); searched with float queries."""

    def train(self, documents: FloatMatrix) -> None: ...

    def add(self, documents: FloatMatrix) -> None: ...

    def search(self, queries: FloatMatrix, k: int) -> tuple[Scores, Rows]:
        """(scores, rows), each queries × k; higher scores are better, rows are -1 where fewer were found."""
        ...

    def serialized_bytes(self) -> int: ...


class FloatIndex:
    """An index of ``index_factory`` under inner product."""

    def __init__(self, factory: str, dims: int) -> None:
        import faiss

        self.index = from_factory(faiss.index_factory, dims, factory, faiss.METRIC_INNER_PRODUCT)
        if self.index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise UserError(f"FAISS searches '{factory}' by L2 although inner product was asked for.")

    def train(self, documents: FloatMatrix) -> None:
        if not self.index.is_trained:
            self.index.train(documents)

    def add(self, documents: FloatMatrix) -> None:
        self.index.add(documents)

    def search(self, queries: FloatMatrix, k: int) -> tuple[Scores, Rows]:
        scores, rows = self.index.search(queries, k)
        return scores, rows

    def reconstruct(self, rows: Rows) -> FloatMatrix:
        """The stored vectors of ``rows`` (any shape), de-quantized: rows.shape + (dims,), float32."""
        vectors: FloatMatrix = self.index.reconstruct_batch(rows.ravel())
        return vectors.reshape(*rows.shape, -1)

    def serialized_bytes(self) -> int:
        import faiss

        return count_bytes(faiss.write_index, self.index)


class StoredFlatIndex:
    """Exact search over vectors that stay on disk: block by block, each block's best merged into the best so far.

    The same results as a flat float32 index with little more memory than one block.
    """

    def __init__(self, documents: Vectors) -> None:
        self.documents = documents
        self.rows = 0

    def train(self, documents: FloatMatrix) -> None: ...

    def add(self, documents: FloatMatrix) -> None:
        self.rows += len(documents)

    def search(self, queries: FloatMatrix, k: int) -> tuple[Scores, Rows]:
        import faiss

        heap = faiss.ResultHeap(len(queries), k, keep_max=True)
        for first, block in self.documents.blocks():
            scores, rows = faiss.knn(queries, block, min(k, len(block)), metric=faiss.METRIC_INNER_PRODUCT)
            heap.add_result(scores, rows + first)
        heap.finalize()
        return heap.D, heap.I

    def reconstruct(self, rows: Rows) -> FloatMatrix:
        return self.documents.take(rows)

    def serialized_bytes(self) -> int:
        return self.rows * self.documents.dims * 4


class BinaryIndex:
    """An index of ``index_binary_factory`` over sign bits; scores are the cosine of the ±1 vectors."""

    def __init__(self, factory: str, dims: int) -> None:
        import faiss

        self.dims = dims
        padded = -(-dims // 8) * 8
        self.index = from_factory(faiss.index_binary_factory, padded, factory)

    def train(self, documents: FloatMatrix) -> None:
        if not self.index.is_trained:
            self.index.train(sign_bits(documents))

    def add(self, documents: FloatMatrix) -> None:
        self.index.add(sign_bits(documents))

    def search(self, queries: FloatMatrix, k: int) -> tuple[Scores, Rows]:
        hamming, rows = self.index.search(sign_bits(queries), k)
        return ((self.dims - 2.0 * hamming) / self.dims).astype(np.float32), rows

    def serialized_bytes(self) -> int:
        import faiss

        return count_bytes(faiss.write_index_binary, self.index)


def vector_index(factory: str, dims: int) -> FloatIndex | BinaryIndex:
    """The untrained, empty index that ``factory`` describes.

    Raises UserError for a string that FAISS can't parse or can't search by inner product.
    """
    return BinaryIndex(factory, dims) if factory.startswith("B") else FloatIndex(factory, dims)


def from_factory(factory_function: Any, dims: int, factory: str, *more: Any) -> Any:
    try:
        return factory_function(dims, factory, *more)
    except RuntimeError as error:
        reason = str(error).rpartition(": ")[2].partition("\n")[0]
        raise UserError(
            f"FAISS can't build '{factory}' for {dims} dimensions: {reason}",
            "conf/quantization and conf/index hold strings of FAISS's index_factory.",
        ) from None


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
