"""Indexes of more vectors than the corpus has, filled with filler: as large as takes them beyond the processor's cache.

What a scan takes depends on how many codes there are and not on what they say, so once there are enough of them codes
are repeated instead of made. A graph would not be walked the same way through repeated vectors, so all of a graph's are
different ones.
"""

import time
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.scaling.filler import Filler
from evalkit.search.building import build
from evalkit.search.engine import Index
from evalkit.search.engines.faiss.engine import vector_index
from evalkit.search.engines.faiss.finer_copy import FinerCopy
from evalkit.search.engines.faiss.indexes import BinaryIndex, FloatIndex
from evalkit.search.engines.in_process import InProcessIndex
from evalkit.search.engines.vector_index import VectorIndex
from evalkit.search.searcher import Searcher
from evalkit.vectors.faiss_strings import EXHAUSTIVE, FLAT
from evalkit.vectors.matrix import Vectors

ID_BYTES = 8
TRAINING_ROWS = 16_384
ROUGH_ROUNDS = 4


class Kind(Enum):
    """How an index searches: by comparing every vector, those of some lists, or by walking a graph."""

    SCAN, LISTS, GRAPH = "scan", "lists", "graph"


@dataclass(frozen=True)
class RoughLists:
    """Lists, and the seconds per vector and list that a round of clustering and filling took."""

    index: VectorIndex
    round_seconds: float
    filling_seconds: float


@dataclass(frozen=True)
class Setting:
    """The ``searcher`` of the corpus's documents, its configs, and the ``filler`` of its distribution."""

    searcher: Searcher
    quantization: QuantizationConfig
    index: IndexConfig
    filler: Filler
    dims: int

    @property
    def native(self) -> Any:
        """FAISS's index as its own class, without a transform around it."""
        return innermost(self.searcher.index)

    @property
    def is_binary(self) -> bool:
        return isinstance(of_faiss(self.searcher.index), BinaryIndex)

    @property
    def unquantized(self) -> QuantizationConfig:
        """Of the same type of index: float vectors or their signs, as they are."""
        return QuantizationConfig(faiss="BFlat" if self.is_binary else FLAT)

    @property
    def kind(self) -> Kind | None:
        """Null for an index that no law is known of."""
        if hasattr(self.native, "hnsw"):
            return Kind.GRAPH
        if hasattr(self.native, "nlist"):
            return Kind.LISTS
        template = self.index.binary if self.is_binary else self.index.faiss
        return Kind.SCAN if template == EXHAUSTIVE else None

    @property
    def read_bytes(self) -> int:
        """What a search reads of a vector: its code, in a list its id, in a graph its links."""
        native = self.native
        storage = getattr(native, "storage", native)
        code = native.d // 8 if self.is_binary else storage.sa_code_size()
        if hasattr(native, "hnsw"):
            return int(code + native.hnsw.nb_neighbors(0) * 4)
        return int(code + (ID_BYTES if hasattr(native, "nlist") else 0))

    def built(self, rows: int) -> Searcher:
        """So many different filler vectors in an index that was trained and filled as one of documents is."""
        vectors = Vectors(self.filler.vectors(rows, self.dims), self.dims)
        return build(vectors, np.arange(rows), self.quantization, self.index)

    def trained(self, most_bytes: float) -> FloatIndex | BinaryIndex:
        """An index without vectors: a copy of the documents' own, if it has at most ``most_bytes``, or one of filler.

        What a search takes doesn't depend on what was learned.
        """
        import faiss

        own = of_faiss(self.searcher.index)
        if own.needs_training and self.searcher.documents * self.read_bytes <= most_bytes:
            copy = FloatIndex(faiss.clone_index(own.index))
            copy.index.reset()
            return copy
        new = vector_index(self.dims, self.searcher.documents, self.quantization, self.index)
        if new.needs_training:
            new.train(self.filler.vectors(TRAINING_ROWS, self.dims))
        return new

    def more_lists(self, rows: int, nlist: int) -> "RoughLists":
        """So many filler vectors in ``nlist`` lists, clustered in fewer rounds and not quantized."""
        index = vector_index(self.dims, max(rows, nlist), self.unquantized, replace(self.index, nlist=nlist))
        index.index.cp.niter = ROUGH_ROUNDS
        vectors = self.filler.vectors(max(rows, nlist), self.dims)
        started = time.perf_counter()
        index.train(vectors)
        trained = time.perf_counter()
        index.add(vectors)
        of_pairs = len(vectors) * nlist
        round_seconds = (trained - started) / ROUGH_ROUNDS / of_pairs
        return RoughLists(index, round_seconds, (time.perf_counter() - trained) / of_pairs)

    def centres(self, rows: int) -> FloatIndex | BinaryIndex:
        """So many filler vectors, searched exhaustively as the centres of lists are."""
        index = vector_index(self.dims, rows, self.unquantized, IndexConfig(faiss=EXHAUSTIVE))
        index.add(self.filler.vectors(rows, self.dims))
        return index

    def graph(self, vectors: int) -> FloatIndex | BinaryIndex:
        """An empty graph for so many ``vectors``, its quantizer trained on filler."""
        graph = vector_index(self.dims, vectors, self.quantization, self.index)
        if graph.needs_training:
            graph.train(self.filler.vectors(TRAINING_ROWS, self.dims))
        return graph

    def searcher_of(self, index: VectorIndex, rows: int) -> Searcher:
        """The first ``rows`` filler vectors in ``index``, re-ordered as documents are."""
        own = self.searcher.index
        if not isinstance(own, InProcessIndex):
            raise TypeError(f"{type(own).__name__} is not FAISS's")
        opened = InProcessIndex(own.plan, index, own.version)
        if opened.store is not None:
            vectors = self.filler.vectors(rows, self.dims)
            if opened.store.needs_training:
                opened.store.train(vectors)
            opened.store.add(vectors)
            opened.rescoring = FinerCopy(opened.store)
        return replace(self.searcher, index=opened, rescoring=opened.rescoring, documents=rows, place=np.arange(rows))


def double(index: Index | VectorIndex) -> None:
    """Every code of ``index`` once more."""
    import faiss

    native, main = innermost(index), of_faiss(index)
    if isinstance(native, faiss.IndexBinaryFlat):
        native.add(faiss.vector_to_array(native.xb).reshape(-1, native.code_size))
        return
    copy = faiss.clone_index(native) if isinstance(native, faiss.Index) else faiss.clone_binary_index(native)
    native.merge_from(copy, native.ntotal if hasattr(native, "nlist") else 0)
    main.index.ntotal = native.ntotal


def innermost(index: Index | VectorIndex) -> Any:
    """FAISS's index as its own class, behind a transform if there is one; null for another engine's index."""
    import faiss

    main = index.main if isinstance(index, InProcessIndex) else index
    if not isinstance(main, FloatIndex | BinaryIndex):
        return None
    native = main.index
    if not isinstance(native, faiss.Index):
        return native
    native = faiss.downcast_index(native)
    return faiss.downcast_index(native.index) if isinstance(native, faiss.IndexPreTransform) else native


def nlist_of(index: Index | VectorIndex) -> int:
    """How many inverted lists ``index`` has; 0 for an index without."""
    return int(getattr(innermost(index), "nlist", 0))


def searched_share(index: Index | VectorIndex, queries: FloatMatrix, nprobe: int) -> float:
    """The share of all vectors that are in the ``nprobe`` lists that a query searches, on average."""
    main = of_faiss(index)
    native, asked = innermost(main), main.as_stored(queries)
    if main.index.this != native.this:
        import faiss

        asked = faiss.downcast_index(main.index).apply_chain(asked)
    lengths = np.array([native.invlists.list_size(number) for number in range(native.nlist)])
    _, probed = native.quantizer.search(asked, min(nprobe, native.nlist))
    return float(lengths[probed].sum(axis=1).mean() / lengths.sum())


def of_faiss(index: Index | VectorIndex) -> FloatIndex | BinaryIndex:
    """What holds the codes. Raises TypeError where that is not FAISS."""
    main = index.main if isinstance(index, InProcessIndex) else index
    if not isinstance(main, FloatIndex | BinaryIndex):
        raise TypeError(f"{type(main).__name__} is not FAISS's")
    return main
