"""Batches by token budget: texts of like length together, so that little of a batch is padding."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt


def token_budget_batches(lengths: Sequence[int], budget: int) -> Iterator[npt.NDArray[np.int64]]:
    """Indices of one batch after another, longest texts first.

    A batch's padded size (texts × its longest text) stays within ``budget`` tokens; a single text longer than
    the budget is a batch of its own. Every index comes exactly once, and equal lengths keep their order, so the
    batches depend on nothing but ``lengths`` and ``budget``.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, lengths[order[start]])
        size = max(1, budget // longest)
        yield order[start : start + size]
        start += size
