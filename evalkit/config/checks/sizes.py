"""What the config of corpus sizes alone can tell; how many documents there are, the corpora know."""

from typing import Any

from evalkit.config.schema.run import RunConfig
from evalkit.errors import UserError, abridged

FULL = "full"
EXAMPLE = "corpus_sizes=[1000,10000,full]"
RETRIEVAL = "retrieval"
SHOWN = 60


def check_sizes(config: RunConfig) -> None:
    """Raises UserError for what is no size, for one that is given twice, and for what has none but the full size."""
    sizes = config.corpus_sizes
    if not sizes:
        raise UserError("corpus_sizes=[] leaves nothing to measure.", f"Give some, as in {EXAMPLE}.")
    for size in sizes:
        if not is_size(size):
            problem = f"corpus_sizes has {abridged(str(size), SHOWN)}, which is no number of documents."
            raise UserError(problem, f"Give whole numbers, or full: {EXAMPLE}.")
        if sizes.count(size) > 1:
            raise UserError(f"corpus_sizes has {size} twice.", "Leave out one of them.")
    numbers = [size for size in sizes if size != FULL]
    if numbers and not any(settings.kind == RETRIEVAL for settings in config.task.values()):
        raise UserError("corpus_sizes are of retrieval, which is no task of the run.", "Leave them out.")
    if config.distractors is not None and not numbers:
        raise UserError(
            f"distractors={config.distractors} enlarges nothing: corpus_sizes are not set.",
            "Say to how many documents: corpus_sizes=[full,<number>].",
        )
    if numbers and config.filter.is_set:
        raise UserError("filters are measured on whole corpora alone.", "Leave out corpus_sizes, or filter.")
    if numbers and (table := next((name for name, index in config.index.items() if index.table), None)):
        raise UserError(
            f"index={table} searches a table that is there already, which has no samples.",
            "Leave out corpus_sizes, or give an index that is filled.",
        )


def is_size(size: Any) -> bool:
    return size == FULL or (isinstance(size, int) and not isinstance(size, bool) and size > 0)
