"""Pinecone, a service: an index of it as it comes, in a namespace of its own or in one that is there already.

Its API tells neither which graph nor which codes are behind it, and takes no operating point: what is measured is
what it serves. Rows are ids of vectors; ids of documents and labels are their metadata.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from evalkit.arrays import FloatMatrix, Floats
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError, did_you_mean, require
from evalkit.measures.ranking import Ranking
from evalkit.results.contract import KEY as CONTRACT
from evalkit.search.engine import Built, EngineFacts, Filter, Payload, Plan, Resources, no_parameter
from evalkit.search.engines.database import (
    Clients,
    Hits,
    address_of,
    is_orphan,
    name_for,
    one_by_one,
    say_kept,
    wait_until,
)
from evalkit.search.engines.server_errors import Server, has_host
from evalkit.search.engines.there_already import contract_in, matched
from evalkit.vectors.matrix import Vectors
from evalkit.web.addresses import is_sent_in_clear, shown

NAME = "pinecone"
KEY_VARIABLE = "PINECONE_API_KEY"
MOST_DIMS = 20_000
MOST_VECTORS = 1_000  # of a request, which also has
MOST_BYTES = 2_000_000  # at most
BYTES_PER_NUMBER = 24  # a float32 in JSON, written as a float64, with its comma
BYTES_BESIDE = 100  # of a vector's id and brackets
MOST_RESULTS = 10_000
IDS_AT_ONCE = 100
PAUSE_SECONDS = 0.1
METRICS = ("cosine", "dotproduct")
ID = "document_id"
CANARY = "lowest cosine of a sample with this model's vectors"
NO_BYTES = "Pinecone's API does not tell how many bytes an index keeps"
Entry = tuple[str, list[float], dict[str, Any]]  # id, vector and metadata


class PineconeEngine:
    """Needs an index of the service, and a key to it."""

    filters = True

    def plan(
        self, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, resources: Resources
    ) -> Plan:
        """Asks the service which vectors the index takes; changes nothing."""
        for name in index.search:
            raise no_parameter(name, [])
        for option in index.options:
            raise UserError(f"Pinecone has no option '{option}'.", "It is measured as it comes: leave out options.")
        if (quantization.kind, quantization.bits) != ("float", 32) or quantization.rescore:
            raise UserError("Pinecone keeps vectors as it likes.", "Use quantization=float32.")
        if dims > MOST_DIMS:
            raise UserError(
                f"Pinecone keeps vectors of at most {MOST_DIMS:,} dims, not {dims:,}.", "Choose fewer dims."
            )
        server = server_of(index)
        require("pinecone", "pinecone", "Pinecone")
        plan = Plan(NAME, "as it comes", dims, documents, quantization, index, "inner_product", False, resources)
        with closing(PineconeIndex(plan, server)) as asked:
            asked.check_index()
        return plan

    @contextmanager
    def open(self, plan: Plan) -> Iterator["PineconeIndex"]:
        """A namespace of its own is removed at the end, and what killed runs left there at the beginning."""
        with closing(PineconeIndex(plan, server_of(plan.index))) as opened:
            opened.check_index()
            if opened.is_own:
                opened.remove_orphans()
            try:
                yield opened
            finally:
                if plan.index.keep and opened.is_filled:
                    say_kept(f"the namespace {opened.namespace}", str(opened.server))
                elif opened.is_made:
                    with suppress(UserError):  # the next run removes what a lost server keeps
                        opened.remove(opened.namespace)


def server_of(index: IndexConfig) -> Server:
    """Raises UserError without an address that is safe for a key, or without a key."""
    given = address_of(index)
    if not given:
        raise UserError("Pinecone is a service.", "Say which index of it: index.<name>.url=https://<its host>.")
    parts = urlsplit(given if "://" in given else f"https://{given}")
    if parts.scheme not in ("http", "https") or not has_host(parts) or parts.path not in ("", "/"):
        raise UserError(f"{shown(given)} is no address of an index.", "Its host is in Pinecone's console.")
    if is_sent_in_clear(f"{parts.scheme}://{parts.netloc}"):
        raise UserError(f"{shown(given)} would be sent the key unencrypted.", "Use https://.")
    variable = index.key_variable or KEY_VARIABLE
    key = os.environ.get(variable)
    if not key:
        raise UserError(
            f"Pinecone needs a key in {variable}: there is no such environment variable.", f"Set {variable}."
        )
    return Server("Pinecone", f"{parts.scheme}://{parts.netloc}", variable, key)


class PineconeIndex:
    """One namespace of the index at ``server``: a new one, or ``index.table``, which is only read."""

    metric = "inner_product"
    rescoring = None

    def __init__(self, plan: Plan, server: Server) -> None:
        self.plan, self.server = plan, server
        self.is_own = not plan.index.table
        self.namespace = plan.index.table or name_for(plan.index)
        self.is_made = self.is_filled = False
        self.labels: dict[str, str] = {}
        self.row_of: Mapping[str, int] = {}
        self.found: dict[str, str] = {}
        self.contract: Mapping[str, Any] | None = None
        self.clients: Clients[Any] = Clients(self.connect, lambda client: client.close())

    def __str__(self) -> str:
        return f"the namespace {self.namespace} of {self.server}"

    def connect(self) -> Any:
        from pinecone import Pinecone

        with self.server.told("connecting"):
            service = Pinecone(api_key=self.server.key, timeout=self.plan.index.timeout_seconds)
            return service.index(host=self.server.address)

    def close(self) -> None:
        self.clients.close()

    def statistics(self) -> Any:
        with self.server.told("asking for its statistics"):
            return self.clients.get().describe_index_stats()

    def check_index(self) -> None:
        """Raises UserError for an index of other dims, or one whose scores are no inner products."""
        told = self.statistics()
        if told.dimension != self.plan.dims:
            problem = f"{self.server} keeps vectors of {told.dimension or 'no'} dims, not {self.plan.dims}."
            raise UserError(problem, "Give the host of an index of these dims, or other dims.")
        if told.metric is not None and told.metric not in METRICS:
            raise UserError(f"{self.server} compares by {told.metric}.", f"Give an index of {' or '.join(METRICS)}.")
        self.found = {
            "index": "as Pinecone keeps it, which its API does not tell",
            "vectors": told.vector_type or "not told",
            "metric": told.metric or "not told",
            "dims": str(told.dimension),
        }

    def remove(self, namespace: str) -> None:
        with self.server.told("removing a namespace"):
            self.clients.get().delete_namespace(name=namespace)

    def remove_orphans(self) -> None:
        """What killed runs of this machine left there."""
        with suppress(UserError):
            for namespace in filter(is_orphan, self.statistics().namespaces):
                self.remove(namespace)

    def fill(self, documents: Vectors, payload: Payload) -> Built:
        if not self.is_own:
            self.find(documents, payload)
            return Built(float("nan"), float("nan"), 0, None, None)
        started = time.perf_counter()
        self.labels = {column: f"label_{place}" for place, column in enumerate(payload.labels)}
        self.is_made = True
        for first, block in documents.blocks():
            for batch in batches(self.entries(first, block, payload), self.plan.dims):
                with self.server.told("filling a namespace"):
                    self.clients.get().upsert(vectors=batch, namespace=self.namespace)
        self.wait_until_counted(len(documents))
        self.is_filled = True
        return Built(time.perf_counter() - started, 0.0, 0, None, None)

    def entries(self, first: int, block: FloatMatrix, payload: Payload) -> Iterator[Entry]:
        for row, vector in enumerate(block, start=first):
            metadata: dict[str, Any] = {name: int(payload.labels[column][row]) for column, name in self.labels.items()}
            if payload.ids:
                metadata[ID] = payload.ids[row]
            yield str(row), vector.tolist(), metadata

    def wait_until_counted(self, documents: int) -> None:
        """Writes are seen a little later. Raises UserError where no more are in ``timeout_seconds``."""

        def look() -> tuple[bool, str]:
            counted = self.count()
            return counted == documents, f"{counted:,} of {documents:,}"

        wait_until(look, self.plan.index.timeout_seconds, f"{self.server} is counting vectors", PAUSE_SECONDS)

    def count(self) -> int:
        summary = self.statistics().namespaces.get(self.namespace)
        return summary.vector_count if summary else 0

    # A namespace that is there already

    def find(self, documents: Vectors, payload: Payload) -> None:
        """Match its vectors with ``documents``. Raises UserError where they are not theirs."""
        found = matched(str(self), payload.ids, documents, self.count(), self.pairs(), self.vectors)
        self.row_of, self.found[CANARY] = found.rows, f"{found.lowest:.4f}"
        self.contract = self.contract_there()

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The id of each vector, and of its document, read in pages."""
        with self.server.told("reading ids"):
            for page in self.clients.get().list(namespace=self.namespace, limit=IDS_AT_ONCE):
                keys = [each.id for each in page.vectors]
                yield from zip(keys, self.ids_of(keys), strict=True)

    def vectors(self, keys: list[str]) -> list[Sequence[float]]:
        """Those of ``keys``, in their order; empty where one is gone."""
        there = self.fetched(keys, self.namespace)
        return [there[key].values if key in there else [] for key in keys]

    def ids_of(self, keys: Sequence[str]) -> Iterator[str]:
        """The documents' ids: those of the vectors, or what they have in the metadata ``id_column``."""
        column = self.plan.index.id_column
        there = self.fetched(keys, self.namespace) if column else {}
        for key in keys:
            metadata = (there[key].metadata if key in there else None) or {}
            if column and column not in metadata:
                known = did_you_mean(column, metadata)
                raise UserError(f"{self}: a vector has no metadata '{column}'.", known or "Leave out id_column.")
            yield str(metadata[column]) if column else key

    def contract_there(self) -> Mapping[str, Any] | None:
        """A record in a namespace of its own: an index has no room for words."""
        record = self.fetched([CONTRACT], CONTRACT).get(CONTRACT)
        return contract_in(str((record.metadata or {}).get(CONTRACT, ""))) if record else None

    def fetched(self, keys: Sequence[str], namespace: str) -> Mapping[str, Any]:
        with self.server.told("reading vectors"):
            vectors: Mapping[str, Any] = self.clients.get().fetch(ids=list(keys), namespace=namespace).vectors
        return vectors

    # Searching

    def set(self, parameters: Mapping[str, Any]) -> None:
        self.plan.set_parameters(parameters)

    def search(self, queries: FloatMatrix, k: int, keep: Filter | None = None) -> Ranking:
        condition = self.condition(keep)
        client = self.clients.get()

        def nearest(query: Floats) -> Hits:
            found = client.query(
                vector=query.tolist(), top_k=min(k, MOST_RESULTS), namespace=self.namespace, filter=condition
            ).matches
            return [self.row(match.id) for match in found], [match.score for match in found]

        with self.server.told("searching"):
            return one_by_one(nearest, queries, k)

    def row(self, key: str) -> int:
        return int(key) if self.is_own else self.row_of[key]

    def condition(self, keep: Filter | None) -> dict[str, Any] | None:
        """``keep`` as a query takes it. Raises UserError where the namespace has no such labels."""
        if keep is None:
            return None
        if keep.column not in self.labels:
            raise UserError(f"{self} has no labels '{keep.column}' to filter by.", "Leave out table, or the filter.")
        return {self.labels[keep.column]: {"$eq": keep.value}}

    def facts(self) -> EngineFacts:
        from importlib.metadata import version

        proof = {**self.found, "namespace": f"{self.count():,} vectors counted"}
        reasons = {"index_bytes": NO_BYTES, "bytes_per_vector": NO_BYTES}
        return EngineFacts(
            NAME, f"client {version('pinecone')}", None, None, proof, reasons=reasons, contract=self.contract
        )


def batches(entries: Iterator[Entry], dims: int) -> Iterator[list[Entry]]:
    """``entries`` in as many as a request may hold."""
    batch: list[Entry] = []
    size = 0
    for entry in entries:
        bytes_of_entry = BYTES_PER_NUMBER * dims + len(json.dumps(entry[2])) + BYTES_BESIDE
        if batch and (len(batch) == MOST_VECTORS or size + bytes_of_entry > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(entry)
        size += bytes_of_entry
    if batch:
        yield batch
