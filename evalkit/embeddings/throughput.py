"""What a pass took, whoever encoded it: wall and busy seconds, of one worker and of all together."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from evalkit.embeddings.executors import Executor
from evalkit.embeddings.executors.executor import no_advance
from evalkit.embeddings.shards import EncodedShard, Shard
from evalkit.encoders import Advance, Encoder


@dataclass(frozen=True)
class Throughput:
    """Of ``texts`` that were encoded in this pass by so many ``workers``; what the store had is no part of it.

    ``wall_seconds`` from the moment that the first shard was begun to the arrival of the last: without loading models
    and starting workers. ``busy_seconds`` are those of all workers added up.
    """

    workers: int
    texts: int
    wall_seconds: float
    busy_seconds: float

    @property
    def texts_per_second_together(self) -> float | None:
        return self.texts / self.wall_seconds if self.wall_seconds > 0 else None

    @property
    def texts_per_second_per_worker(self) -> float | None:
        """While a worker is at work."""
        return self.texts / self.busy_seconds if self.busy_seconds > 0 else None


@dataclass
class Watched:
    """``executor``, and of each shard that it gave who was at it, for how long and until when."""

    executor: Executor
    seen: list[tuple[str, int, float, float]] = field(default_factory=list)  # worker, texts, busy, end

    def run(self, encoder: Encoder, shards: Sequence[Shard], advance: Advance = no_advance) -> Iterator[EncodedShard]:
        for shard in self.executor.run(encoder, shards, advance):
            end = time.time() if shard.ended_at is None else shard.ended_at
            self.seen.append((shard.worker, len(shard.encoded.vectors), shard.busy_seconds, end))
            yield shard

    def close(self) -> None:
        self.executor.close()

    @property
    def throughput(self) -> Throughput | None:
        """Null where nothing was encoded."""
        if not self.seen:
            return None
        began = min(end - busy for _, _, busy, end in self.seen)
        return Throughput(
            workers=len({worker for worker, _, _, _ in self.seen}),
            texts=sum(texts for _, texts, _, _ in self.seen),
            wall_seconds=max(end for _, _, _, end in self.seen) - began,
            busy_seconds=sum(busy for _, _, busy, _ in self.seen),
        )
