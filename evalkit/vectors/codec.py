"""Vectors as a quantization keeps them, and back: what tasks are scored on that compare vectors and search none.

    codec = trained_codec(documents, quantization)     # learns from documents alone
    codes = codec.encode(vectors)                      # n × code_bytes, uint8: what is kept
    vectors = codec.decode(codes)                      # n × dims, float32: what the codes stand for

Decoded vectors are those that a search of the codes compares, up to how FAISS rounds a query for speed and to the
constant by which RaBitQ corrects each vector's scores. They are not made unit length again: what quantization does to
lengths shows as it does in a search. With a rescoring store both copies are kept and counted, and the finer one is
given back.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError
from evalkit.vectors.faiss_strings import EXHAUSTIVE, FINER_COPIES, faiss_index, faiss_string, float_index
from evalkit.vectors.matrix import Vectors
from evalkit.vectors.own_quantizers import has_method, own_quantizer
from evalkit.vectors.sign_bits import sign_bits, signs

Codes = npt.NDArray[np.uint8]

RABITQ_FACTORS, RABITQ_MORE_FACTORS = 3, 2  # float32 behind the sign bits, and behind the other bits of a dimension


class Codec(Protocol):
    """Trained. ``bytes_per_vector`` is what is kept of each, null where an own quantizer doesn't tell."""

    @property
    def bytes_per_vector(self) -> float | None: ...

    def encode(self, vectors: FloatMatrix) -> Codes:
        """What is kept of ``vectors`` (n × dims, float32): n × bytes, uint8."""

    def decode(self, codes: Codes) -> FloatMatrix:
        """The vectors that ``codes`` stand for: n × dims, float32. Raises UserError where they give none back."""


@dataclass(frozen=True)
class DecodedVectors:
    """``vectors`` (n × dims, float32) as they come back from what is kept of them."""

    vectors: FloatMatrix
    bytes_per_vector: float | None


def decoded(documents: Vectors, quantization: QuantizationConfig) -> DecodedVectors:
    """``documents`` quantized and back, block by block, by a codec that is trained on themselves.

    Raises UserError as ``trained_codec`` does.
    """
    codec = trained_codec(documents, quantization)
    vectors = np.empty((len(documents), documents.dims), dtype=np.float32)
    for first, block in documents.blocks():
        vectors[first : first + len(block)] = codec.decode(codec.encode(block))
    return DecodedVectors(vectors, codec.bytes_per_vector)


def trained_codec(documents: Vectors, quantization: QuantizationConfig) -> Codec:
    """How ``quantization`` keeps vectors; what it learns, it learns from ``documents``.

    Raises UserError where the quantization can't be built for so many documents or gives no vectors back.
    """
    check_decodable(documents.dims, len(documents), quantization)
    codes = codes_of(documents, quantization)
    if quantization.rescore is None:
        return codes
    width = codes.width if isinstance(codes, FaissCodec) else documents.dims
    store = float_index(width, FINER_COPIES[quantization.rescore.store])
    return WithFinerCopy(codes, trained_on(FaissCodec(store, documents.dims), documents))


def check_decodable(dims: int, documents: int, quantization: QuantizationConfig) -> None:
    """Raises UserError where no codec can be made, before anything is encoded; costs next to nothing."""
    if not quantization._target_:
        faiss_index(faiss_string(dims, documents, quantization, IndexConfig(faiss=EXHAUSTIVE)), documents)
        return
    quantizer = own_quantizer(quantization)
    if quantization.rescore is None and not gives_back(quantizer):
        raise UserError(
            f"the quantizer {quantization._target_} gives no vectors back: it has no encode() and decode().",
            "Add encode(vectors) -> n × bytes, uint8, and decode(codes) -> n × dims, or a rescoring store.",
        )


def codes_of(documents: Vectors, quantization: QuantizationConfig) -> Codec:
    """The codec of the codes alone, trained on ``documents``."""
    if quantization._target_:
        return OwnCodec.trained(documents, quantization)
    string = faiss_string(documents.dims, len(documents), quantization, IndexConfig(faiss=EXHAUSTIVE))
    if string.is_binary:
        return SignCodec(documents.dims)
    return trained_on(FaissCodec(faiss_index(string, len(documents)), documents.dims), documents)


@dataclass(frozen=True)
class SignCodec:
    """One bit per component, which comes back as ±1/√dims."""

    dims: int

    @property
    def bytes_per_vector(self) -> int:
        return -(-self.dims // 8)

    def encode(self, vectors: FloatMatrix) -> Codes:
        return sign_bits(vectors)

    def decode(self, codes: Codes) -> FloatMatrix:
        return signs(codes, self.dims)


@dataclass(frozen=True)
class FaissCodec:
    """FAISS's own codes of a flat index, which is asked for nothing else. Vectors are filled up to its width."""

    native: Any
    dims: int

    @property
    def width(self) -> int:
        return int(self.native.d)

    @property
    def bytes_per_vector(self) -> int:
        return int(self.native.sa_code_size())

    def encode(self, vectors: FloatMatrix) -> Codes:
        codes: Codes = self.native.sa_encode(self.filled_up(vectors))
        return codes

    def decode(self, codes: Codes) -> FloatMatrix:
        import faiss

        inner = faiss.downcast_index(self.native)
        if isinstance(inner, faiss.IndexRaBitQ) and inner.rabitq.nb_bits > 1:
            vectors = rabitq_vectors(inner, codes)
        else:
            vectors = self.by_faiss(codes)
        if isinstance(inner, faiss.IndexLSH):
            vectors /= np.float32(np.sqrt(inner.nbits))  # FAISS gives back ±1 for each bit
        return np.ascontiguousarray(vectors[:, : self.dims])

    def by_faiss(self, codes: Codes) -> FloatMatrix:
        try:
            vectors: FloatMatrix = self.native.sa_decode(np.ascontiguousarray(codes))
        except RuntimeError as error:
            reason = str(error).rpartition("Error: ")[2].partition("\n")[0]
            raise UserError(
                f"FAISS gives no vectors back from these codes: {reason}.",
                "Leave this quantization out, or give it a rescoring store.",
            ) from None
        return vectors

    def filled_up(self, vectors: FloatMatrix) -> FloatMatrix:
        missing = self.width - vectors.shape[1]
        return np.pad(vectors, ((0, 0), (0, missing))) if missing else np.ascontiguousarray(vectors)


def trained_on(codec: FaissCodec, documents: Vectors) -> FaissCodec:
    if not codec.native.is_trained:
        codec.native.train(codec.filled_up(documents.sample()))
    return codec


def rabitq_vectors(index: Any, codes: Codes) -> FloatMatrix:
    """What RaBitQ codes of several bits stand for: n × width, float32. FAISS's own decoding reads the sign bits alone.

    A code is d sign bits, three factors, the other bits of every dimension, and two factors, of which the second is the
    length of a step (faiss/impl/RaBitQUtils.h, of an index under inner product). Raises UserError where it is no such
    code.
    """
    import faiss

    dims, more_bits = index.d, index.rabitq.nb_bits - 1
    sign_end = -(-dims // 8)
    more_start = sign_end + 4 * RABITQ_FACTORS
    more_end = more_start - (-dims * more_bits // 8)
    if index.metric_type != faiss.METRIC_INNER_PRODUCT or more_end + 4 * RABITQ_MORE_FACTORS != codes.shape[1]:
        raise UserError(
            f"this version of FAISS ({faiss.__version__}) lays out RaBitQ codes in a way that is not known here.",
            "Leave this quantization out, or give it a rescoring store.",
        )
    is_positive = np.unpackbits(codes[:, :sign_end], axis=1, count=dims, bitorder="little").astype(np.float32)
    bits = np.unpackbits(codes[:, more_start:more_end], axis=1, count=dims * more_bits, bitorder="little")
    weights = (1 << np.arange(more_bits)).astype(np.float32)
    of_dimensions = bits.reshape(len(codes), dims, more_bits).astype(np.float32)
    steps = is_positive * np.float32(1 << more_bits) + of_dimensions @ weights
    factors = np.ascontiguousarray(codes[:, more_end:]).view(np.float32)
    centre: FloatMatrix = faiss.vector_to_array(index.center)
    vectors = centre + factors[:, 1:] * (steps - np.float32((1 << more_bits) - 0.5))
    return vectors.astype(np.float32, copy=False)


@dataclass(frozen=True)
class OwnCodec:
    """A user's ``quantizer`` with ``encode(vectors)`` and ``decode(codes)``."""

    quantizer: Any

    @staticmethod
    def trained(documents: Vectors, quantization: QuantizationConfig) -> "OwnCodec":
        """On all ``documents``, as for a search."""
        quantizer = own_quantizer(quantization)
        quantizer.train(np.concatenate([block.copy() for _, block in documents.blocks()]))
        return OwnCodec(quantizer)

    @property
    def bytes_per_vector(self) -> float | None:
        told: float | None = getattr(self.quantizer, "bytes_per_vector", None)
        return told

    def encode(self, vectors: FloatMatrix) -> Codes:
        """Nothing where the class has no codes of its own."""
        if not gives_back(self.quantizer):
            return np.empty((len(vectors), 0), dtype=np.uint8)
        return np.asarray(self.quantizer.encode(vectors), dtype=np.uint8)

    def decode(self, codes: Codes) -> FloatMatrix:
        return np.asarray(self.quantizer.decode(codes), dtype=np.float32)


def gives_back(quantizer: Any) -> bool:
    return has_method(quantizer, "encode") and has_method(quantizer, "decode")


@dataclass(frozen=True)
class WithFinerCopy:
    """Codes and a finer copy behind them; the copy is what comes back."""

    codes: Codec
    copy: FaissCodec

    @property
    def bytes_per_vector(self) -> float | None:
        of_codes = self.codes.bytes_per_vector
        return None if of_codes is None else of_codes + self.copy.bytes_per_vector

    def encode(self, vectors: FloatMatrix) -> Codes:
        return np.hstack([self.codes.encode(vectors), self.copy.encode(vectors)])

    def decode(self, codes: Codes) -> FloatMatrix:
        return self.copy.decode(codes[:, codes.shape[1] - self.copy.bytes_per_vector :])
