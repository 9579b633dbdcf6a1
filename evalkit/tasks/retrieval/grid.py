"""The grid of a run, checked: every cell can be built on every corpus before a text is encoded."""

import math
from collections.abc import Sequence
from itertools import product

from evalkit.config import RunConfig
from evalkit.errors import UserError
from evalkit.search import Plan, check_breadth, chunks_for, operating_points, plan
from evalkit.search.engine import Resources
from evalkit.tasks.task import Data

ALWAYS_HELD_BYTES = 1e8  # less is no question of memory_gb: the libraries alone take several times as much


def check_grid(config: RunConfig, dims: Sequence[int], data: Sequence[Data], stage_depth: int) -> None:
    """Raises UserError for the first cell that can't be built for one of the corpora.

    ``stage_depth`` is how many results a later stage reads at most.
    """
    cells = product(dims, data, config.quantization.items(), config.index.items())
    for width, each, (quantization_name, quantization), (index_name, index) in cells:
        chunks, documents = len(each.chunks.texts), len(each.corpus.documents)
        try:
            planned = plan(width, chunks, quantization, index, Resources(config.memory_gb * 1e9))
            check_memory(planned)
            for point in operating_points(index_name, index, quantization, config.served):
                planned.set_parameters(point.parameters)
                asked = max(point.candidates or config.served, stage_depth)
                check_breadth(point, chunks_for(asked, chunks, documents))
        except UserError as error:
            cell = f"quantization={quantization_name} index={index_name} dims={width} on {each.corpus.name}"
            raise UserError(f"{cell}: {error.problem}", error.hint) from None


def check_memory(planned: Plan) -> None:
    """Raises UserError where the index takes more memory than it may, with the least that would do."""
    allowed = planned.resources.memory_bytes
    if planned.held_bytes > max(allowed, ALWAYS_HELD_BYTES):
        gb = math.ceil(planned.held_bytes / 1e8) / 10
        raise UserError(
            f"its index takes {gb} GB of memory, more than memory_gb={allowed / 1e9:g}.",
            f"Set memory_gb={gb}, or leave this setting out. Float32 vectors in a flat index are searched from disk.",
        )
