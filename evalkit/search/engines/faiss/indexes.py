"""FAISS indexes behind a few calls, for float and for binary codes: add documents, search float queries.

Vectors are of unit length, so inner product and L2 order exact vectors alike; which of the two an index searches by is
read from the index itself and told (``metric``), never assumed.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix, Rows, Scores
from evalkit.search.engine import Filter
from evalkit.search.engines.faiss.selection import Selection
from evalkit.search.engines.vector_index import VectorIndex
from evalkit.vectors.faiss_strings import parts
from evalkit.vectors.sign_bits import sign_bits

IO_BLOCK_BYTES = 1 << 20


class FloatIndex(VectorIndex):
    """A FAISS index of float vectors, which are filled up with zeros to the width that it was made for."""

    def __init__(self, index: Any) -> None:
        import faiss

        self.index = index
        self.needs_training = not index.is_trained
        self.lower_is_better = index.metric_type == faiss.METRIC_L2
        if self.lower_is_better:
            self.metric = "hamming" if isinstance(faiss.downcast_index(index), faiss.IndexLSH) else "l2"
        self.selection = Selection(index)

    def train(self, documents: FloatMatrix) -> None:
        self.index.train(self.as_stored(documents))

    def reserve(self, documents: int) -> None:
        import faiss

        for part in parts(self.index):
            if isinstance(part, faiss.IndexFlatCodes):
                reserve(part.codes, documents * part.code_size)

    def add(self, documents: FloatMatrix) -> None:
        self.index.add(self.as_stored(documents))

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> tuple[Scores, Rows]:
        scores, rows = self.index.search(self.as_stored(queries), k, params=self.selection.parameters(keep))
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

    def proof(self) -> dict[str, str]:
        return proof(self.index)


class RefinedIndex:
    """FAISS's IndexRefine: results of ``coarse``, re-ordered by the finer copies in ``fine``."""

    def __init__(self, coarse: FloatIndex, fine: FloatIndex) -> None:
        import faiss

        self.coarse = coarse
        self.index = faiss.IndexRefine(coarse.index, fine.index)

    def search(self, queries: FloatMatrix, k: int, candidates: int, keep: Filter | None = None) -> tuple[Scores, Rows]:
        """The best ``k`` of as many ``candidates``: (scores, rows), each queries × k."""
        import faiss

        k_factor = (candidates + 0.5) / k  # FAISS cuts k × k_factor down to a whole number, in float32
        of_codes = self.coarse.selection.parameters(keep)
        parameters = faiss.IndexRefineSearchParameters(k_factor=k_factor, base_index_params=of_codes)
        scores, rows = self.index.search(self.coarse.as_stored(queries), k, params=parameters)
        return scores, rows


class BinaryIndex(VectorIndex):
    """A FAISS index of sign bits; scores are the cosine of the ±1 vectors, so they follow the Hamming distance."""

    metric = "hamming"

    def __init__(self, index: Any, dims: int) -> None:
        self.index = index
        self.dims = dims
        self.needs_training = not index.is_trained
        self.selection = Selection(index)

    def train(self, documents: FloatMatrix) -> None:
        self.index.train(self.as_stored(documents))

    def add(self, documents: FloatMatrix) -> None:
        self.index.add(self.as_stored(documents))

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> tuple[Scores, Rows]:
        hamming, rows = self.index.search(self.as_stored(queries), k, params=self.selection.parameters(keep))
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

    def proof(self) -> dict[str, str]:
        return proof(self.index)


def reserve(codes: Any, code_bytes: int) -> None:
    """Room for so many bytes in FAISS's empty vector ``codes``, which keeps it when it is made empty again."""
    codes.resize(code_bytes)
    codes.resize(0)


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


def proof(native: Any) -> dict[str, str]:
    """The classes that FAISS's index is built of, outermost first, and the bytes of one code in the innermost."""
    import faiss

    classes = list(parts(native)) or [native]
    innermost = classes[-1]
    scalar = getattr(innermost, "sq", None)
    names = {number: name for name, number in vars(faiss.ScalarQuantizer).items() if name.startswith("QT_")}
    quantizer = f"ScalarQuantizer {names.get(scalar.qtype, scalar.qtype)}, " if scalar else ""
    return {
        "index": " > ".join(type(part).__name__ for part in classes),
        "codes": f"{quantizer}{innermost.code_size} bytes" if hasattr(innermost, "code_size") else "not known",
    }
