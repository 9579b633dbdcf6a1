"""Batches by token budget: texts of like length together, so that little of a batch is padding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.arrays import Rows
from evalkit.errors import say

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "bad_alloc")


@dataclass
class TokenBudget:
    """How many padded tokens a batch may hold; shrinks for good when the device runs out of memory."""

    tokens: int

    def halve(self, batch_tokens: int) -> None:
        """Make room after a batch of ``batch_tokens`` did not fit."""
        self.tokens = max(1, batch_tokens // 2)
        say(f"evalkit: warning: out of memory; going on with batches of {self.tokens:,} tokens")


def encode_in_batches(lengths: Sequence[int], budget: TokenBudget, encode: Callable[[Rows], None]) -> None:
    """Call ``encode`` with the indices of one batch after another, longest texts first.

    A batch's padded size (texts × its longest text) stays within the budget; a single text longer than the budget
    is a batch of its own. Every index is encoded once, and equal lengths keep their order, so the batches depend on
    nothing but ``lengths`` and ``budget``. A batch that runs out of memory is tried again at half the size; raises
    what ``encode`` raised where even one text does not fit.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    start = 0
    while start < len(order):
        longest = max(1, lengths[order[start]])
        batch = order[start : start + max(1, budget.tokens // longest)]
        try:
            encode(batch)
        except (MemoryError, RuntimeError) as error:
            if len(batch) == 1 or not is_out_of_memory(error):
                raise
            budget.halve(len(batch) * longest)
            continue
        start += len(batch)


def is_out_of_memory(error: Exception) -> bool:
    """Whether a device or the host had no memory left, as torch, CUDA and C++ say it."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)
