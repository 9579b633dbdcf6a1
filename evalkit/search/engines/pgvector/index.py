"""An opened table of vectors: filled or found, searched by prepared statements, counted, and proven to be as asked."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix, Floats, Rows, Scores
from evalkit.measures.ranking import Ranking
from evalkit.search.engine import Built, EngineFacts, Filter, Payload, Plan
from evalkit.search.engines.database import Clients, Hits, one_by_one
from evalkit.search.engines.pgvector.codes import DISTANCES, as_parameter
from evalkit.search.engines.pgvector.connection import Session, closed, one_session, opened, told
from evalkit.search.engines.pgvector.methods import EXACT, built_with, method_of, session_settings, trained_on
from evalkit.search.engines.pgvector.own_table import dropped, made, own_table
from evalkit.search.engines.pgvector.proof import Asked, Way, explained, nearest, proof_of, rescored, sizes, unproven
from evalkit.search.engines.pgvector.table import Table
from evalkit.search.engines.pgvector.table_there import READ_ONLY, found_table, matched_table, vectors_of
from evalkit.vectors.matrix import Vectors

USUAL_K = 10  # results of a search that is explained where none was made
SCORED_AT_ONCE = 64  # queries whose candidates' finer copies are read together


class PgvectorIndex:
    """``plan``, in a table of its own or one that is there already. Each thread that searches has a session."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.method = method_of(plan.index)
        self.sessions: Clients[Session] = Clients(self.connected, closed)
        self.parameters: Mapping[str, Any] = {}
        self.asked: dict[Asked, None] = {}  # what was searched at this operating point
        self.schema: str | None = None
        self.table: Table | None = None
        self.contract: Mapping[str, Any] | None = None
        self.evidence: dict[str, str] = {}

    @property
    def metric(self) -> str:
        return DISTANCES[self.searched.distance].metric if self.table else self.plan.metric

    @property
    def rescoring(self) -> "FinerColumn | None":
        return FinerColumn(self) if self.plan.quantization.rescore else None

    @property
    def searched(self) -> Table:
        if self.table is None:
            raise RuntimeError("a table is not searched before it is filled")
        return self.table

    def connected(self) -> Session:
        """A session that searches: it reads only, and takes the index where there is one, no index where none is."""
        way = "enable_indexscan" if self.method == EXACT else "enable_seqscan"
        limit = {"statement_timeout": f"{int(self.plan.index.timeout_seconds * 1000)}ms"}
        return opened(self.plan.index, {**READ_ONLY, **limit, way: "off"})

    def fill(self, documents: Vectors, payload: Payload) -> Built:
        started = time.perf_counter()
        if self.plan.index.table:
            self.find(documents, payload)
            seconds = float("nan")
        else:
            self.schema = made(self.plan, documents, payload)
            self.table = own_table(self.plan, payload, self.schema)
            seconds = time.perf_counter() - started
        table_bytes, index_bytes = self.bytes()
        options = built_with(self.plan.index, len(documents))
        learned = 0 if self.plan.index.table else trained_on(self.method, options, len(documents))
        per_vector = index_bytes / len(documents)
        return Built(seconds, 0.0, learned, index_bytes, per_vector, table_bytes=table_bytes)

    def find(self, documents: Vectors, payload: Payload) -> None:
        plan = self.plan
        with one_session(plan.index, READ_ONLY) as session, told(plan.index, "reading the table"):
            there = found_table(session, plan.index, plan.quantization, plan.dims)
            self.table, found = matched_table(session, there, documents, payload)
        self.contract = there.contract
        self.evidence = {"lowest cosine of a sample with this model's vectors": f"{found.lowest:.6f}"}

    def bytes(self) -> tuple[int, int]:
        with told(self.plan.index, "counting bytes"):
            return sizes(self.sessions.get(), self.searched)

    def set(self, parameters: Mapping[str, Any]) -> None:
        self.plan.set_parameters(parameters)
        self.parameters, self.asked = dict(parameters), {}

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> Ranking:
        table = self.searched
        return self.found(nearest(table, k, keep), queries, k, DISTANCES[table.distance].score)

    def found(self, asked: Asked, queries: FloatMatrix, k: int, score: Any) -> Ranking:
        """What is ``asked`` of each of ``queries``, with distances as ``score`` has them."""
        session = self.ready(asked.results)
        self.asked[asked] = None

        def hits(query: Floats) -> Hits:
            return self.hits(session, asked.statement, [as_parameter(kind, query) for kind in asked.kinds], score)

        return one_by_one(hits, queries, k)

    def ready(self, asked: int) -> Session:
        """This thread's session at the operating point, for as many results as are asked for."""
        with told(self.plan.index, "searching"):
            session = self.sessions.get()
            session.apply(session_settings(self.method, self.parameters, asked))
        return session

    def hits(self, session: Session, statement: str, parameters: list[Any], score: Any) -> Hits:
        with told(self.plan.index, "searching"):
            cursor = session.connection.execute(statement, parameters, prepare=True, binary=True)
            found = cursor.fetchall()
        keys, distances = [key for key, _ in found], np.array([distance for _, distance in found])
        scores = score(distances, self.plan.dims)
        order = np.argsort(-scores, kind="stable")  # a relaxed iterative scan gives some too late
        rows = self.searched.rows(keys)
        return [rows[place] for place in order], scores[order].tolist()

    def facts(self) -> EngineFacts:
        """By the plans of all that was searched at the operating point, or else of a search for ten."""
        table = self.searched
        ways = [self.way(asked) for asked in self.asked or (self.usual(),)]
        session = self.sessions.get()
        with told(self.plan.index, "explaining a search"):
            proof = proof_of(session, table, ways)
        _, index_bytes = self.bytes()
        return EngineFacts(
            name=self.plan.engine,
            version=session.version,
            index_bytes=index_bytes,
            bytes_per_vector=index_bytes / self.plan.documents,
            proof={**proof, **self.evidence},
            unproven=unproven(ways, table),
            contract=self.contract,
        )

    def usual(self) -> Asked:
        """A search that nobody has made yet."""
        table = self.searched
        return rescored(table, USUAL_K, USUAL_K, None) if self.rescoring else nearest(table, USUAL_K, None)

    def way(self, asked: Asked) -> Way:
        """How PostgreSQL goes about what is ``asked``, at the settings that it is asked at."""
        session = self.ready(asked.results)
        with told(self.plan.index, "explaining a search"):
            return explained(session, asked, self.plan.dims)

    def close(self) -> None:
        self.sessions.close()
        if self.schema and not self.plan.index.keep:
            dropped(self.plan, self.schema)


@dataclass(frozen=True)
class FinerColumn:
    """The vectors of the table of ``index``, which re-order what their codes find, in one statement."""

    index: PgvectorIndex

    def search(self, queries: FloatMatrix, k: int, candidates: int, keep: Filter | None = None) -> Ranking:
        index, table = self.index, self.index.searched
        score = DISTANCES["cosine" if table.keys else "ip"].score
        return index.found(rescored(table, k, candidates, keep), queries, k, score)

    def scores(self, queries: FloatMatrix, rows: Rows) -> Scores:
        """Inner products of ``queries`` with the vectors that the table has."""
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)
        for start in range(0, len(queries), SCORED_AT_ONCE):
            block = slice(start, start + SCORED_AT_ONCE)
            known, places = np.unique(rows[block], return_inverse=True)
            vectors = self.vectors(known)
            products = np.einsum("qd,qcd->qc", queries[block], vectors[places.reshape(rows[block].shape)])
            scores[block] = np.where(rows[block] >= 0, products, -np.inf)
        return scores

    def vectors(self, rows: Rows) -> FloatMatrix:
        """Of ``rows``, -1 among them (zeros)."""
        index = self.index
        with told(index.plan.index, "reading vectors"):
            places = np.flatnonzero(rows >= 0)
            keys = index.searched.keys_of(rows[places].tolist())
            there = vectors_of(index.sessions.get(), index.searched, keys)
        vectors = np.zeros((len(rows), index.plan.dims), dtype=np.float32)
        for place, key in zip(places.tolist(), keys, strict=True):
            vectors[place] = there[key]
        return vectors
