"""What a quantization is in pgvector: the type of a column, and the codes that an index makes of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.arrays import Floats
from evalkit.config import QuantizationConfig
from evalkit.errors import UserError

MOST_KEPT = {"vector": 16_000, "halfvec": 16_000, "bit": 83_886_080}  # dims of a column
MOST_INDEXED = {"vector": 2_000, "halfvec": 4_000, "bit": 64_000}  # dims of hnsw and ivfflat
TYPES = {("float", 32): "vector", ("float", 16): "halfvec", ("binary", 1): "bit"}  # of kind and bits
STORES = {"float32": "vector", "float16": "halfvec"}  # of a rescoring store
MADE_OF = {  # (column, codes): codes as an expression of the column, as pgvector's documentation has it
    ("vector", "halfvec"): "({column}::halfvec({dims}))",
    ("vector", "bit"): "(binary_quantize({column})::bit({dims}))",
    ("halfvec", "bit"): "(binary_quantize({column})::bit({dims}))",
}
WAYS = "float32 (vector), float16 (halfvec), binary (bit) and binary_rescore"


@dataclass(frozen=True)
class Distance:
    """An ``operator`` of pgvector, what it measures, and the score (higher is better) of a distance at some dims."""

    operator: str
    metric: str
    score: Callable[[Floats, int], Floats]


DISTANCES = {  # by their word in the names of operator classes
    "ip": Distance("<#>", "inner_product", lambda distance, dims: -distance),
    "cosine": Distance("<=>", "inner_product", lambda distance, dims: 1 - distance),
    "l2": Distance("<->", "l2", lambda distance, dims: -distance),
    "hamming": Distance("<~>", "hamming", lambda distance, dims: 1 - 2 * distance / dims),
}


@dataclass(frozen=True)
class Kept:
    """The type of the table's ``column``, and that of the ``codes`` by which it is searched; mostly the same."""

    column: str
    codes: str

    @property
    def distance(self) -> str:
        """The one of DISTANCES by which a table of evalkit's own is searched."""
        return "hamming" if self.codes == "bit" else "ip"

    def expression(self, column: str, dims: int) -> str:
        """The codes, as SQL makes them of ``column`` (quoted already)."""
        return MADE_OF.get((self.column, self.codes), "{column}").format(column=column, dims=dims)


def kept(quantization: QuantizationConfig) -> Kept:
    """What pgvector keeps of a vector for ``quantization``. Raises UserError for what it has no type for."""
    if quantization._target_ or quantization.transform:
        raise UserError("pgvector has no place for a class or a transform of a quantization.", f"It has {WAYS}.")
    codes = TYPES.get((quantization.kind or "", quantization.bits or 0))
    if codes is None:
        bits = "" if quantization.bits is None else f" of {quantization.bits} bits"
        raise UserError(f"pgvector has no type for {quantization.kind}{bits}.", f"It has {WAYS}.")
    if quantization.rescore is None:
        return Kept(codes, codes)
    column = STORES.get(quantization.rescore.store)
    if (column, codes) not in MADE_OF:
        problem = f"pgvector makes no {codes} of a rescoring store of {quantization.rescore.store}."
        raise UserError(problem, "It re-orders bit by float32 or float16, and halfvec by float32.")
    return Kept(column or codes, codes)


def as_parameter(kind: str, vector: Floats) -> Any:
    """``vector`` as a value of the type ``kind`` for psycopg."""
    from pgvector import Bit, HalfVector, Vector

    return Bit(vector > 0) if kind == "bit" else HalfVector(vector) if kind == "halfvec" else Vector(vector)


def as_floats(value: Any) -> Floats:
    """A value of a column as numbers; bits as ±1, so that cosines tell how many are the same."""
    if isinstance(value, str):  # of a bit column, as psycopg reads them
        return np.array([1.0 if bit == "1" else -1.0 for bit in value])
    return np.asarray(value.to_numpy(), dtype=np.float64)
