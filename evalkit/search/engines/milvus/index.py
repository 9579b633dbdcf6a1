"""An index in Milvus: filled by batches or there already, searched by whole blocks of queries, and proven."""

import math
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix, Rows, Scores
from evalkit.errors import UserError
from evalkit.measures.ranking import Ranking
from evalkit.search.engine import THERE_ALREADY, Built, EngineFacts, Filter, Payload, Plan
from evalkit.search.engines.milvus.collection import OwnCollection, stored
from evalkit.search.engines.milvus.connection import Connection
from evalkit.search.engines.milvus.existing import ExistingCollection
from evalkit.search.engines.milvus.index_types import BITS, FLOAT, IndexType
from evalkit.search.engines.milvus.lite import size
from evalkit.search.engines.score_differences import (
    LEAST_DIFFERENCE,
    MOST_DIFFERENCE,
    cosines,
    inner_products,
    largest_difference,
    squared_distances,
)
from evalkit.vectors.matrix import Vectors

MOST_RESULTS = 16_384  # of one query, by Milvus's own limit
QUERIES_AT_ONCE = 64
LEAST_ROWS = 1_024  # of a server's segment that has an index: of fewer it compares all (minSegmentNumRowsToEnableIndex)
INDEXED_SHARE = 0.99  # of vectors, that a search of an index is one of
SCORERS = {"COSINE": cosines, "L2": squared_distances}  # of metrics other than inner products
NO_BYTES = "a Milvus server does not say how many bytes a collection takes"


class MilvusIndex:
    """Searches ``collection`` by its codes alone."""

    rescoring = None

    def __init__(
        self, plan: Plan, kind: IndexType, connection: Connection, collection: OwnCollection | ExistingCollection
    ) -> None:
        self.plan, self.kind, self.connection, self.collection = plan, kind, connection, collection
        self.parameters: Mapping[str, Any] = {}
        self.rows: Mapping[Any, int] | None = None  # of primary keys; null where they are rows
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
        """The largest between scores of a sample and those of the whole vectors: see score_differences.

        Searched when it is asked for: filling leaves the first search to whoever times it.
        """
        if self.documents is None:
            raise RuntimeError("an index has no scores before it is filled")
        take = self.documents.take if isinstance(self.collection, OwnCollection) else self.kept_vectors
        score = SCORERS.get(self.asked_metric, inner_products)
        return largest_difference(self.documents, self.search, take, score)

    def kept_vectors(self, rows: Rows) -> FloatMatrix:
        """Those of ``rows`` as a collection has them that was there already; fewer where some are gone."""
        if not isinstance(self.collection, ExistingCollection):
            raise TypeError("a collection of a run's own has the vectors that it was given")
        key_of = {row: key for key, row in (self.rows or {}).items()}
        return np.array(self.collection.vectors([key_of[row] for row in rows.tolist()]), dtype=np.float32)

    def segments(self) -> list[int]:
        """How many vectors each segment of a server's collection has, as it is loaded."""
        loaded = self.connection.ask(
            "listing segments", lambda client: client.list_loaded_segments(self.collection.name)
        )
        return [int(segment.num_rows) for segment in loaded]

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
        is_own = isinstance(self.collection, OwnCollection)
        whole = "float32 vectors" if is_own else "its own vectors"
        proof = {
            "index": f"{built} {described.get('metric_type')}, {indexed} of {described.get('total_rows')} rows, "
            f"{described.get('state')}",
            "scores": f"differ by up to {self.difference:.2g} from those of {whole}",
        }
        unproven = ""
        if isinstance(self.collection, ExistingCollection):
            proof["vectors"] = f"a sample's lowest cosine with this model's is {self.collection.lowest:.4f}"
        elif self.plan.index.keep:
            proof["collection"] = self.collection.name
        if built != self.kind.name or described.get("state") not in (None, "Finished"):
            unproven = f"Milvus tells of {built} ({described.get('state')}), not of {self.kind.name}"
        more, why = self.parts_with_an_index()
        proof, unproven = proof | more, why or unproven
        is_seen = is_own or self.kind.vector_type == FLOAT  # a collection's field says itself what else it holds
        if is_seen and not self.kind.is_exact and not self.difference > LEAST_DIFFERENCE:
            unproven = f"scores of {self.kind.name} are those of float32 vectors: its codes are not in use"
        if self.kind.is_exact and not self.difference <= MOST_DIFFERENCE:
            unproven = f"scores of {self.kind.name} are {self.difference:.2g} from those of float32 vectors"
        return proof, unproven

    def parts_with_an_index(self) -> tuple[dict[str, str], str]:
        """The evidence that the index was built of the parts that Milvus divides its vectors into, and why it is none.

        Of a Milvus Lite that another process has there is no more than its word.
        """
        name, lite = self.kind.name, self.connection.lite
        if lite:
            files = lite.files(self.collection.name)
            parts, indexes = len(files.segments()), len(files.indexes(name))
            lacking = f"Milvus Lite built no {name} for {parts - indexes} of {parts} segments"
            return {"files": f"{indexes} of {name} for {parts} segments"}, lacking if indexes < parts else ""
        if self.connection.is_lite or self.kind.compares_all:
            return {}, ""
        segments = self.segments()
        indexed, every = sum(rows for rows in segments if rows >= LEAST_ROWS), sum(segments)
        proof = {"segments": f"{len(segments)}; {indexed:,} vectors in those of {LEAST_ROWS:,} and more"}
        if segments and indexed >= INDEXED_SHARE * every:
            return proof, ""
        return proof, (
            f"Milvus compares all vectors of segments of fewer than {LEAST_ROWS:,}, and only {indexed:,} of {every:,} "
            f"are in others: its {name} is not in use"
        )
