"""Batches by token budget: texts of like length together, so that little of a batch is padding."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Rows
from evalkit.errors import say

OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "bad_alloc")
IN_HAND = 2  # batches per stream that are planned ahead, so that none waits for its next one

Lengths = Sequence[int] | npt.NDArray[np.int64]
EncodeBatch = Callable[[Rows], None]


@dataclass
class TokenBudget:
    """How many padded tokens a batch may hold; shrinks for good when the device runs out of memory."""

    tokens: int

    def halve(self, batch_tokens: int) -> None:
        """Make room after a batch of ``batch_tokens`` did not fit; of batches side by side the smallest counts."""
        tokens = max(1, batch_tokens // 2)
        if tokens < self.tokens:
            self.tokens = tokens
            say(f"evalkit: warning: out of memory; going on with batches of {tokens:,} tokens")


def encode_in_batches(
    lengths: Lengths,
    budget: TokenBudget,
    encode: EncodeBatch,
    streams: int = 1,
    windows: Iterable[Rows] | None = None,
    advance: Callable[[int], None] = lambda n: None,
) -> None:
    """Call ``encode`` with the indices of one batch after another, longest texts first.

    A batch's padded size (texts × its longest text) stays within the budget; a single text longer than the budget
    is a batch of its own. Every index is encoded once, and equal lengths keep their order, so the batches depend on
    nothing but ``lengths``, ``windows`` and ``budget``, whatever ``streams`` is: so many batches are encoded at once,
    each in a thread of its own. ``windows`` are indices whose lengths are known once they are drawn, and batches hold
    those of one window; null is all indices. ``advance`` is told in this thread of the texts of each finished batch.

    Batches that run out of memory are tried again at half the size, after the others and alone; raises what
    ``encode`` raised where even one text does not fit, and for any other reason.
    """
    too_large: list[Rows] = []

    def finished(batch: Rows, error: BaseException | None) -> None:
        if error is None:
            advance(len(batch))
            return
        alone = len(batch) == 1 and streams == 1
        if alone or not isinstance(error, Exception) or not is_out_of_memory(error):
            raise error
        budget.halve(len(batch) * int(max(1, lengths[batch[0]])))
        too_large.append(batch)

    drawn = [np.arange(len(lengths))] if windows is None else windows
    planned = (batch for rows in drawn for batch in of_like_length(rows, lengths, budget))
    if streams == 1:
        one_by_one(planned, encode, finished)
    else:
        side_by_side(planned, encode, finished, streams)
    streams = 1
    while too_large:
        rows = np.concatenate(too_large)
        too_large.clear()
        one_by_one(of_like_length(rows, lengths, budget), encode, finished)


def of_like_length(rows: Rows, lengths: Lengths, budget: TokenBudget) -> Iterator[Rows]:
    """``rows`` in batches, longest first; each as large as ``budget`` allows when it is drawn."""
    order = rows[np.argsort(-np.asarray(lengths, dtype=np.int64)[rows], kind="stable")]
    start = 0
    while start < len(order):
        longest = int(max(1, lengths[order[start]]))
        batch = order[start : start + max(1, budget.tokens // longest)]
        start += len(batch)
        yield batch


Finished = Callable[[Rows, BaseException | None], None]


def one_by_one(batches: Iterable[Rows], encode: EncodeBatch, finished: Finished) -> None:
    for batch in batches:
        error: Exception | None = None
        try:
            encode(batch)
        except (MemoryError, RuntimeError) as raised:
            error = raised
        finished(batch, error)


def side_by_side(batches: Iterable[Rows], encode: EncodeBatch, finished: Finished, streams: int) -> None:
    """Encode up to ``streams`` batches at once; this thread draws the next ones meanwhile.

    What it raises, or a batch does, ends all: batches that are being encoded end, those that wait are not begun.
    """
    running: dict[Future[Any], Rows] = {}

    def collect(when: str) -> None:
        for future in sorted(wait(running, return_when=when).done, key=lambda each: int(running[each][0])):
            finished(running.pop(future), future.exception())

    with ThreadPoolExecutor(streams, "stream") as pool:
        try:
            for batch in batches:
                running[pool.submit(encode, batch)] = batch
                if len(running) >= IN_HAND * streams:
                    collect(FIRST_COMPLETED)
            while running:
                collect(FIRST_COMPLETED)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def is_out_of_memory(error: Exception) -> bool:
    """Whether a device or the host had no memory left, as torch, CUDA and C++ say it."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY)
