"""Weaviate: what it can keep and search is told before a server is asked, and what that can before it is filled."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.errors import UserError, did_you_mean, require
from evalkit.search.engine import Plan, Resources, no_parameter
from evalkit.search.engines.database import say_kept
from evalkit.search.engines.weaviate.collection import Collection
from evalkit.search.engines.weaviate.connection import Connection, check_port
from evalkit.search.engines.weaviate.index import WeaviateIndex
from evalkit.search.engines.weaviate.words import FLAT, HNSW, index_type, quantizer_of

NAME = "weaviate"
OPTIONS = {"index", "grpc_host", "grpc_port"}
OPTIONS_OF = {HNSW: {"m", "ef_construction"}, FLAT: set[str]()}
PARAMETERS = {HNSW: ["ef"], FLAT: list[str]()}
CHOSEN_BY_SERVER = -1  # an ef
LEAST_BUILT_WITH = 4  # of m and ef_construction, as servers have it


class WeaviateEngine:
    """Needs a server: none comes with it."""

    filters = True

    def plan(
        self, dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, resources: Resources
    ) -> Plan:
        """Asks the server for its version, and of a collection that is there already what it is; changes nothing."""
        kind = index_type(index)
        known = OPTIONS | OPTIONS_OF[kind]
        for option, value in index.options.items():
            if option not in known:
                raise UserError(f"Weaviate's {kind} has no option '{option}'.", did_you_mean(option, known))
            if option in OPTIONS_OF[kind]:
                check_option(option, value)
        for name, values in index.search.items():
            if name not in PARAMETERS[kind]:
                raise no_parameter(name, PARAMETERS[kind])
            check_efs(values)
        quantizer = quantizer_of(quantization, kind, dims, documents)
        check_port(index)
        require("weaviate", "weaviate", "Weaviate")
        with closing(Connection(index)) as connection:
            connection.check_version(quantizer.version, quantizer.name)
            if index.table:
                Collection(connection, index, quantizer).read()
        words = f"{kind}, {quantizer.name}"
        is_exhaustive = kind == FLAT
        return Plan(NAME, words, dims, documents, quantization, index, "inner_product", is_exhaustive, resources)

    @contextmanager
    def open(self, plan: Plan) -> Iterator[WeaviateIndex]:
        """A collection of its own is removed at the end, and what killed runs left there at the beginning."""
        quantizer = quantizer_of(plan.quantization, index_type(plan.index), plan.dims, plan.documents)
        with closing(Connection(plan.index)) as connection:
            collection = Collection(connection, plan.index, quantizer)
            if collection.is_own:
                connection.remove_orphans()
            try:
                yield WeaviateIndex(plan, collection)
            finally:
                if plan.index.keep and collection.is_filled:
                    say_kept(f"the collection {collection.name}", str(collection.server))
                elif collection.is_made:
                    with suppress(UserError):  # the next run removes what a lost server keeps
                        connection.remove(collection.name)


def check_option(name: str, value: object) -> None:
    """Raises UserError for what no server builds a graph with; null leaves it to the server."""
    if value is None:
        return
    if not isinstance(value, int) or isinstance(value, bool) or value < LEAST_BUILT_WITH:
        hint = f"Give a whole number of at least {LEAST_BUILT_WITH}."
        raise UserError(f"options.{name}={value} is not possible.", hint)


def check_efs(values: list[object]) -> None:
    """Raises UserError for what is no number of candidates."""
    for value in values:
        if not isinstance(value, int) or isinstance(value, bool) or (value < 1 and value != CHOSEN_BY_SERVER):
            raise UserError(f"ef={value} is no number of candidates.", "Give whole numbers, or -1: the server chooses.")
