"""Shards to workers that may end at any moment: each is handed out, and what a lost worker had is handed out again.

Nothing here knows what a worker is. At the end, when nothing is left to hand out, a shard that takes far longer than
others did is given to an idle worker as well, and the first answer counts.
"""

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from evalkit.embeddings.executors.replies import Ended, Failed, Ready, Reply, raised
from evalkit.embeddings.shards import EncodedShard, Shard
from evalkit.encoders import Advance
from evalkit.errors import UserError, say

MOST_LOST = 3  # workers, by one shard
LEAST_LATE_SECONDS = 2.0
LATE = 3.0  # times what a shard usually takes
POLL_SECONDS = 0.5
WAITED_SECONDS = 60.0  # for the first worker, until that is said


class Workers(Protocol):
    """Those of one executor, each with a number of its own that no other gets after it."""

    most: int  # at once

    def start(self) -> int:
        """Begin one; it is told as ready later, or as ended."""
        ...

    def give(self, worker: int, shard: Shard) -> None:
        """One at a time, to one that is ready."""
        ...

    def reply(self, timeout: float) -> tuple[int, Reply] | None:
        """The next thing that a worker tells; null where none does within ``timeout`` seconds."""
        ...

    def stop(self) -> None:
        """End all of them now."""
        ...


@dataclass
class Hand:
    """What one worker is at: its shard, null while it starts or is idle, and since when (monotonic seconds)."""

    is_ready: bool = False
    shard: Shard | None = None
    since: float = 0.0

    @property
    def is_idle(self) -> bool:
        return self.is_ready and self.shard is None


class Dispatch:
    """The workers of an executor from the first pass to its end."""

    def __init__(self, workers: Workers, kind: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.workers = workers
        self.kind = kind
        self.clock = clock
        self.hands: dict[int, Hand] = {}
        self.starts_left = 0
        self.began = 0.0

    def run(self, shards: Sequence[Shard], advance: Advance) -> Iterator[EncodedShard]:
        """Every shard, each once, as it arrives. Raises what encoding one raised, and UserError where workers end."""
        left = Left(shards)
        if not len(shards):
            return
        wanted = min(self.workers.most, len(shards))
        self.starts_left = max(0, wanted - len(self.hands)) + MOST_LOST * self.workers.most
        self.began = self.clock()
        while len(self.hands) < wanted:
            self.start()
        while True:
            self.hand_out(left)
            if left.is_done:
                return
            told = self.workers.reply(POLL_SECONDS)
            if told is None:
                self.say_waiting()
                continue
            encoded = self.hear(*told, left)
            if encoded is not None and left.arrives(encoded):
                self.hand_out(left)  # before whoever takes this one keeps the workers waiting
                advance(len(encoded.encoded.vectors))
                yield encoded

    def start(self) -> None:
        if self.starts_left > 0:
            self.starts_left -= 1
            self.hands[self.workers.start()] = Hand()

    def hand_out(self, left: "Left") -> None:
        for worker, hand in self.hands.items():
            if not hand.is_idle:
                continue
            shard = left.next() or self.late(left)
            if shard is None:
                return
            hand.shard, hand.since = shard, self.clock()
            self.workers.give(worker, shard)

    def late(self, left: "Left") -> Shard | None:
        """A shard that one worker alone is at, for far longer than others took; null where none is."""
        if not left.seconds:
            return None
        patience = max(LEAST_LATE_SECONDS, LATE * statistics.median(left.seconds))
        busy = [hand for hand in self.hands.values() if hand.shard and left.awaits(hand.shard)]
        at = [hand.shard.index for hand in busy if hand.shard]
        waited = [hand for hand in busy if hand.shard and at.count(hand.shard.index) == 1]
        oldest = min(waited, key=lambda hand: hand.since, default=None)
        return oldest.shard if oldest and self.clock() - oldest.since > patience else None

    def hear(self, worker: int, reply: Reply, left: "Left") -> EncodedShard | None:
        hand = self.hands.get(worker)
        if hand is None:
            return None
        match reply:
            case Ready():
                hand.is_ready = True
            case Failed():
                shard, hand.shard = hand.shard, None
                if shard is None or left.awaits(shard):
                    raise raised(reply)
            case Ended():
                del self.hands[worker]
                self.lose(hand, reply, left)
            case EncodedShard():
                seconds = self.clock() - hand.since
                shard, hand.shard = hand.shard, None
                if shard is not None and left.is_of_this_pass(shard):
                    left.seconds.append(seconds)
                    return reply
        return None

    def lose(self, hand: Hand, ended: Ended, left: "Left") -> None:
        """Hand out again what a worker that has ended was at, and start another one."""
        if hand.shard is not None and left.is_of_this_pass(hand.shard):
            times = left.lose(hand.shard)
            if times >= MOST_LOST:
                raise UserError(
                    f"executor={self.kind}: {times} workers ended at the {hand.shard.side} side's texts "
                    f"{hand.shard.ids[0]!r} to {hand.shard.ids[-1]!r} ({ended.why}).",
                    "Is there enough memory for so many? Try executor.workers=1, or fewer store.shard_texts.",
                )
        say(f"evalkit: warning: a worker ended ({ended.why}); what it was at is encoded again")
        self.start()
        if not self.hands:
            raise UserError(
                f"executor={self.kind}: every worker ended, the last one {ended.why}.",
                "Is there enough memory for so many? Try executor.workers=1, or executor=local.",
            )

    def say_waiting(self) -> None:
        if self.began and self.clock() - self.began > WAITED_SECONDS:
            self.began = 0.0
            if not any(hand.is_ready for hand in self.hands.values()):
                say(f"evalkit: executor={self.kind}: waiting for the first of {len(self.hands)} workers to start")

    def stop(self) -> None:
        self.hands.clear()
        self.workers.stop()


class Left:
    """What of one pass is still to come: shards that nobody was given yet, and those that are awaited."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = iter(shards)
        self.again: deque[Shard] = deque()
        self.given: dict[int, Shard] = {}
        self.awaited: set[int] = set()
        self.losses: dict[int, int] = {}
        self.seconds: list[float] = []  # that shards took
        self.is_empty = False

    @property
    def is_done(self) -> bool:
        return self.is_empty and not self.awaited

    def next(self) -> Shard | None:
        """The next one to be encoded; null where all are given."""
        while self.again:
            lost = self.again.popleft()
            if lost.index in self.awaited:
                return lost
        shard = None if self.is_empty else next(self.shards, None)
        if shard is None:
            self.is_empty = True
            return None
        self.given[shard.index] = shard
        self.awaited.add(shard.index)
        return shard

    def is_of_this_pass(self, shard: Shard) -> bool:
        return self.given.get(shard.index) is shard

    def awaits(self, shard: Shard) -> bool:
        return self.is_of_this_pass(shard) and shard.index in self.awaited

    def arrives(self, encoded: EncodedShard) -> bool:
        """Whether it is the first answer."""
        if encoded.index not in self.awaited:
            return False
        self.awaited.remove(encoded.index)
        return True

    def lose(self, shard: Shard) -> int:
        """How often a worker has ended at ``shard`` by now."""
        self.losses[shard.index] = self.losses.get(shard.index, 0) + 1
        if shard.index in self.awaited:
            self.again.append(shard)
        return self.losses[shard.index]
