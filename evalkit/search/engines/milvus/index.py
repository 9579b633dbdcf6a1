"""An index in Milvus: filled by batches or there already, searched by whole blocks of queries, and proven."""

import math
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix, Scores
from evalkit.errors import UserError
from evalkit.measures.ranking import Ranking
from evalkit.search.engine import THERE_ALREADY, Built, EngineFacts, Filter, Payload, Plan
from evalkit.search.engines.milvus.collection import OwnCollection, stored
from evalkit.search.engines.milvus.connection import Connection
from evalkit.search.engines.milvus.existing import ExistingCollection
from evalkit.search.engines.milvus.index_types import BITS, IndexType
from evalkit.search.engines.milvus.lite import size
from evalkit.vectors.matrix import Vectors

MOST_RESULTS = 16_384  # of one query, by Milvus's own limit
QUERIES_AT_ONCE = 64
SAMPLE, SAMPLE_K = 16, 10  # documents that are searched for, and how many of each answer are compared
LEAST_DIFFERENCE = 2e-6  # of scores, beyond which they are not those of float32 vectors
MOST_DIFFERENCE = 1e-4  # of those that are, with what computing them in another order adds
NO_BYTES = "a Milvus server does not say how many bytes a collection takes"


class MilvusIndex:
    """Searches ``collection`` by its codes alone."""

    rescoring = None

    def __init__(
        self, plan: Plan, kind: IndexType, connection: Connection, collection: OwnCollection | ExistingCollection
    ) -> None:
        self.plan, self.kind, self.connection, self.collection = plan, kind, connection, collection
        self.parameters: Mapping[str, Any] = {}
        self.rows: dict[Any, int] | None = None  # of primary keys; null where they are rows
        self.documents: Vectors | None = None
        self.built: Built | None = None

    @property
    def metric(self) -> str:
        return self.plan.metric

    def fill(self, documents: Vectors, payload: Payload) -> Built:
        started = time.perf_counter()
        if isinstance(self.collection, OwnCollection):
            self.collection.fill(documents, payload)
            seconds, learned = time.perf_counter() - started, len(documents) if self.kind.learns else 0
        else:
            self.collection.open()
            self.rows = self.collection.find(documents, payload)
            seconds, learned = math.nan, 0
        self.documents = documents
        index_bytes, table_bytes = self.bytes()
        total = None if index_bytes is None or table_bytes is None else index_bytes + table_bytes
        per_vector = None if total is None else total / len(documents)
        self.built = Built(seconds, 0.0, learned, total, per_vector, table_bytes=table_bytes)
        return self.built

    def bytes(self) -> tuple[int | None, int | None]:
        """Of the index and of the table, as Milvus Lite's files have them; null of a server."""
        if self.connection.lite is None:
            return None, None
        files = self.connection.lite.files(self.collection.name)
        return size(files.indexes(self.kind.name)), size(files.segments())

    def set(self, parameters: Mapping[str, Any]) -> None:
        self.plan.set_parameters(parameters)
        self.parameters = dict(parameters)

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> Ranking:
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            hits = self.hits(queries[start : start + QUERIES_AT_ONCE], min(k, MOST_RESULTS), keep)
            for place, found in enumerate(hits, start):
                keys = list(found.ids)
                rows[place, : len(keys)] = keys if self.rows is None else [self.rows.get(key, -1) for key in keys]
                scores[place, : len(keys)] = self.as_scores(found.distances)
        return Ranking(rows, scores)

    def hits(self, queries: FloatMatrix, k: int, keep: Filter | None) -> Any:
        """Milvus's answers: for each query keys and distances, best first."""
        data = list(stored(queries, self.kind))
        parameters = {"metric_type": self.asked_metric, "params": self.searched_with(k)}
        return self.connection.ask(
            "searching",
            lambda client: client.search(
                self.collection.name,
                data=data,
                anns_field=self.collection.vector,
                limit=k,
                search_params=parameters,
                filter=self.expression(keep),
                timeout=self.connection.timeout_seconds,
            ),
        )

    def searched_with(self, k: int) -> dict[str, Any]:
        """The operating point; a graph looks at as many as are asked for at least."""
        wider = {"ef": max(self.parameters["ef"], k)} if "ef" in self.parameters else {}
        return dict(self.parameters) | wider

    def expression(self, keep: Filter | None) -> str:
        """``keep`` as Milvus reads it; empty for all."""
        if keep is None:
            return ""
        if isinstance(self.collection, ExistingCollection):
            raise UserError(f"{self.collection.where} has no labels of this run to filter by.", "Leave out table.")
        return f"{self.collection.labels[keep.column]} == {int(keep.value)}"

    @property
    def asked_metric(self) -> str:
        """The one that the index was built for."""
        if isinstance(self.collection, ExistingCollection):
            return str(self.collection.described.get("metric_type", self.kind.metric))
        return self.kind.metric

    def as_scores(self, distances: Any) -> Scores:
        """Higher is better: Milvus's inner products and cosines are so, its other distances are not."""
        scores: Scores = np.array(distances, dtype=np.float32)
        if self.kind.vector_type == BITS:
            scores *= np.float32(-2 / self.plan.dims)
            scores += np.float32(1)
        elif self.asked_metric == "L2":
            scores *= np.float32(-1)
        return scores

    @cached_property
    def difference(self) -> float:
        """The largest between scores of a sample and inner products of the vectors that were given.

        Searched when it is asked for: filling leaves the first search to whoever times it.
        """
        documents = self.documents
        if documents is None:
            raise RuntimeError("an index has no scores before it is filled")
        sampled = np.unique(np.linspace(0, len(documents) - 1, SAMPLE).astype(np.int64))
        queries = documents.take(sampled)
        found = self.search(queries, min(SAMPLE_K, len(documents)))
        is_found = found.rows >= 0
        vectors = documents.take(np.where(is_found, found.rows, 0))
        exact = np.einsum("qd,qkd->qk", queries, vectors)
        if self.asked_metric == "L2":
            exact = 2 * exact - 2
        return float(np.abs(exact - found.scores)[is_found].max(initial=0.0))

    def facts(self) -> EngineFacts:
        if self.built is None:
            raise RuntimeError("an index has no facts before it is filled")
        proof, unproven = self.proof()
        reasons = (
            {} if self.built.index_bytes is not None else dict.fromkeys(("index_bytes", "bytes_per_vector"), NO_BYTES)
        )
        contract = None
        if isinstance(self.collection, ExistingCollection):
            reasons |= {"build_seconds": THERE_ALREADY}
            contract = self.collection.contract
        return EngineFacts(
            "milvus",
            self.connection.version,
            self.built.index_bytes,
            self.built.bytes_per_vector,
            proof,
            unproven,
            reasons,
            contract,
        )

    def proof(self) -> tuple[dict[str, str], str]:
        """The evidence, and why it is none."""
        described = (
            self.collection.description() if isinstance(self.collection, OwnCollection) else self.collection.described
        )
        built, indexed = described.get("index_type"), described.get("indexed_rows")
        proof = {
            "index": f"{built} {described.get('metric_type')}, {indexed} of {described.get('total_rows')} rows, "
            f"{described.get('state')}",
            "scores": f"differ by up to {self.difference:.2g} from those of float32 vectors",
        }
        unproven = ""
        if isinstance(self.collection, ExistingCollection):
            proof["vectors"] = f"a sample's lowest cosine with this model's is {self.collection.lowest:.4f}"
        elif self.plan.index.keep:
            proof["collection"] = self.collection.name
        if built != self.kind.name or described.get("state") not in (None, "Finished"):
            unproven = f"Milvus tells of {built} ({described.get('state')}), not of {self.kind.name}"
        if self.connection.lite:
            files = self.connection.lite.files(self.collection.name)
            segments, indexes = len(files.segments()), len(files.indexes(self.kind.name))
            proof["files"] = f"{indexes} of {self.kind.name} for {segments} segments"
            if indexes < segments:
                unproven = f"Milvus Lite built no {self.kind.name} for {segments - indexes} of {segments} segments"
        if not self.kind.is_exact and self.difference <= LEAST_DIFFERENCE:
            unproven = f"scores of {self.kind.name} are those of float32 vectors: its codes are not in use"
        is_own = isinstance(self.collection, OwnCollection)  # another's vectors are much like this model's
        if is_own and self.kind.is_exact and self.difference > MOST_DIFFERENCE:
            unproven = f"scores of {self.kind.name} are {self.difference:.2g} from those of float32 vectors"
        return proof, unproven
