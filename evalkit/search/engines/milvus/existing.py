"""A collection that was there already: read, never changed."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix
from evalkit.config import IndexConfig
from evalkit.errors import UserError, did_you_mean, printable
from evalkit.search.engine import Payload
from evalkit.search.engines.milvus.collection import counted, describe_index, is_loaded, load_state
from evalkit.search.engines.milvus.connection import Connection
from evalkit.search.engines.milvus.index_types import BITS, HALF, IndexType
from evalkit.search.engines.there_already import contract_in, matched
from evalkit.vectors.matrix import Vectors
from evalkit.vectors.sign_bits import signs

PAGE = 1_000  # keys that are read at once


class ExistingCollection:
    """``key`` is the field of its primary key, ``vector`` that of the vectors, ``described`` the index over them.

    Raises UserError where it isn't there, has other fields or dims, or another index than ``kind``.
    """

    def __init__(self, connection: Connection, index: IndexConfig, kind: IndexType, dims: int) -> None:
        self.connection, self.kind, self.name, self.dims = connection, kind, str(index.table), dims
        self.where = f"{connection.where}: the collection '{printable(self.name)}'"
        if not connection.ask("looking for it", lambda client: client.has_collection(self.name)):
            names = connection.ask("listing collections", lambda client: client.list_collections())
            raise UserError(f"{connection.where} has no '{printable(self.name)}'.", did_you_mean(self.name, names))
        self.all = connection.ask("describing it", lambda client: client.describe_collection(self.name))
        fields = {field["name"]: field for field in self.all["fields"]}
        self.key = next(name for name, field in fields.items() if field.get("is_primary"))
        self.id = self.named("id_column", index.id_column or self.key, list(fields))
        vectors = [name for name, field in fields.items() if "dim" in field.get("params", {})]
        self.vector = self.named("vector_column", index.vector_column or vectors[0] if vectors else None, vectors)
        self.check_field(fields[self.vector])
        self.described = describe_index(connection, self.name, self.vector)
        self.check_index()
        self.lowest = float("nan")

    def named(self, setting: str, name: str | None, names: list[str]) -> str:
        if name not in names:
            raise UserError(f"{self.where} has no such field ({setting}).", did_you_mean(str(name), names))
        return str(name)

    def check_field(self, field: Mapping[str, Any]) -> None:
        dims, kept = int(field["params"]["dim"]), str(getattr(field["type"], "name", field["type"]))
        if dims != self.dims:
            raise UserError(f"{self.where} has vectors of {dims:,} dims, not {self.dims:,}.", f"Set dims={dims}.")
        if kept != self.kind.vector_type:
            raise UserError(
                f"{self.where} keeps a {kept}, not a {self.kind.vector_type}.", "Name the quantization that it has."
            )

    def check_index(self) -> None:
        there = self.described.get("index_type")
        if there is None:
            raise UserError(f"{self.where} has no index over {printable(self.vector)}.", "Build it there.")
        if there != self.kind.name:
            problem = f"{self.where} is searched by {printable(str(there))}, not by {self.kind.name}."
            raise UserError(problem, "Name the index and the quantization that it has.")

    def open(self) -> None:
        """Raises UserError for a server's that is not loaded; a Milvus Lite in this process loads it for itself."""
        if self.connection.lite:
            self.connection.ask("loading it", lambda client: client.load_collection(self.name), is_building=True)
        elif not is_loaded(load_state(self.connection, self.name)):
            raise UserError(f"{self.where} is not loaded.", "Load it there: it is not changed from here.")

    def find(self, documents: Vectors, payload: Payload) -> Mapping[Any, int]:
        """The row of every primary key. Raises UserError for other ids, and for vectors of another model."""
        are_signs = self.kind.vector_type == BITS
        count = counted(self.connection, self.name)
        found = matched(self.where, payload.ids, documents, count, self.pairs(), self.vectors, are_signs)
        self.lowest = found.lowest
        return found.rows

    def pairs(self) -> Iterator[tuple[Any, str | None]]:
        """The primary key and the document's id of every entity, read in pages."""
        ask, doing = self.connection.ask, "reading its ids"
        pages = ask(
            doing, lambda client: client.query_iterator(self.name, batch_size=PAGE, output_fields=[self.key, self.id])
        )
        while entities := ask(doing, lambda _: pages.next()):
            for entity in entities:
                identifier = entity[self.id]
                yield entity[self.key], None if identifier is None else str(identifier)
        pages.close()

    def vectors(self, keys: list[Any]) -> list[list[float]]:
        """Those of ``keys``, in their order; fewer where some are gone."""
        found = self.connection.ask(
            "reading some vectors",
            lambda client: client.get(self.name, ids=keys, output_fields=[self.key, self.vector]),
        )
        by_key = {entity[self.key]: as_numbers(entity[self.vector], self.kind, self.dims) for entity in found}
        return [by_key[key].tolist() for key in keys if key in by_key]

    @property
    def contract(self) -> Mapping[str, Any] | None:
        """What its description or one of its properties says of the model; Milvus Lite keeps no description."""
        texts = [self.all.get("description"), *dict(self.all.get("properties") or {}).values()]
        return next(filter(None, (contract_in(str(text)) for text in texts if text)), None)


def as_numbers(vector: Any, kind: IndexType, dims: int) -> FloatMatrix:
    """A vector as Milvus gives it: numbers, or the bytes of halves or of bits (as ±1)."""
    if isinstance(vector, list) and vector and isinstance(vector[0], bytes):
        vector = vector[0]
    if isinstance(vector, bytes):
        if kind.vector_type == HALF:
            return np.frombuffer(vector, dtype=np.float16).astype(np.float32)
        of_bits: FloatMatrix = signs(np.frombuffer(vector, dtype=np.uint8)[None], dims)[0]
        return of_bits
    numbers: FloatMatrix = np.asarray(vector, dtype=np.float32)
    return numbers
