"""What Qdrant is asked to build, in the words of its create-collection call, and what it can't build."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError, did_you_mean
from evalkit.search.engine import no_parameter

MOST_DIMS = 65_536
DATATYPES = {32: "float32", 16: "float16"}
FLOAT_BYTES = {"float32": 4, "float16": 2}
SCALAR, BINARY, PRODUCT = "scalar", "binary", "product"
CODES = {SCALAR: 8, BINARY: 1, PRODUCT: 8}  # bits of a code of each kind that it has
COMPRESSIONS = {1: "x4", 2: "x8", 4: "x16", 8: "x32", 16: "x64"}  # dimensions that one byte stands for
KEPT = "It keeps float32, float16, int8, binary, and pq of 8 bits with subvector_dims of 1, 2, 4, 8 or 16."
STORES = ("float32", "float16")  # of what re-orders: the vectors themselves, which Qdrant keeps beside their codes
OPTIONS = {  # name: (least, what it is where nothing is said)
    "m": (0, 16),
    "ef_construct": (4, 100),
    "full_scan_threshold": (10, 10),
    "segments": (1, 1),
}


@dataclass(frozen=True)
class Collection:
    """``datatype`` is how vectors are kept, ``codes`` what is kept beside them to be searched ("" for nothing).

    ``m`` 0 builds no graph: every vector, or every code, is compared. Below ``full_scan_threshold`` (KB of vectors in
    a segment) Qdrant compares every one although there is a graph. ``threads`` 0 are as many as Qdrant wants.
    """

    dims: int
    datatype: str
    codes: str
    compression: str
    m: int
    ef_construct: int
    full_scan_threshold: int
    segments: int
    threads: int

    @property
    def is_exact(self) -> bool:
        """Whether vectors are compared themselves: where Qdrant searches exactly, it passes over codes."""
        return self.m == 0 and not self.codes

    @property
    def words(self) -> str:
        """What is built, in Qdrant's language."""
        codes = f" and {self.codes_in_words}" if self.codes else ""
        search = f"hnsw m={self.m} ef_construct={self.ef_construct}" if self.m else "every one compared"
        return f"{self.datatype} vectors{codes}, {search}"

    @property
    def codes_in_words(self) -> str:
        return codes_in_words(self.codes, self.compression)


def codes_in_words(codes: str, compression: str) -> str:
    """As errors and proofs have it: ``product codes (x32)``, ``no codes``."""
    return f"{codes} codes{f' ({compression})' if compression else ''}" if codes else "no codes"


def collection_of(dims: int, quantization: QuantizationConfig, index: IndexConfig) -> Collection:
    """Raises UserError for what Qdrant can't keep, another option, and a search parameter that it does not have."""
    if dims > MOST_DIMS:
        raise UserError(f"Qdrant keeps at most {MOST_DIMS:,} dims, and these vectors have {dims:,}.", "Cut them: dims.")
    datatype, codes, compression = kept_as(quantization)
    options = {name: option(name, index.options) for name in OPTIONS}
    for name in index.options:
        if name not in OPTIONS:
            raise UserError(f"Qdrant is built with no option '{name}'.", did_you_mean(name, OPTIONS))
    for name, values in index.search.items():
        check_parameter(name, values, ["ef"] if options["m"] else [])
    return Collection(dims, datatype, codes, compression, threads=index.build_threads or 0, **options)


def kept_as(quantization: QuantizationConfig) -> tuple[str, str, str]:
    """(datatype, codes, compression) of ``quantization``. Raises UserError for one that Qdrant doesn't have."""
    kind, bits, subvector_dims = str(quantization.kind), quantization.bits, quantization.subvector_dims
    rescore = quantization.rescore
    if kind == "float" and bits in DATATYPES:
        if rescore:
            raise UserError("Qdrant re-orders codes alone, and floats have none.", "Leave out rescore.")
        return DATATYPES[bits], "", ""
    if CODES.get(kind) != bits or (kind == PRODUCT and subvector_dims not in COMPRESSIONS):
        together = f", subvector_dims={subvector_dims}" if subvector_dims else ""
        raise UserError(f"Qdrant does not keep vectors so: kind={kind}, bits={bits}{together}.", KEPT)
    if rescore and rescore.store not in STORES:
        raise UserError(
            f"Qdrant does not re-order by a copy of {rescore.store}.", f"It has {' and '.join(STORES)}: rescore.store."
        )
    compression = COMPRESSIONS[subvector_dims] if kind == PRODUCT and subvector_dims else ""
    return rescore.store if rescore else "float32", kind, compression


def option(name: str, options: Mapping[str, Any]) -> int:
    """Raises UserError for an option that is no whole number, or too low."""
    least, default = OPTIONS[name]
    value = options.get(name, default)
    if type(value) is not int or value < least:
        raise UserError(f"options.{name}={value} is not possible.", f"Give a whole number of at least {least}.")
    return value


def check_parameter(name: str, values: list[Any], known: list[str]) -> None:
    """Raises UserError for a search parameter that isn't ``known``, or has a value that it can't have."""
    if name not in known:
        raise no_parameter(name, known)
    for value in values:
        if type(value) is not int or value < 1:
            raise UserError(f"search.{name}={value} is not possible.", "Give a whole number of at least 1.")
