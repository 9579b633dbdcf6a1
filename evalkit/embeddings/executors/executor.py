"""What every executor offers: shards in, encoded shards out; and what every worker does with one of them."""

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


def encode_shard(encoder: Encoder, shard: Shard, timing: str, advance: Advance = no_advance) -> EncodedShard:
    """Encode ``shard`` in this process. ``timing`` is the key of the conditions that its seconds belong to.

    Seconds of shards side by side overlap and tell no speed: an executor of several workers gives a key of its own, by
    which they are kept and not taken for this process's, and a sample is timed instead.
    """
    try:
        with PeakMemory() as memory:
            encoded = encoder.encode(shard.texts, shard.side, advance)
    except UserError as error:
        raise named(error, shard.ids, shard.side) from None
    return EncodedShard(shard.index, encoded, timing, memory.peak_rss_bytes, peak_device_bytes(encoder))
