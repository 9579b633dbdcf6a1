"""From stored vectors to a searcher: train, fill, and count what must be kept."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from evalkit.arrays import Rows
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.config.schema.run import SERVE_K
from evalkit.search.engines.faiss.devices import CPU, exact_on_device, moved
from evalkit.search.engines.faiss.exact import StoredFlatIndex
from evalkit.search.engines.faiss.factory import EXHAUSTIVE, FLAT, float_index, vector_index
from evalkit.search.engines.faiss.indexes import FloatIndex, RefinedIndex, VectorIndex
from evalkit.search.operating import ladder
from evalkit.search.searcher import Built, Rescoring, Searcher
from evalkit.vectors.matrix import Vectors

STORE_FACTORY = {"float32": FLAT, "float16": "SQfp16", "int8": "SQ8"}


def build(
    documents: Vectors,
    place: Rows,
    quantization: QuantizationConfig,
    index: IndexConfig,
    memory_bytes: float = float("inf"),
    device: str = CPU,
) -> Searcher:
    """Train on and fill an index with ``documents``, block by block.

    It re-orders as many candidates as serving ten results takes, until ``Searcher.at`` says otherwise. Flat float32
    vectors that would take more than ``memory_bytes`` stay on disk and are searched there. Raises UserError where FAISS
    can't build what the configs describe.
    """
    main, rescoring = empty(documents.dims, len(documents), quantization, index)
    on_disk = StoredFlatIndex(documents) if documents.nbytes > memory_bytes else None
    if quantization.faiss == FLAT and index.faiss == EXHAUSTIVE:
        main = on_disk or exact_on_device(device) or main
    if on_disk and rescoring and quantization.rescore and STORE_FACTORY[quantization.rescore.store] == FLAT:
        rescoring = Rescoring(on_disk)
    with faiss_threads(index.build_threads):
        built = train_and_fill([main, rescoring.store] if rescoring else [main], documents)
    main = moved(main, device)
    return Searcher(
        index=main,
        rescoring=rescoring,
        candidates=ladder(quantization.rescore, SERVE_K)[0],
        refined=refined(main, rescoring),
        exhaustive=index.faiss == EXHAUSTIVE and not quantization._target_,
        documents=len(documents),
        place=place,
        built=built,
    )


def empty(
    dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig
) -> tuple[VectorIndex, Rescoring | None]:
    """The index and the rescoring store that the configs describe, untrained and empty.

    Cheap, so it also tells whether a setting can be built at all. Raises UserError where it can't.
    """
    main = vector_index(dims, documents, quantization, index)
    rescore = quantization.rescore
    if rescore is None:
        return main, None
    width = main.index.d if isinstance(main, FloatIndex) else dims
    return main, Rescoring(FloatIndex(float_index(width, STORE_FACTORY[rescore.store])))


def train_and_fill(parts: Sequence[VectorIndex], documents: Vectors) -> Built:
    started = time.perf_counter()
    learners = [part for part in parts if part.needs_training]
    sample = documents.sample() if learners else np.empty((0, documents.dims), dtype=np.float32)
    for part in learners:
        part.train(sample)
    training_seconds = time.perf_counter() - started
    empty_bytes = total_bytes(parts)
    started = time.perf_counter()
    for _, block in documents.blocks():
        for part in parts:
            part.add(block)
    for part in parts:
        part.finish()
    seconds = training_seconds + time.perf_counter() - started
    index_bytes = total_bytes(parts)
    per_vector = None if index_bytes is None or empty_bytes is None else (index_bytes - empty_bytes) / len(documents)
    return Built(seconds, training_seconds, len(sample), index_bytes, per_vector)


def total_bytes(parts: Sequence[VectorIndex]) -> int | None:
    sizes = [part.serialized_bytes() for part in parts]
    return None if None in sizes else sum(size or 0 for size in sizes)


def refined(main: VectorIndex, rescoring: Rescoring | None) -> RefinedIndex | None:
    """FAISS's own index of the two, which a server would run; null where one is not FAISS's or goes by L2."""
    if rescoring is None or not isinstance(main, FloatIndex) or not isinstance(rescoring.store, FloatIndex):
        return None
    return None if main.lower_is_better else RefinedIndex(main, rescoring.store)


@contextmanager
def faiss_threads(threads: int | None) -> Iterator[None]:
    """``threads`` for FAISS within, and then as many as before; null leaves them as they are."""
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads or before)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
