"""This process encodes shard after shard."""

from collections.abc import Iterator, Sequence

from evalkit.embeddings.executors.executor import encode_shard, no_advance
from evalkit.embeddings.shards import EncodedShard, Shard
from evalkit.embeddings.timing import Conditions
from evalkit.encoders import Advance, Encoder
from evalkit.encoders.capabilities import load, peak_device_bytes, timing_settings


class Local:
    """One shard is read, encoded and given back before the next one is read."""

    def run(self, encoder: Encoder, shards: Sequence[Shard], advance: Advance = no_advance) -> Iterator[EncodedShard]:
        timing = Conditions.of(timing_settings(encoder)).key
        load(encoder)
        peak_device_bytes(encoder)  # from here on
        for shard in shards:
            yield encode_shard(encoder, shard, timing, advance)

    def close(self) -> None:
        """Nothing was started."""
