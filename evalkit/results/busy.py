"""What a run says of the machine while it was timed: which of its figures of speed and money say little."""

from collections.abc import Iterator, Mapping
from typing import Any

from evalkit.results.column import Column
from evalkit.results.setting import label_of
from evalkit.system.busy import busy_words

SEARCH, DOCUMENTS, QUERIES = "search", "document", "query"
TIMED_BY: Mapping[str, tuple[str, ...]] = {  # what a column begins with → the timings that it comes from
    "documents_per_second": (DOCUMENTS,),
    "tokens_per_second": (DOCUMENTS,),
    "cost_embed": (DOCUMENTS,),
    "encode_query": (QUERIES,),
    "query_ms": (QUERIES, SEARCH),
    "cost_queries": (QUERIES, SEARCH),
    "cost_month": (DOCUMENTS, QUERIES, SEARCH),
}
WORDS = {DOCUMENTS: "encoding documents of {}", QUERIES: "encoding queries of {}"}


def is_timing(figure: Column) -> bool:
    """Whether it comes from a clock, by itself or, as a cost, by what it is worked out from."""
    return figure.of_machine and figure.unit != "B"


def timed_by(name: str) -> tuple[str, ...]:
    """The timings that the column ``name``, one of a clock, comes from."""
    return next((parts for beginning, parts in TIMED_BY.items() if name.startswith(beginning)), (SEARCH,))


def loads(about: Mapping[str, Any], point: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """``MachineLoad.figures`` of what the column ``name`` of ``point`` comes from, where they were kept."""
    parts = timed_by(name)
    if SEARCH in parts:
        yield point.get("load") or {}
    for side in about["embeddings"]:
        if side["corpus"] == point["corpus"] and side["side"] in parts:
            yield side.get("load") or {}


def busy_timings(about: Mapping[str, Any]) -> list[str]:
    """What was timed while the machine was busy, and what says so; empty where nothing was."""
    timed = [(WORDS.get(side["side"], "{}").format(side["corpus"]), side) for side in about["embeddings"]]
    timed += [(f"searching {label_of(point)}", point) for point in about["points"]]
    return [f"{what}: {words}" for what, values in timed if (words := busy_words(values.get("load") or {}))]
