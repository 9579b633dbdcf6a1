"""The grid of a run, checked: every cell can be built on every corpus before a text is encoded."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import product

from evalkit.config import IndexConfig, QuantizationConfig, RunConfig
from evalkit.errors import UserError, abridged
from evalkit.search import Plan, check_breadth, chunks_for, engine_of, operating_points, plan
from evalkit.search.engine import Resources
from evalkit.tasks.task import Data

SHOWN = 80
APART = "Or leave this pair to a run of its own: a report puts runs together."
ALWAYS_HELD_BYTES = 1e8  # less is no question of memory_gb: the libraries alone take several times as much


def check_grid(config: RunConfig, dims: Sequence[int], data: Sequence[Data], stage_depth: int) -> None:
    """Raises UserError for the first cell that can't be built for one of the corpora, or else the largest of too large.

    ``stage_depth`` is how many results a later stage reads at most.
    """
    cells = product(dims, data, config.quantization.items(), config.index.items())
    plans: dict[str, Callable[[float], Plan]] = {}
    for width, each, (quantization_name, quantization), (index_name, index) in cells:
        chunks, documents = len(each.chunks.texts), len(each.corpus.documents)
        cell = f"quantization={quantization_name} index={index_name} dims={width} on {each.corpus.name}"
        plans[cell] = partial(planned_within, width, chunks, quantization, index, config.search_device)
        try:
            planned = plans[cell](config.memory_bytes)
            if config.filter.is_set:
                refuse_unfiltered(planned, engine_of(quantization, index).filters)
            for point in operating_points(index_name, index, quantization, config.served):
                planned.set_parameters(point.parameters)
                asked = max(point.candidates or config.served, stage_depth)
                check_breadth(point, chunks_for(asked, chunks, documents))
        except UserError as error:
            is_alone = len(config.quantization) == len(config.index) == 1
            raise UserError(f"{cell}: {error.problem}", error.hint if is_alone else f"{error.hint} {APART}") from None
    check_memory(plans, config.memory_bytes)


def refuse_unfiltered(planned: Plan, engine_filters: bool) -> None:
    """Raises UserError where what is ``planned`` can't be searched among some of its documents."""
    table = planned.index.table
    reason = planned.no_filter or ("" if engine_filters else f"the engine {planned.engine} takes no filter")
    reason = reason or (f"the table {abridged(table, SHOWN)} was there already, without labels" if table else "")
    if reason:
        raise UserError(f"{reason}.", "Leave out this setting, or filter.")


def planned_within(
    dims: int, documents: int, quantization: QuantizationConfig, index: IndexConfig, device: str, memory_bytes: float
) -> Plan:
    return plan(dims, documents, quantization, index, Resources(memory_bytes, device))


def check_memory(plans: Mapping[str, Callable[[float], Plan]], allowed: float) -> None:
    """Raises UserError where a cell's index takes more memory than is ``allowed``, with the least that does for all."""
    cell, held = largest(plans, allowed)
    if held > max(allowed, ALWAYS_HELD_BYTES):
        raise UserError(
            f"{cell}: its index takes {gigabytes(held)} GB of memory, more than memory_gb={allowed / 1e9:.4g}.",
            f"Set memory_gb={enough_gb(plans, held)}, or leave this setting out. "
            "Float32 vectors in a flat index are searched from disk.",
        )


def enough_gb(plans: Mapping[str, Callable[[float], Plan]], held: float) -> float:
    """The least that every cell fits into: where more is allowed, more is read into memory."""
    enough = gigabytes(held)
    while (needed := gigabytes(largest(plans, enough * 1e9)[1])) > enough:
        enough = needed
    return enough


def largest(plans: Mapping[str, Callable[[float], Plan]], allowed: float) -> tuple[str, int]:
    """The cell whose index takes most, and its bytes."""
    held = {cell: planned(allowed).held_bytes for cell, planned in plans.items()}
    return max(held.items(), key=lambda item: item[1], default=("", 0))


def gigabytes(held: float) -> float:
    """Rounded up to a tenth."""
    return math.ceil(held / 1e8) / 10
