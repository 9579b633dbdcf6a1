"""The indexes of pgvector: what each is built with and searched with, in which ranges."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalkit.config import IndexConfig
from evalkit.errors import UserError, did_you_mean
from evalkit.search.engine import no_parameter

EXACT = "exact"  # no index: every vector is compared
MEMORY = "maintenance_work_mem"  # of a build; a graph that outgrows it is built slowly
MOST_PARAMETER = 2**31 - 1
ITERATIVE = (0, 8)  # the version of pgvector that brought iterative scans

Numbers = tuple[int, int]  # the lowest and the highest of whole numbers


@dataclass(frozen=True)
class Method:
    """``options`` are those of ``create index … with``, ``parameters`` those that are set before a search.

    The values of both say which are allowed: a range, or texts. ``since_0_8`` are parameters of newer versions.
    ``breadth`` is the parameter that must be at least as high as the number of results asked for.
    """

    options: Mapping[str, Numbers] = field(default_factory=dict)
    parameters: Mapping[str, Numbers | Sequence[str]] = field(default_factory=dict)
    since_0_8: Sequence[str] = ()
    breadth: str | None = None


METHODS = {
    EXACT: Method(),
    "hnsw": Method(
        options={"m": (2, 100), "ef_construction": (4, 1000)},
        parameters={
            "ef_search": (1, 1000),
            "iterative_scan": ["off", "strict_order", "relaxed_order"],
            "max_scan_tuples": (1, MOST_PARAMETER),
            "scan_mem_multiplier": (1, 1000),
        },
        since_0_8=("iterative_scan", "max_scan_tuples", "scan_mem_multiplier"),
        breadth="ef_search",
    ),
    "ivfflat": Method(
        options={"lists": (1, 32_768)},
        parameters={
            "probes": (1, 32_768),
            "iterative_scan": ["off", "relaxed_order"],
            "max_probes": (1, 32_768),
        },
        since_0_8=("iterative_scan", "max_probes"),
    ),
}


def method_of(index: IndexConfig) -> str:
    """The name of the index in METHODS. Raises UserError for what pgvector does not have, options and all."""
    name = str(index.options.get("method"))
    if name not in METHODS:
        raise UserError(f"pgvector has no index '{name}' (options.method).", did_you_mean(name, METHODS))
    known = ["method", *METHODS[name].options] + [MEMORY] * (name != EXACT)
    for option, value in index.options.items():
        if option not in known:
            raise UserError(f"pgvector's {name} is built without '{option}'.", did_you_mean(option, known))
        if option == MEMORY and not re.fullmatch(r"[1-9]\d{0,8}(kB|MB|GB)", str(value)):
            raise UserError(f"options.{MEMORY}={value} is no amount of memory.", "Write it as in 512MB or 2GB.")
        if option in METHODS[name].options and value is not None:
            check_value(f"options.{option}", value, METHODS[name].options[option])
    m, breadth = index.options.get("m") or 16, index.options.get("ef_construction") or 64
    if name == "hnsw" and breadth < 2 * m:
        raise UserError(f"pgvector's ef_construction={breadth} is below 2 × m.", f"Give at least {2 * m}.")
    for parameter, values in index.search.items():
        if parameter not in METHODS[name].parameters:
            raise no_parameter(parameter, list(METHODS[name].parameters))
        for value in values:
            check_value(parameter, setting(value), METHODS[name].parameters[parameter])
    return name


def check_value(name: str, value: Any, allowed: Numbers | Sequence[str]) -> None:
    """Raises UserError for a ``value`` of ``name`` that is not among those ``allowed``."""
    if isinstance(allowed, tuple):
        low, high = allowed
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise UserError(f"{name}={value} is not possible.", f"Give a whole number from {low:,} to {high:,}.")
    elif value not in allowed:
        raise UserError(f"{name}={value} is not possible.", did_you_mean(str(value), allowed))


def setting(value: Any) -> Any:
    """``value`` as PostgreSQL names it: YAML reads ``off`` as false."""
    return "off" if value is False else value


def built_with(index: IndexConfig, documents: int) -> dict[str, int]:
    """What stands behind ``with`` of the index: lists are the square root of the documents unless they are set."""
    name = method_of(index)
    options = {option: index.options.get(option) for option in METHODS[name].options}
    if name == "ivfflat" and options["lists"] is None:
        options["lists"] = max(1, math.isqrt(documents))
    return {option: value for option, value in options.items() if value is not None}


def trained_on(name: str, options: Mapping[str, int], documents: int) -> int:
    """How many vectors an index learns from: ivfflat 50 for each list, at least 10,000 (ivfbuild.c)."""
    return min(documents, max(10_000, 50 * options["lists"])) if name == "ivfflat" else 0


def session_settings(name: str, parameters: Mapping[str, Any], asked: int) -> dict[str, str]:
    """What is set in a session for ``parameters``, where ``asked`` results are asked for: setting → value.

    An index that keeps fewer candidates than that would give no more than it keeps, so its breadth is raised.
    """
    values = {parameter: setting(value) for parameter, value in parameters.items()}
    breadth = METHODS[name].breadth
    if breadth:
        most = METHODS[name].parameters[breadth][1]
        values[breadth] = min(max(values.get(breadth, 40), asked), most)
    return {f"{name}.{parameter}": str(value) for parameter, value in values.items()}
