"""How much memory an index will take in this process, told before it is built."""

from typing import Any

from evalkit.config import RescoreConfig
from evalkit.search.engine import Resources
from evalkit.search.engines.faiss.lists_on_disk import PART_OF_MEMORY
from evalkit.vectors.faiss_strings import FINER_COPIES, FLAT, float_index, parts
from evalkit.vectors.matrix import TRAINING_ROWS

FLOAT_BYTES, ID_BYTES, LINK_BYTES = 4, 8, 4
HIGHER_LEVELS = 1.1  # links of a graph above its lowest level


def held_bytes(
    native: Any,
    dims: int,
    documents: int,
    rescore: RescoreConfig | None,
    is_exact: bool,
    resources: Resources,
    lists_on_disk: bool = False,
) -> int:
    """Bytes of so many ``documents`` in the empty FAISS index ``native``, its finer copy and its training sample.

    Float32 vectors that would take more than ``resources`` allow stay on disk where they are only compared, which
    takes none. Of ``lists_on_disk`` a part is in memory while they are filled.
    """
    on_disk = documents * dims * FLOAT_BYTES > resources.memory_bytes
    held = 0.0 if on_disk and is_exact else documents * bytes_per_vector(native)
    if lists_on_disk:
        held = PART_OF_MEMORY * resources.memory_bytes
    if rescore and not (on_disk and FINER_COPIES[rescore.store] == FLAT):
        held += documents * bytes_per_vector(float_index(dims, FINER_COPIES[rescore.store]))
    if not native.is_trained:
        held += min(documents, TRAINING_ROWS) * dims * FLOAT_BYTES
    return round(held)


def bytes_per_vector(native: Any) -> float:
    """A code, with its id where lists keep one and its links where a graph has them."""
    chain = list(parts(native)) or [native]
    ids = ID_BYTES if any(hasattr(part, "invlists") for part in chain) else 0
    links: int = sum(part.hnsw.cum_nb_neighbors(1) for part in chain if hasattr(part, "hnsw"))
    code: int = chain[-1].code_size
    return code + ids + links * LINK_BYTES * HIGHER_LEVELS
