"""An index in this process's memory, with a finer copy beside it where one is asked for: what faiss and own open."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from evalkit.arrays import FloatMatrix
from evalkit.measures.ranking import Ranking
from evalkit.search.engine import Built, EngineFacts, Filter, Payload, Plan
from evalkit.search.engines.faiss.devices import exact_on_device, moved
from evalkit.search.engines.faiss.exact import StoredFlatIndex
from evalkit.search.engines.faiss.finer_copy import FinerCopy, finer_store, joined
from evalkit.search.engines.faiss.indexes import FloatIndex
from evalkit.search.engines.vector_index import VectorIndex, train_and_fill
from evalkit.vectors.faiss_strings import EXHAUSTIVE, FINER_COPIES, FLAT
from evalkit.vectors.matrix import Vectors


class InProcessIndex:
    """``main`` holds the codes that are searched. ``version`` is that of the program that ``plan`` names.

    Flat float32 vectors that would take more than the plan's memory stay on disk and are searched there.
    """

    def __init__(self, plan: Plan, main: VectorIndex, version: str) -> None:
        rescore = plan.quantization.rescore
        self.plan, self.main, self.version = plan, main, version
        self.store: FloatIndex | StoredFlatIndex | None = finer_store(rescore, plan.dims, main) if rescore else None
        self.rescoring: FinerCopy | None = None
        self.built: Built | None = None

    @property
    def metric(self) -> str:
        return self.main.metric

    def fill(self, documents: Vectors, payload: Payload) -> Built:
        plan, device = self.plan, self.plan.resources.device
        on_disk = StoredFlatIndex(documents) if documents.nbytes > plan.resources.memory_bytes else None
        if is_exact(plan):
            self.main = on_disk or exact_on_device(device) or self.main
        rescore = plan.quantization.rescore
        if on_disk and rescore and FINER_COPIES[rescore.store] == FLAT:
            self.store = on_disk
        with faiss_threads(plan.index.build_threads):
            built = train_and_fill([self.main, self.store] if self.store else [self.main], documents)
        self.main = moved(self.main, device)
        if self.store:
            self.rescoring = FinerCopy(self.store, joined(self.main, self.store))
        self.built = replace(built, on_disk=plan.on_disk or isinstance(self.main, StoredFlatIndex))
        return self.built

    def set(self, parameters: Mapping[str, Any]) -> None:
        self.main.set_parameters(parameters)

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> Ranking:
        scores, rows = self.main.search(queries, k, keep)
        return Ranking(rows, scores)

    def facts(self) -> EngineFacts:
        if self.built is None:
            raise RuntimeError("an index has no facts before it is filled")
        proof = self.main.proof()
        if self.store:
            proof |= {f"finer {name}": value for name, value in self.store.proof().items()}
        return EngineFacts(self.plan.engine, self.version, self.built.index_bytes, self.built.bytes_per_vector, proof)


def is_exact(plan: Plan) -> bool:
    """Whether float32 vectors are all compared, which more than FAISS can do."""
    return plan.quantization.faiss == FLAT and plan.index.faiss == EXHAUSTIVE


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
