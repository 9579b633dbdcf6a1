"""What every executor offers: shards in, encoded shards out; and what every worker does with one of them."""

import os
import platform
import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from evalkit.embeddings.shards import EncodedShard, Shard
from evalkit.encoders import Advance, Encoder
from evalkit.encoders.capabilities import peak_device_bytes
from evalkit.encoders.refused_texts import named
from evalkit.errors import UserError
from evalkit.measures.memory import PeakMemory


def no_advance(texts: int) -> None:
    """Nobody watches."""


class Executor(Protocol):
    """It knows neither store nor corpus, so it can't lose what is finished: the pass keeps each shard as it arrives."""

    def run(self, encoder: Encoder, shards: Sequence[Shard], advance: Advance = no_advance) -> Iterator[EncodedShard]:
        """Every one of ``shards``, in any order, each once; ``advance`` is told of all their texts.

        Texts are read when a shard is taken from ``shards``: take one from a single thread, and only when it can be
        worked on. A model behind an API counts what it sends, and keeps to its limit, in one process alone.
        """
        ...

    def close(self) -> None:
        """End all workers, whatever they are at. May be called again, and a ``run`` after it starts new ones."""
        ...


def encode_shard(encoder: Encoder, shard: Shard, timing: str, advance: Advance = no_advance) -> EncodedShard:
    """Encode ``shard`` in this process. ``timing`` is the key of the conditions that its seconds belong to.

    Seconds of shards side by side overlap and tell no speed of one machine: an executor of several workers gives a key
    of its own, by which they are kept and not taken for this process's, and a sample is timed instead.
    """
    began = time.perf_counter()
    try:
        with PeakMemory() as memory:
            encoded = encoder.encode(shard.texts, shard.side, advance)
    except UserError as error:
        raise named(error, shard.ids, shard.side) from None
    return EncodedShard(
        shard.index,
        encoded,
        timing,
        memory.peak_rss_bytes,
        peak_device_bytes(encoder),
        worker=this_worker(),
        busy_seconds=time.perf_counter() - began,
    )


def this_worker() -> str:
    """What tells this process from all others that may encode shards of the same pass."""
    return f"{platform.node()}:{os.getpid()}"
