"""What the config of an index alone can tell: numbers that FAISS dies of, and how a database is reached."""

import os
import re
from collections.abc import Mapping

from evalkit.config.schema.ranges import NUMBERS_OF_FAISS, OTHER_NUMBERS
from evalkit.config.schema.search import IndexConfig
from evalkit.config.schema.values import MOST_SHOWN
from evalkit.errors import UserError, abridged
from evalkit.web.addresses import is_shown_whole

IN_PROCESS = ("faiss", "own")  # engines that are no database
NO_NLIST = {  # engines that read no nlist, and what to do
    "pgvector": "Say it as options.lists.",
    **dict.fromkeys(("qdrant", "weaviate", "pinecone"), "It makes no clusters: leave it out."),
}
OF_DATABASES = ("url", "url_variable", "key_variable", "table", "id_column", "vector_column", "keep", "at_workload")


def check_indexes(indexes: Mapping[str, IndexConfig]) -> None:
    """Raises UserError for an operating point without values, numbers that FAISS dies of, and secrets in an address."""
    for name, index in indexes.items():
        check_fragment(f"index.{name}.faiss", index.faiss)
        check_fragment(f"index.{name}.binary", index.binary)
        for key, values in index.search.items():
            where = f"index.{name}.search.{key}"
            if not values:
                raise UserError(f"{where}=[] leaves nothing to measure.", f"Give numbers, as in '{where}=[16,64]'.")
        check_database(f"index.{name}", index)


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
    given = [name for name in OF_DATABASES if getattr(index, name)]
    if given and index.engine in IN_PROCESS:
        raise UserError(f"the engine {index.engine} is no database.", f"Leave out {where}.{given[0]}.")
    if index.nlist is not None and index.engine in NO_NLIST:
        raise UserError(f"the engine {index.engine} reads no {where}.nlist.", NO_NLIST[index.engine])
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
    if index.table and index.at_workload:
        raise UserError(f"{where}.table is there already and is never filled.", f"Leave out {where}.at_workload.")
    if index.table and not (index.url or index.url_variable):
        raise UserError(
            f"{where}.table={abridged(index.table, MOST_SHOWN)} is in no server.",
            f"Say where it is: {where}.url=<address>.",
        )
