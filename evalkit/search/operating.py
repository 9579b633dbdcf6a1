"""Operating points: the ways in which one built index is searched, each named by what it sets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from evalkit.config import IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.config.schema.search import RESCORE_FACTOR
from evalkit.errors import UserError

BREADTHS = ("efSearch", "ef_search", "ef")  # parameters that say how many candidates a search keeps


@dataclass(frozen=True)
class OperatingPoint:
    """``name`` is what results call it, ``parameters`` are those of the index.

    ``candidates`` is how many of the codes' best results the rescoring store re-orders; null where there is none.
    """

    name: str
    parameters: Mapping[str, Any]
    candidates: int | None


def operating_points(
    name: str, index: IndexConfig, quantization: QuantizationConfig, serve_k: int
) -> Iterator[OperatingPoint]:
    """Every combination that ``index.search`` and the ladder of candidates list, as ``flat(candidates=20)``.

    A single number of candidates goes without saying.
    """
    rungs = ladder(quantization.rescore, serve_k)
    for *values, candidates in product(*index.search.values(), rungs):
        parameters: dict[str, Any] = dict(zip(index.search, values, strict=True))
        said = parameters if len(rungs) == 1 else parameters | {"candidates": candidates}
        listed = ", ".join(f"{key}={value}" for key, value in said.items())
        yield OperatingPoint(f"{name}({listed})" if listed else name, parameters, candidates)


def ladder(rescore: RescoreConfig | None, serve_k: int) -> list[int | None]:
    """How many candidates are re-ordered, in the order given and without repeats: candidates, or factor × serve_k."""
    if rescore is None:
        return [None]
    if rescore.candidates is not None:
        return list(dict.fromkeys(numbers(rescore.candidates)))
    factors = numbers(RESCORE_FACTOR if rescore.factor is None else rescore.factor)
    return [factor * serve_k for factor in dict.fromkeys(factors)]


def numbers(given: int | list[int]) -> list[int]:
    return given if isinstance(given, list) else [given]


def check_breadth(point: OperatingPoint, asked: int) -> None:
    """Raises UserError where an index that is ``asked`` for so many results would not keep to the point's name.

    FAISS walks a graph of sign bits with as many candidates as results, if those are more (``IndexBinaryHNSW``); a
    graph of floats keeps to ``efSearch`` and fills up with what it came across.
    """
    for name in BREADTHS:
        breadth = point.parameters.get(name, asked)
        if 0 <= breadth < asked:  # below, the server chooses
            raise UserError(
                f"{name}={breadth} keeps fewer candidates than the {asked} results that the index is asked for.",
                f"Give {name} of at least {asked}, or ask for fewer (serve_k, rescore.candidates, a stage's depth).",
            )
