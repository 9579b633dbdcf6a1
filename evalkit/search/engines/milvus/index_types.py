"""What Milvus builds for a quantization and an index, in its own words, and what Milvus Lite builds of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError, did_you_mean
from evalkit.search.engine import no_parameter

FLOAT, HALF, BITS = "FLOAT_VECTOR", "FLOAT16_VECTOR", "BINARY_VECTOR"
TYPE = "index_type"  # the option that says which
NAMES = ("FLAT", "HNSW", "IVF")
BUILT_WITH = {"FLAT": (), "HNSW": ("M", "efConstruction"), "IVF": ()}
SEARCHED_WITH = {"FLAT": (), "HNSW": ("ef",), "IVF": ("nprobe",)}
RANGES = {"M": (2, 2_048), "efConstruction": (1, 32_768), "ef": (1, 32_768), "nprobe": (1, 65_536)}
MOST_DIMS, MOST_LISTS = 32_768, 65_536
SCANN_DIMS = 2  # dimensions that a code of SCANN stands for
FIRST = (2, 3)  # Milvus's version


@dataclass(frozen=True)
class IndexType:
    """``name`` is Milvus's, ``vector_type`` that of the field, ``codes`` what says how they are kept.

    ``in_lite`` says that Milvus Lite builds it; of the others it takes some, and builds nothing. ``since`` is the first
    version of a server that has it.
    """

    name: str
    vector_type: str = FLOAT
    codes: Mapping[str, Any] = field(default_factory=dict)
    in_lite: bool = False
    since: tuple[int, int] = FIRST

    @property
    def metric(self) -> str:
        """What is written in Milvus for it."""
        return "HAMMING" if self.vector_type == BITS else "IP"

    @property
    def learns(self) -> bool:
        """Whether centres of lists, ranges or patterns are learned from the documents."""
        return self.name not in ("FLAT", "BIN_FLAT", "HNSW")

    @property
    def compares_all(self) -> bool:
        return self.name in ("FLAT", "BIN_FLAT")

    @property
    def is_exact(self) -> bool:
        """Whether scores are inner products of float32 vectors."""
        return self.name in ("FLAT", "HNSW", "IVF_FLAT") and self.vector_type == FLOAT


TYPES = {  # index, kind and bits of a quantization
    ("FLAT", "float", 32): IndexType("FLAT", in_lite=True),
    ("FLAT", "float", 16): IndexType("FLAT", HALF),
    ("FLAT", "binary", 1): IndexType("BIN_FLAT", BITS),
    ("HNSW", "float", 32): IndexType("HNSW", in_lite=True),
    ("HNSW", "float", 16): IndexType("HNSW", HALF),
    ("HNSW", "scalar", 8): IndexType("HNSW_SQ", codes={"sq_type": "SQ8"}, in_lite=True, since=(2, 5)),
    ("HNSW", "scalar", 6): IndexType("HNSW_SQ", codes={"sq_type": "SQ6"}, since=(2, 5)),
    ("HNSW", "product", 8): IndexType("HNSW_PQ", codes={"nbits": 8}, since=(2, 5)),
    ("IVF", "float", 32): IndexType("IVF_FLAT", in_lite=True),
    ("IVF", "float", 16): IndexType("IVF_FLAT", HALF),
    ("IVF", "scalar", 8): IndexType("IVF_SQ8", in_lite=True),
    ("IVF", "product", 8): IndexType("IVF_PQ", codes={"nbits": 8}),
    ("IVF", "product", 4): IndexType("SCANN", codes={"with_raw_data": "false"}),
    ("IVF", "rabitq", 1): IndexType("IVF_RABITQ", since=(2, 6)),
    ("IVF", "binary", 1): IndexType("BIN_IVF_FLAT", BITS),
}


def index_type_of(dims: int, quantization: QuantizationConfig, index: IndexConfig) -> IndexType:
    """Raises UserError for what no Milvus has, with what it has instead."""
    name = name_of(index)
    if quantization.rescore:
        raise UserError(
            "the engine milvus re-orders nothing by a finer copy.", "Leave out the quantization with _rescore."
        )
    chosen = TYPES.get((name, str(quantization.kind), quantization.bits or 0))
    if chosen is None:
        kept = [f"{kind} of {bits} bits" for index_name, kind, bits in TYPES if index_name == name]
        raise UserError(
            f"Milvus has no {name} of {quantization.kind} codes of {quantization.bits} bits.",
            f"It keeps {', '.join(kept)}.",
        )
    if not 2 <= dims <= MOST_DIMS:
        raise UserError(f"Milvus keeps no vectors of {dims:,} dims.", f"Give dims from 2 to {MOST_DIMS:,}.")
    if chosen.vector_type == BITS and dims % 8:
        raise UserError(f"Milvus keeps signs of 8 dims in a byte, and {dims} is no multiple.", "Give other dims.")
    check_parts(chosen, dims, quantization)
    return chosen


def check_parts(chosen: IndexType, dims: int, quantization: QuantizationConfig) -> None:
    """Raises UserError where product codes don't go into the width: Milvus fills nothing up."""
    if quantization.kind != "product":
        return
    part = quantization.subvector_dims or 0
    if chosen.name == "SCANN" and part != SCANN_DIMS:
        raise UserError(
            f"Milvus's SCANN keeps 4 bits for {SCANN_DIMS} dims, not for {part}.",
            f"Set subvector_dims={SCANN_DIMS} of this quantization.",
        )
    if part < 1 or dims % part:
        raise UserError(f"Milvus makes no parts of {part} dims of {dims}.", "Give dims that are a multiple.")


def name_of(index: IndexConfig) -> str:
    """FLAT, HNSW or IVF. Raises UserError for another, and for options and search parameters that it doesn't have."""
    name = str(index.options.get(TYPE))
    if name not in NAMES:
        raise UserError(f"Milvus has no options.{TYPE} '{name}'.", did_you_mean(name, NAMES))
    for option, value in index.options.items():
        if option != TYPE and option not in BUILT_WITH[name]:
            raise UserError(
                f"Milvus builds {name} with no '{option}'.", did_you_mean(option, (TYPE, *BUILT_WITH[name]))
            )
        if option != TYPE:
            check_number(f"options.{option}", option, value)
    for parameter, values in index.search.items():
        if parameter not in SEARCHED_WITH[name]:
            raise no_parameter(parameter, SEARCHED_WITH[name])
        for value in values:
            check_number(f"search.{parameter}", parameter, value)
    return name


def check_number(where: str, name: str, value: Any) -> None:
    lowest, highest = RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise UserError(f"{where}={value} is not possible.", f"Give a whole number from {lowest:,} to {highest:,}.")


def built_with(
    chosen: IndexType, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig
) -> dict[str, Any]:
    """The parameters of the index in Milvus: those of ``options``, of the codes, and how many lists.

    Raises UserError for more lists than there can be.
    """
    parameters = {name: value for name, value in index.options.items() if name != TYPE} | dict(chosen.codes)
    if chosen.name in ("HNSW_PQ", "IVF_PQ"):
        parameters["m"] = dims // (quantization.subvector_dims or dims)
    if name_of(index) == "IVF":
        most = min(documents, MOST_LISTS)
        if index.nlist and index.nlist > most and not index.table:
            raise UserError(f"nlist={index.nlist} is not possible.", f"Milvus has at most {most:,} lists here.")
        parameters["nlist"] = index.nlist or min(max(1, round(math.sqrt(documents))), MOST_LISTS)
    return parameters
