"""From stored vectors to a searcher, whichever engine serves them: plan, open, fill."""

from contextlib import ExitStack

from evalkit.arrays import Rows
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.config.schema.run import SERVE_K
from evalkit.search.engine import CPU, NOTHING, Payload, Resources, engine_of, plan
from evalkit.search.operating import ladder
from evalkit.search.searcher import Searcher
from evalkit.vectors.matrix import Vectors


def build(
    documents: Vectors,
    place: Rows,
    quantization: QuantizationConfig,
    index: IndexConfig,
    memory_bytes: float = float("inf"),
    device: str = CPU,
    payload: Payload = NOTHING,
) -> Searcher:
    """Open an index, train it on ``documents`` and fill it with them and their ``payload``, block by block.

    It re-orders as many candidates as serving ten results takes, until ``Searcher.at`` says otherwise. Flat float32
    vectors that would take more than ``memory_bytes`` stay on disk and are searched there. Raises UserError where the
    engine can't do what the configs describe. Whoever uses an engine outside this process closes the searcher.
    """
    planned = plan(documents.dims, len(documents), quantization, index, Resources(memory_bytes, device))
    with ExitStack() as opening:
        opened = opening.enter_context(engine_of(quantization, index).open(planned))
        built = opened.fill(documents, payload)
        return Searcher(
            index=opened,
            rescoring=opened.rescoring,
            candidates=ladder(quantization.rescore, SERVE_K)[0],
            exhaustive=planned.exhaustive,
            documents=len(documents),
            place=place,
            built=built,
            is_in_process=planned.held_bytes > 0 or built.on_disk,
            close=opening.pop_all().close,
        )
