"""A collection of Weaviate as an index: filled by batches and searched by ``near_vector``."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from evalkit.arrays import FloatMatrix, Floats, Rows, Scores
from evalkit.errors import UserError
from evalkit.measures.ranking import Ranking
from evalkit.search.engine import Built, EngineFacts, Filter, Payload, Plan
from evalkit.search.engines.database import Hits, one_by_one
from evalkit.search.engines.there_already import contract_in, matched
from evalkit.search.engines.weaviate.collection import METRICS, Collection, fields_of
from evalkit.search.engines.weaviate.words import index_type, learning
from evalkit.search.engines.whole_vectors import exact_scores
from evalkit.vectors.matrix import Vectors

BATCH = 500
FIRST_OBJECT = 0xE7A1 << 112  # of the UUIDs that rows have
IDS_AT_ONCE = 1_000
PAUSE_SECONDS = 0.1
NO_BYTES = "Weaviate's API does not tell how many bytes it keeps"
CANARY = "lowest cosine of a sample with this model's vectors"


class WeaviateIndex:
    """Of one ``collection``: a new one, or one that is there already."""

    def __init__(self, plan: Plan, collection: Collection) -> None:
        self.plan, self.collection = plan, collection
        self.documents: Vectors | None = None
        self.row_of: Mapping[UUID, int] = {}
        self.contract: Mapping[str, Any] | None = None
        self.found: dict[str, str] = {}  # what proves that a collection is the one that was meant
        self.rescoring = Reordering(self) if plan.quantization.rescore else None

    @property
    def metric(self) -> str:
        known = self.collection.known
        return METRICS[known.distance][0] if known else self.plan.metric

    def fill(self, documents: Vectors, payload: Payload) -> Built:
        self.documents = documents
        if not self.collection.is_own:
            self.find(documents, payload)
            return Built(float("nan"), float("nan"), 0, None, None)
        started = time.perf_counter()
        self.collection.create(list(payload.labels))
        for first, block in documents.blocks():
            for begin in range(0, len(block), BATCH):
                self.insert(first + begin, block[begin : begin + BATCH], payload)
        filled = time.perf_counter()
        is_learned = self.collection.quantizer.is_learned
        if is_learned:
            subvector_dims = self.plan.quantization.subvector_dims
            settings = learning(self.collection.quantizer, self.plan.dims, subvector_dims, len(documents))
            self.collection.change(settings=settings)
        self.wait_until_ready(len(documents))
        self.collection.is_filled = True
        ended = time.perf_counter()
        learned = (ended - filled, len(documents)) if is_learned else (0.0, 0)
        return Built(ended - started, *learned, None, None)

    def insert(self, first: int, vectors: FloatMatrix, payload: Payload) -> None:
        rows = range(first, first + len(vectors))
        names = self.collection.labels
        fields = [fields_of(row, payload.ids, payload.labels, names) for row in rows]
        self.collection.insert(first, vectors, fields, [UUID(int=FIRST_OBJECT + row) for row in rows])

    def wait_until_ready(self, documents: int) -> None:
        """Until all are counted, none waits for the index and all are compressed that shall be; else UserError."""
        seconds = self.plan.index.timeout_seconds
        deadline = time.monotonic() + seconds
        while waiting := self.waiting_for(documents):
            if time.monotonic() > deadline:
                problem = f"{self.collection.server} {waiting} after {seconds:g} s."
                raise UserError(problem, "Give it longer by timeout_seconds.")
            time.sleep(PAUSE_SECONDS)

    def waiting_for(self, documents: int) -> str:
        """What is not yet as it will be; empty where all is."""
        counted = self.collection.count()
        if counted != documents:
            return f"counts {counted:,} of {documents:,} objects"
        shards = self.collection.connection.shards(self.collection.name)
        if queued := sum(shard.vector_queue_length or 0 for shard in shards):
            return f"has {queued:,} vectors not in its index"
        word = self.collection.quantizer.word
        return f"has not compressed all vectors by {word}" if word and not all(s.compressed for s in shards) else ""

    def find(self, documents: Vectors, payload: Payload) -> None:
        """Match the collection's objects with ``documents``.

        Raises UserError where they are not theirs, or the collection would have to be changed.
        """
        collection, column = self.collection, self.plan.index.id_column
        config = collection.read()
        self.check_settings()
        self.contract = contract_in(config.description)
        names = [field.name for field in config.properties]
        if column and column not in names:
            raise UserError(f"{collection} has no field '{column}'.", f"Its fields: {', '.join(names)}.")
        pairs = self.pairs(column)
        found = matched(str(collection), payload.ids, documents, collection.count(), pairs, self.vectors)
        self.row_of, self.found[CANARY] = found.rows, f"{found.lowest:.4f}"

    def pairs(self, column: str | None) -> Iterator[tuple[UUID, str | None]]:
        """The UUID of each object and the id of its document, read in pages."""
        properties = [column] if column else []
        with self.collection.server.told("reading a collection's ids"):
            for found in self.collection.of_thread.iterator(return_properties=properties, cache_size=IDS_AT_ONCE):
                identifier = found.properties.get(column) if column else found.uuid
                yield found.uuid, None if identifier is None else str(identifier)

    def vectors(self, uuids: list[UUID]) -> list[Sequence[float]]:
        """Those of ``uuids``, in their order; empty where one is gone."""
        from weaviate.classes.query import Filter as Condition

        with self.collection.server.told("reading vectors"):
            answer = self.collection.of_thread.query.fetch_objects(
                filters=Condition.by_id().contains_any(uuids), limit=len(uuids), include_vector=True
            )
        there = {found.uuid: found.vector.get(self.collection.vector or "default", []) for found in answer.objects}
        return [there.get(uuid, []) for uuid in uuids]

    def check_settings(self) -> None:
        """Raises UserError where the collection would have to be changed for what was planned."""
        table, now, index = self.collection, self.collection.kept, index_type(self.plan.index)
        if now.distance not in METRICS:
            raise UserError(f"{table} compares by {now.distance}.", f"What can be measured: {', '.join(METRICS)}.")
        if now.index != index:
            raise UserError(f"{table} has the index {now.index}, not {index}.", "Ask for the index that it has.")
        if now.quantizer_name != table.quantizer.name:
            problem = f"{table} keeps vectors as {now.quantizer_name}, not as {table.quantizer.name}."
            raise UserError(problem, "Ask for the quantization that it has.")
        limit = now.rescore_limit or 0
        if table.has_limit and limit > 0 and not self.rescoring:
            problem = f"{table} re-orders {limit} candidates, which is not changed for you."
            raise UserError(problem, f"Ask for rescoring, with rescore.candidates={limit}.")
        for ef in self.plan.index.search.get("ef", ()):
            table.set_ef(ef)

    def set(self, parameters: Mapping[str, Any]) -> None:
        self.plan.set_parameters(parameters)
        if "ef" in parameters:
            self.collection.set_ef(parameters["ef"])

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> Ranking:
        self.collection.set_limit(0)
        return self.nearest(queries, k, k, keep)

    def nearest(self, queries: FloatMatrix, k: int, limit: int, keep: Filter | None) -> Ranking:
        """The best ``k`` of what searches for ``limit`` find."""
        condition = self.collection.condition(keep)

        def near(query: Floats) -> Hits:
            hits = self.collection.near(query, limit, condition)[:k]
            return [self.row(uuid) for uuid, _ in hits], [score for _, score in hits]

        with self.collection.server.told("searching"):
            return one_by_one(near, queries, k)

    def row(self, uuid: UUID) -> int:
        return uuid.int - FIRST_OBJECT if self.collection.is_own else self.row_of[uuid]

    def facts(self) -> EngineFacts:
        collection, asked = self.collection, self.collection.quantizer
        collection.read()
        now = collection.kept
        proof = {"index": now.index, "codes": now.quantizer_name, "distance": now.distance, **self.found}
        compressed = [shard.compressed for shard in collection.connection.shards(collection.name)]
        proof["compressed shards"] = f"{sum(compressed)} of {len(compressed)}"
        if self.rescoring:
            proof["re-ordered"] = "as many as asked for" if collection.has_limit else "all that ef keeps"
        unproven = ""
        if now.index != index_type(self.plan.index):
            unproven = f"Weaviate says that the index is {now.index}"
        elif now.quantizer_name != asked.name:
            unproven = f"Weaviate says that vectors are kept as {now.quantizer_name}"
        elif not compressed or any(shard != bool(asked.word) for shard in compressed):
            unproven = f"Weaviate says that {proof['compressed shards']} shards are compressed"
        reasons = {"index_bytes": NO_BYTES, "bytes_per_vector": NO_BYTES}
        version = collection.connection.version()
        return EngineFacts(self.plan.engine, version, None, None, proof, unproven, reasons, self.contract)


class Reordering:
    """How the server itself re-orders candidates by the whole vectors, in the call that finds them.

    With bq and pq, hnsw re-orders whatever ``ef`` keeps, at least ``candidates``; else just ``candidates``.
    """

    def __init__(self, index: WeaviateIndex) -> None:
        self.index = index

    def scores(self, queries: FloatMatrix, rows: Rows) -> Scores:
        if self.index.documents is None:
            raise RuntimeError("nothing is filled in yet")
        return exact_scores(self.index.documents, queries, rows)

    def search(self, queries: FloatMatrix, k: int, candidates: int, keep: Filter | None = None) -> Ranking:
        collection = self.index.collection
        collection.set_limit(candidates)
        ef = collection.kept.ef  # a search for more results keeps as many candidates
        limit = k if ef is None or candidates <= ef else max(k, candidates)
        return self.index.nearest(queries, k, limit, keep)
