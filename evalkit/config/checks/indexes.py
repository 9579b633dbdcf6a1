"""What the config of an index alone can tell: numbers that FAISS dies of, and how a database is reached."""

import os
import re
from collections.abc import Mapping
from typing import Any

from evalkit.config.schema.ranges import NUMBERS_OF_FAISS, OPERATING_POINT, OTHER_NUMBERS
from evalkit.config.schema.search import IndexConfig
from evalkit.config.schema.values import MOST_SHOWN, check_number, shown
from evalkit.config.trust.own_code import names_code
from evalkit.errors import UserError, abridged
from evalkit.web.addresses import is_shown_whole

IN_PROCESS = ("faiss", "own")  # engines that are no database
LISTS_OF_PGVECTOR = "Say it as options.lists."
NO_CLUSTERS = "It makes no clusters: leave it out."
OF_DATABASES = (
    *("url", "url_variable", "key_variable", "table", "id_column", "vector_column", "keep", "at_workload"),
    "timeout_seconds",
)
OF_FAISS = ("faiss", "binary")
OF_TABLES = ("id_column", "vector_column")
TEXTS = ("url", "url_variable", "key_variable", "table", *OF_TABLES)
NO_KEY = {"pgvector": "Its password stands in PGPASSWORD, or in the address that url_variable names."}
CHOOSING = ("weaviate",)  # engines that choose by themselves where an operating point is -1
UNSET = IndexConfig()


def check_indexes(indexes: Mapping[str, IndexConfig]) -> None:
    """Raises UserError for an operating point without values, numbers that FAISS dies of, and secrets in an address."""
    for name, index in indexes.items():
        check_fragment(f"index.{name}.faiss", index.faiss)
        check_fragment(f"index.{name}.binary", index.binary)
        for key, values in index.search.items():
            where = f"index.{name}.search.{key}"
            if not values:
                raise UserError(f"{where}=[] leaves nothing to measure.", f"Give numbers, as in '{where}=[16,64]'.")
            if not names_code(index.engine):
                check_operating_point(where, values, index.engine)
        check_read(f"index.{name}", index)
        check_database(f"index.{name}", index)


def check_operating_point(where: str, values: list[Any], engine: str) -> None:
    """Raises UserError for a number that is not whole, which an index would cut, and one that is too low."""
    for value in values:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, float) or (engine in IN_PROCESS and not is_whole):
            raise UserError(f"{where}={shown(value)} is not possible.", f"Give whole numbers, as in '{where}=[16,64]'.")
        if is_whole and engine not in CHOOSING:
            check_number(where, value, OPERATING_POINT)


def check_read(where: str, index: IndexConfig) -> None:
    """Raises UserError for what the engine would pass over; one of a user's own may read anything."""
    if names_code(index.engine):
        return
    if index.nlist is not None and not reads_nlist(index):
        hint = LISTS_OF_PGVECTOR if index.engine == "pgvector" else NO_CLUSTERS
        raise UserError(f"the engine {index.engine} reads no {where}.nlist.", hint)
    if index.engine in IN_PROCESS:
        if index.options:
            problem = f"the engine {index.engine} reads no {where}.options.{next(iter(index.options))}."
            raise UserError(problem, f"Say it in {where}.faiss, as in HNSW64_{{quantization}}, or in {where}.search.")
        return
    for setting in OF_FAISS:
        if getattr(index, setting) != getattr(UNSET, setting):
            hint = f"It builds with {where}.options: leave it out."
            raise UserError(f"the engine {index.engine} reads no {where}.{setting}.", hint)
    if index.key_variable and index.engine in NO_KEY:
        raise UserError(f"the engine {index.engine} reads no {where}.key_variable.", NO_KEY[index.engine])


def reads_nlist(index: IndexConfig) -> bool:
    """Whether its engine makes as many clusters as ``nlist`` says."""
    if index.engine in IN_PROCESS:
        return "{nlist}" in index.faiss + index.binary
    return index.engine == "milvus" and index.options.get("index_type") == "IVF"


def check_fragment(name: str, fragment: str) -> None:
    """Raises UserError for a number in a ``fragment`` of FAISS's index_factory beyond its range: HNSW0 aborts."""
    for word, digits in re.findall(r"([A-Za-z]*)([0-9]+)", fragment):
        of = NUMBERS_OF_FAISS.get(word, OTHER_NUMBERS)
        if len(digits) > len(str(of.highest)) or not of.lowest <= int(digits) <= of.highest:
            problem = f"{name}={abridged(fragment, MOST_SHOWN)} is not possible."
            behind = f" behind {word}" if word else ""
            raise UserError(problem, f"Give a whole number from {of.lowest:,} to {of.highest:,}{behind} ({of.of}).")


def check_database(where: str, index: IndexConfig) -> None:
    """Raises UserError for how a database is reached, where it can't be so, or a secret would be kept with the run."""
    given = [name for name in OF_DATABASES if getattr(index, name) != getattr(UNSET, name)]
    if given and index.engine in IN_PROCESS:
        raise UserError(f"the engine {index.engine} is no database.", f"Leave out {where}.{given[0]}.")
    for setting in TEXTS:
        if (text := getattr(index, setting)) is not None and not text.strip():
            raise UserError(f"{where}.{setting} is empty.", "Give it, or leave it out.")
    if index.url and index.url_variable:
        raise UserError(f"{where} has both url and url_variable.", "Give one of them.")
    if index.url and not is_shown_whole(index.url):
        raise UserError(
            f"{where}.url holds what may be a password or key, and a run keeps its settings.",
            f"Put the address into an environment variable and name it: {where}.url_variable=DATABASE_URL.",
        )
    for setting in ("url_variable", "key_variable"):
        variable = getattr(index, setting)
        if variable and not os.environ.get(variable):
            raise UserError(f"{where}.{setting}={variable}: there is no such environment variable.", f"Set {variable}.")
    if index.table:
        check_table(where, index)
    elif without := [name for name in OF_TABLES if getattr(index, name)]:
        raise UserError(f"{where}.{without[0]} is of no table.", f"Name the table: {where}.table=<name>.")
    if index.key_variable and not (index.url or index.url_variable):
        raise UserError(f"{where}.key_variable opens no server.", f"Say where it is: {where}.url=<address>.")


def check_table(where: str, index: IndexConfig) -> None:
    """Raises UserError for a table that is in no server, and for what only tables of a run's own have."""
    for setting in ("at_workload", "keep"):
        if getattr(index, setting):
            problem = f"{where}.table is there already, and is neither filled nor removed."
            raise UserError(problem, f"Leave out {where}.{setting}.")
    if not (index.url or index.url_variable):
        raise UserError(
            f"{where}.table={abridged(index.table or '', MOST_SHOWN)} is in no server.",
            f"Say where it is: {where}.url=<address>.",
        )
