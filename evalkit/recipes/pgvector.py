"""pgvector: SQL that makes the table with its index, sets the operating point, and asks."""

import math
import re
from collections.abc import Iterator
from typing import Any

from evalkit.recipes.chosen import Chosen, Kind
from evalkit.recipes.introduction import introduction
from evalkit.recipes.literals import comment, identifier, sql_name, sql_text, sql_value
from evalkit.results.contract import as_json

TYPES: dict[Kind, str] = {("float", 32): "vector", ("float", 16): "halfvec", ("binary", 1): "bit"}
STORES = {"float32": "vector", "float16": "halfvec"}  # of what re-orders
MADE_OF = {  # codes that the column itself is not
    "halfvec": "({column}::halfvec({dims}))",
    "bit": "(binary_quantize({column})::bit({dims}))",
}
OPERATORS = {"ip": "<#>", "cosine": "<=>", "l2": "<->", "hamming": "<~>"}  # by their word in operator classes
EXACT, HNSW, IVFFLAT = "exact", "hnsw", "ivfflat"
DEFAULTS: dict[str, dict[str, Any]] = {EXACT: {}, HNSW: {}, IVFFLAT: {"lists": None}}
MEMORY = "maintenance_work_mem"
OF_BUILD = ("method", MEMORY)  # options that are none of the index itself
BREADTH = "ef_search"
USUAL_BREADTH, MOST_BREADTH = 40, 1_000  # of hnsw.ef_search


def text(chosen: Chosen) -> str:
    """Raises UserError for a quantization or an index that pgvector has not."""
    if chosen.kind not in TYPES:
        raise chosen.refused(f"pgvector keeps no {chosen.quantization_name}")
    if method(chosen) not in DEFAULTS:
        raise chosen.refused(f"pgvector has no index {chosen.index_word}")
    if is_re_ordered(chosen) and (codes(chosen) == "vector" or codes(chosen) == column_type(chosen)):
        raise chosen.refused(f"pgvector re-orders no {chosen.quantization_name}")
    making = () if chosen.is_there else tuple(create(chosen))
    return "\n".join((introduction(chosen, "--"), *making, *settings(chosen), *ask(chosen))) + "\n"


def method(chosen: Chosen) -> str:
    """How its engine calls the index: an option, or else the word of results."""
    return str(chosen.index.options.get("method") or chosen.index_word)


def create(chosen: Chosen) -> Iterator[str]:
    """The table with the column that is searched, its index, and the contract as its comment."""
    table = sql_name(chosen.table)
    yield "CREATE EXTENSION IF NOT EXISTS vector;"
    yield f"CREATE TABLE {table} (id text PRIMARY KEY, {column(chosen)} {column_type(chosen)}({chosen.dims}) NOT NULL);"
    yield f"COMMENT ON TABLE {table} IS {sql_text(as_json(chosen.contract))};"
    if method(chosen) != EXACT:
        yield comment("--", ["Fill the table before this: an index over rows that are there is built sooner."])
        if MEMORY in chosen.index.options:
            yield f"SET {MEMORY} = {sql_value(chosen.index.options[MEMORY])};"
        options = ", ".join(f"{identifier(name)} = {sql_value(value)}" for name, value in index_options(chosen).items())
        built_with = f" WITH ({options})" if options else ""
        searched = f"{indexed(chosen)} {codes(chosen)}_{distance(chosen)}_ops"
        yield f"CREATE INDEX ON {table} USING {method(chosen)} ({searched}){built_with};"
    yield f"ANALYZE {table};"


def column(chosen: Chosen) -> str:
    return sql_name(chosen.index.vector_column) if chosen.index.vector_column else "embedding"


def codes(chosen: Chosen) -> str:
    """The type of what is compared."""
    return TYPES[chosen.kind]


def column_type(chosen: Chosen) -> str:
    """What the column holds: finer vectors where they re-order what the codes find, or what was there already."""
    there = chosen.proof.get("column", "").partition("(")[0]
    if chosen.is_there and there in TYPES.values():
        return there
    rescore = chosen.quantization.rescore
    if rescore is None:
        return codes(chosen)
    if rescore.store not in STORES:
        raise chosen.refused(f"pgvector re-orders by no {rescore.store}")
    return STORES[rescore.store]


def distance(chosen: Chosen) -> str:
    """By which the codes are compared: a table that was there is searched by that of its index, else by cosine."""
    if codes(chosen) == "bit":
        return "hamming"
    if not chosen.is_there:
        return "ip"
    named = re.search(r"_(ip|cosine|l2)_ops\b", chosen.proof.get("index", ""))
    return named[1] if named else "cosine"


def is_re_ordered(chosen: Chosen) -> bool:
    return chosen.quantization.rescore is not None


def indexed(chosen: Chosen) -> str:
    """The column, or the codes that are made of it where it holds more."""
    if codes(chosen) == column_type(chosen):
        return column(chosen)
    return made_of(column(chosen), chosen)


def made_of(vector: str, chosen: Chosen) -> str:
    """The codes of a ``vector``, which is SQL."""
    return MADE_OF[codes(chosen)].format(column=vector, dims=chosen.dims)


def index_options(chosen: Chosen) -> dict[str, Any]:
    """What the index is built with; ``lists`` is the square root of the rows where nothing says otherwise."""
    options = DEFAULTS[method(chosen)] | chosen.index.options
    options = {name: value for name, value in options.items() if name not in OF_BUILD}
    if options.get("lists", 0) is None:
        options["lists"] = max(1, math.isqrt(chosen.vectors))
    return options


def settings(chosen: Chosen) -> Iterator[str]:
    """The operating point. A graph looks at as many as it is asked for at least."""
    asked = chosen.candidates or chosen.serve_k
    parameters = dict(chosen.parameters)
    if method(chosen) == HNSW and asked > USUAL_BREADTH:
        parameters.setdefault(BREADTH, USUAL_BREADTH)
    for name, value in parameters.items():
        breadth = min(max(value, asked), MOST_BREADTH) if name == BREADTH else value
        yield f"SET {method(chosen)}.{identifier(name)} = {sql_value(breadth)};"


def ask(chosen: Chosen) -> Iterator[str]:
    """A prepared statement: ``EXECUTE nearest('[0.1, …]')``."""
    id_column = sql_name(chosen.index.id_column) if chosen.index.id_column else "id"
    table, own, dims = sql_name(chosen.table), column(chosen), chosen.dims
    yield comment("--", [f"EXECUTE nearest('[…]') with a query's {dims} numbers gives the ids, best first."])
    held = column_type(chosen)
    asked = "vector" if held == "bit" else held
    query = "$1" if codes(chosen) == asked else made_of("$1", chosen)
    by_codes = f"{indexed(chosen)} {OPERATORS[distance(chosen)]} {query}"
    searched = "(" if is_re_ordered(chosen) else table
    yield f"PREPARE nearest ({asked}({dims})) AS SELECT {id_column} FROM {searched}"
    if not is_re_ordered(chosen):
        yield f"ORDER BY {by_codes} LIMIT {chosen.serve_k};"
        return
    yield f"  SELECT {id_column}, {own} FROM {table}"
    yield f"  ORDER BY {by_codes} LIMIT {chosen.candidates}"
    finer = OPERATORS["cosine" if chosen.is_there else "ip"]
    yield f") AS candidates ORDER BY {own} {finer} $1 LIMIT {chosen.serve_k};"
