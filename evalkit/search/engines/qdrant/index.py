"""An index in Qdrant: points are filled in and searched one query at a time, by their codes or re-ordered."""

import math
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix, Floats, Rows, Scores
from evalkit.errors import UserError, did_you_mean
from evalkit.measures.ranking import Ranking
from evalkit.search.engine import Built, EngineFacts, Filter, Payload, Plan
from evalkit.search.engines.database import Hits, address_of, one_by_one
from evalkit.search.engines.qdrant.collection import FLOAT_BYTES, PRODUCT, SCALAR, Collection
from evalkit.search.engines.qdrant.existing import ExistingCollection
from evalkit.search.engines.qdrant.store import SearchRequest, Store, Stored, label_keys
from evalkit.search.engines.score_differences import LEAST_DIFFERENCE, MOST_DIFFERENCE, largest_difference
from evalkit.vectors.matrix import Vectors

PRODUCT_SAMPLE = 10_000  # vectors that Qdrant learns the patterns of product codes from (KMEANS_SAMPLE_SIZE)
BYTES = ("index_bytes", "bytes_per_vector", "bytes_per_document", "table_bytes")
NO_BYTES = "a Qdrant server does not say how many bytes a collection takes"
PREALLOCATED = "Qdrant keeps these vectors in files that are made larger in advance"


class QdrantIndex:
    """Searches by the codes alone; ``rescoring`` re-orders by the vectors, which Qdrant keeps beside its codes."""

    def __init__(self, plan: Plan, collection: Collection, store: Store) -> None:
        self.plan, self.collection, self.store = plan, collection, store
        self.ef: int | None = None
        self.keys: dict[str, str] = {}
        self.documents: Vectors | None = None
        self.state: Stored | None = None

    @property
    def metric(self) -> str:
        return self.plan.metric

    @property
    def rescoring(self) -> "Originals | None":
        return Originals(self) if self.plan.quantization.rescore else None

    def fill(self, documents: Vectors, payload: Payload) -> Built:
        started = time.perf_counter()
        self.store.fill(documents, payload)
        seconds = time.perf_counter() - started if self.store.is_own else math.nan
        self.keys = label_keys(payload) if self.store.is_own else {}
        self.documents, self.state = documents, self.store.stored()
        state = self.state
        learned, kept = self.learned_from(len(documents)) if self.store.is_own else 0, state.kept
        if kept is None:
            return Built(seconds, 0.0, learned, None, None)
        return Built(seconds, 0.0, learned, kept.total, kept.per_vector(len(documents)), table_bytes=kept.vectors)

    def learned_from(self, documents: int) -> int:
        """How many of them the codes were learned from: a range takes all, patterns take some."""
        return {SCALAR: documents, PRODUCT: min(documents, PRODUCT_SAMPLE)}.get(self.collection.codes, 0)

    @cached_property
    def difference(self) -> float:
        """The largest between scores of a sample and inner products of the whole vectors: see score_differences.

        Searched when it is asked for: filling leaves the first search to whoever times it.
        """
        if self.documents is None:
            raise RuntimeError("an index has no scores before it is filled")
        take = self.documents.take if self.store.is_own else self.kept_vectors
        return largest_difference(self.documents, self.search, take)

    def kept_vectors(self, rows: Rows) -> FloatMatrix:
        """Those of ``rows`` as a collection has them that was there already."""
        if not isinstance(self.store, ExistingCollection):
            raise TypeError("a collection of a run's own has the vectors that it was given")
        return np.array(self.store.vectors([self.store.points[row] for row in rows.tolist()]), dtype=np.float32)

    def set(self, parameters: Mapping[str, Any]) -> None:
        self.plan.set_parameters(parameters)
        self.ef = parameters.get("ef")

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> Ranking:
        asked = SearchRequest(k, self.breadth(k), self.collection.is_exact, label=self.label(keep))
        return one_by_one(lambda query: self.store.query(query, asked), queries, k)

    def breadth(self, k: int) -> int | None:
        """How many candidates a graph keeps for ``k`` results; null is Qdrant's own choice."""
        return None if self.ef is None else max(self.ef, k)

    def label(self, keep: Filter | None) -> tuple[str, int] | None:
        """The key and value that ``keep`` stands for. Raises UserError for a column that was not filled in."""
        if keep is None:
            return None
        if keep.column not in self.keys:
            hint = did_you_mean(keep.column, self.keys) or "It is searched as it is, and evalkit adds no labels to it."
            raise UserError(f"this collection has no labels '{keep.column}' to filter by.", hint)
        return self.keys[keep.column], keep.value

    def facts(self) -> EngineFacts:
        if self.state is None:
            raise RuntimeError("an index has no facts before it is filled")
        state, kept = self.state, self.state.kept
        reason = NO_BYTES if address_of(self.plan.index) else PREALLOCATED
        return EngineFacts(
            "qdrant",
            self.store.version,
            None if kept is None else kept.total,
            None if kept is None else kept.per_vector(self.plan.documents),
            self.proof(state),
            self.unproven(state),
            {} if kept else dict.fromkeys(BYTES, reason),
            state.contract,
        )

    def proof(self, state: Stored) -> dict[str, str]:
        """Which index and codes are in use, as Qdrant itself tells it and as its scores show."""
        compared = "of codes" if self.collection.codes else "of vectors"
        whole = "float32" if self.store.is_own else "its own vectors"
        index = f"hnsw, m={state.m}" if self.collection.m else "none: every one is compared"
        proof = {
            **({"collection": self.collection.words} if self.store.is_own else {}),
            "index": f"{index}; {state.indexed:,} of {state.points:,} vectors in {state.segments} indexed segments",
            "optimizer": state.state,
            "scores": f"{compared}; at most {self.difference:.2g} from inner products of {whole}",
        }
        return proof | ({"name": state.name} if state.name else {})

    def unproven(self, state: Stored) -> str:
        """Why what was asked for can't be shown to be in use; empty where it is."""
        if state.points != self.plan.documents:
            return f"Qdrant holds {state.points:,} of {self.plan.documents:,} vectors"
        has_codes, is_half = bool(self.collection.codes), self.collection.datatype != "float32"
        if (has_codes or (is_half and self.store.is_own)) and not self.difference > LEAST_DIFFERENCE:
            return "its scores are those of float32 vectors: nothing shows that it searches what was asked for"
        if not (has_codes or is_half or self.difference <= MOST_DIFFERENCE):
            return f"its scores are {self.difference:.2g} from inner products, as those of float32 vectors are not"
        if self.collection.is_exact:
            return ""
        if state.indexed < state.points:
            return f"only {state.indexed:,} of {state.points:,} vectors are indexed ({state.state})"
        if bool(state.m) != bool(self.collection.m):
            return f"its graph has m={state.m}, and {self.collection.m} was asked for"
        if self.collection.m and self.is_scanned(state):
            return (
                f"Qdrant compares all vectors where a segment has less than {state.full_scan_threshold:,} KB of them "
                "(full_scan_threshold): the graph is not in use"
            )
        return ""

    def is_scanned(self, state: Stored) -> bool:
        """Whether segments are so small that their graph is not walked."""
        of_segment = state.points / state.segments * self.collection.dims * FLOAT_BYTES[self.collection.datatype]
        return of_segment < state.full_scan_threshold * 1024


class Originals:
    """The vectors themselves, which Qdrant keeps whatever codes it has."""

    def __init__(self, index: QdrantIndex) -> None:
        self.index = index

    def scores(self, queries: FloatMatrix, rows: Rows) -> Scores:
        """Each query is compared with its rows alone, exactly."""
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)
        for place, (query, candidates) in enumerate(zip(queries, rows.tolist(), strict=True)):
            asked = [row for row in candidates if row >= 0]
            known = dict(zip(*self.compared(query, asked), strict=True)) if asked else {}
            scores[place] = [known.get(row, -np.inf) for row in candidates]
        return scores

    def compared(self, query: Floats, rows: list[int]) -> Hits:
        return self.index.store.query(query, SearchRequest(len(rows), exact=True, rows=rows))

    def search(self, queries: FloatMatrix, k: int, candidates: int, keep: Filter | None = None) -> Ranking:
        """In one call: Qdrant re-orders ``candidates`` of the codes' best by the vectors."""
        index = self.index
        asked = SearchRequest(k, index.breadth(candidates), False, oversampling(k, candidates), index.label(keep))
        return one_by_one(lambda query: index.store.query(query, asked), queries, k)


def oversampling(k: int, candidates: int) -> float:
    """The least factor whose product with ``k``, cut to a whole number as Qdrant cuts it, is ``candidates``."""
    factor = candidates / k
    return factor if int(factor * k) >= candidates else math.nextafter(factor, math.inf)
