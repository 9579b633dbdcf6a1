"""The grid of a run, checked: every cell can be built on every corpus before a text is encoded."""

from collections.abc import Sequence
from itertools import product

from evalkit.config import RunConfig
from evalkit.errors import UserError
from evalkit.search import check_breadth, chunks_for, operating_points, plan
from evalkit.tasks.task import Data


def check_grid(config: RunConfig, dims: Sequence[int], data: Sequence[Data], stage_depth: int) -> None:
    """Raises UserError for the first cell that can't be built for one of the corpora.

    ``stage_depth`` is how many results a later stage reads at most.
    """
    cells = product(dims, data, config.quantization.items(), config.index.items())
    for width, each, (quantization_name, quantization), (index_name, index) in cells:
        chunks, documents = len(each.chunks.texts), len(each.corpus.documents)
        try:
            planned = plan(width, chunks, quantization, index)
            for point in operating_points(index_name, index, quantization, config.served):
                planned.set_parameters(point.parameters)
                asked = max(point.candidates or config.served, stage_depth)
                check_breadth(point, chunks_for(asked, chunks, documents))
        except UserError as error:
            cell = f"quantization={quantization_name} index={index_name} dims={width} on {each.corpus.name}"
            raise UserError(f"{cell}: {error.problem}", error.hint) from None
