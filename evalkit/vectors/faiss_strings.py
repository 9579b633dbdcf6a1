"""From configs to empty FAISS indexes, in the language of its ``index_factory``: the one home of those strings.

A quantization contributes a fragment (``SQ8``) and perhaps a transform before it (``OPQ48``), an index a template
(``IVF64,{quantization}``). A fragment that starts with ``B`` is one of ``index_binary_factory``.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError

FLAT = "Flat"
EXHAUSTIVE = "{quantization}"  # the template of an index that compares every vector
FINER_COPIES = {"float32": FLAT, "float16": "SQfp16", "int8": "SQ8"}  # what a rescoring store's name is to FAISS
OPQ_LEAST_VECTORS = 256  # its rotation is trained together with an 8-bit product quantizer of its own
TRAINING_FREE = "float16, bfloat16 and binary need no training"


@dataclass(frozen=True)
class FaissString:
    """``text`` of a factory, that of binary codes where ``is_binary``; ``width`` is ``dims`` filled up to what fits."""

    text: str
    width: int
    is_binary: bool


def faiss_string(dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig) -> FaissString:
    """The string of ``quantization`` × ``index`` for so many ``documents``, every placeholder filled in.

    Raises UserError for an unknown placeholder.
    """
    is_binary = quantization.faiss.startswith("B")
    multiple = 8 if is_binary else quantization.subvector_dims or 1
    width = math.ceil(dims / multiple) * multiple
    names = {
        "dims": width,
        "subvectors": width // multiple,
        "nlist": index.nlist or max(1, round(math.sqrt(documents))),
    }
    try:
        fragment = quantization.faiss.format(**names)
        template = index.binary if is_binary else index.faiss
        transform = f"{quantization.transform.format(**names)}," if quantization.transform else ""
        text = transform + template.format(quantization=fragment, **names)
    except (KeyError, IndexError, ValueError) as error:
        raise UserError(
            f"'{quantization.transform} {quantization.faiss}' in '{index.faiss}' has an unknown placeholder: {error}.",
            f"Known: quantization, {', '.join(names)}.",
        ) from None
    return FaissString(text, width, is_binary)


def faiss_index(string: FaissString, documents: int) -> Any:
    """FAISS's untrained, empty index, which will not warn of few training vectors.

    Raises UserError for what FAISS can't build, and where there are fewer ``documents`` than it must be trained on.
    """
    if string.is_binary:
        native = binary_index(string.width, string.text)
        if hasattr(native, "cp"):
            native.cp.min_points_per_centroid = 1  # results say how many there were; no warning on stderr
    else:
        native = float_index(string.width, string.text)
        silence_warnings(native)
    least, part = least_training_vectors(native)
    if documents < least:
        raise UserError(
            f"{part} of '{string.text}' must be trained on at least {least:,} documents, there are {documents:,}.",
            f"Leave this setting out; {TRAINING_FREE}.",
        )
    return native


def float_index(dims: int, string: str) -> Any:
    """FAISS's index under inner product; under L2 where it knows no other for ``string``.

    Product-quantized and RaBitQ graphs and LSH are L2 only, which orders unit vectors alike.
    """
    import faiss

    try:
        return faiss.index_factory(dims, string, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        if "METRIC_L2" not in str(error):
            raise unbuildable(string, dims, error) from None
    return faiss.index_factory(dims, string, faiss.METRIC_L2)


def binary_index(dims: int, string: str) -> Any:
    import faiss

    try:
        return faiss.index_binary_factory(dims, string)
    except RuntimeError as error:
        raise unbuildable(string, dims, error) from None


def unbuildable(string: str, dims: int, error: RuntimeError) -> UserError:
    where = re.compile(r"^Error in .+ at \S+:\d+: (?:Error: '.*' failed: )?")  # in FAISS's own source
    reason = where.sub("", str(error).partition("\n")[0])
    return UserError(
        f"FAISS can't build '{string}' for {dims} dimensions: {reason}",
        "Not every quantization fits every index; leave this pair out, or see FAISS's index_factory.",
    )


def least_training_vectors(index: Any) -> tuple[int, str]:
    """The fewest vectors that ``index`` can be trained on, and its part that needs them.

    FAISS itself raises for some of these, warns for others, and crashes the process for OPQ.
    """
    import faiss

    needs = [(1, "the quantizer")]
    for part in parts(index):
        if isinstance(part, faiss.IndexPreTransform):
            needs.append((least_of_transform(part), "the rotation"))
        if hasattr(part, "nlist"):
            needs.append((part.nlist, "the inverted lists"))
        if hasattr(part, "pq"):
            needs.append((part.pq.ksub, "the product quantizer"))
    return max(needs)


def parts(index: Any) -> Iterator[Any]:
    """``index`` and what it is built around, each as its own class."""
    import faiss

    while isinstance(index, faiss.Index):
        index = faiss.downcast_index(index)
        yield index
        index = getattr(index, "storage", None) if isinstance(index, faiss.IndexHNSW) else getattr(index, "index", None)
    if index is not None:
        yield index


def silence_warnings(index: Any) -> None:
    """Tell the clusterings of ``index`` not to warn of few points on stderr: ``training_vectors`` says how many."""
    import faiss

    for part in parts(index):
        clusterings = [getattr(part, "cp", None), getattr(getattr(part, "pq", None), "cp", None)]
        if isinstance(part, faiss.IndexPreTransform) and is_opq(part):
            rotation = faiss.downcast_VectorTransform(part.chain.at(0))
            rotation.pq = faiss.ProductQuantizer(rotation.d_out, rotation.M, 8)  # Python lets go of it here
            clusterings.append(rotation.pq.cp)
        for clustering in filter(None, clusterings):
            clustering.min_points_per_centroid = 1


def least_of_transform(transformed: Any) -> int:
    """A random rotation looks at no vectors; any other is learned from as many as there are dimensions at least."""
    import faiss

    if isinstance(faiss.downcast_VectorTransform(transformed.chain.at(0)), faiss.RandomRotationMatrix):
        return 1
    return max(OPQ_LEAST_VECTORS if is_opq(transformed) else 1, int(transformed.d))


def is_opq(transformed: Any) -> bool:
    """Whether the transform before an index is the one that is trained with a product quantizer."""
    import faiss

    return isinstance(faiss.downcast_VectorTransform(transformed.chain.at(0)), faiss.OPQMatrix)
