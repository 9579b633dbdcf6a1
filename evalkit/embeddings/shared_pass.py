"""One pass that several ranks are at, as one of them sees it: which shards are done, claimed, or to be tried again."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

from evalkit.embeddings.entries.claims import Claims
from evalkit.embeddings.entries.parts import Parts, part_name
from evalkit.embeddings.shards import EncodedShard, Shard, Shards
from evalkit.encoders import Advance
from evalkit.errors import UserError, say

MOST_TRIES = 5  # of one shard, by ranks that gave no sign of life any more
LATE = 3.0  # times what a shard usually takes
LEAST_LATE_SECONDS = 5.0
POLL_SECONDS = 0.5
POLLS_OF_A_LAPSE = 10

Places = Callable[[], Iterator[int]]


@dataclass
class SharedPass:
    """``shards`` are told apart by their places among them; this rank begins at ``first``, others elsewhere."""

    parts: Parts
    claims: Claims
    shards: Shards
    identity: Mapping[str, Any]
    first: int
    done: set[int] = field(default_factory=set)
    names: dict[int, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)  # that shards took here
    waited_since: dict[tuple[str, int], float] = field(default_factory=dict)  # by claim
    gathered_at: float = float("-inf")

    @cached_property
    def place_of(self) -> dict[int, int]:
        return {index: place for place, index in enumerate(self.shards.indices)}

    @property
    def is_done(self) -> bool:
        return len(self.done) == len(self.shards)

    @property
    def undone(self) -> Iterator[int]:
        return (place for place in range(len(self.shards)) if place not in self.done)

    def name(self, place: int) -> str:
        """How the part is called, which its texts are read for once."""
        if place not in self.names:
            self.names[place] = part_name(self.identity, self.shards[place])
        return self.names[place]

    def has(self, index: int) -> bool:
        return self.place_of[index] in self.done

    def fresh(self) -> Iterator[int]:
        """Places that nobody has claimed before, each claimed now."""
        count = len(self.shards)
        for step in range(count):
            place = (self.first + step) % count
            if place not in self.done and not self.parts.is_noted(self.name(place)) and self.claim(place, 0):
                yield place

    def left_over(self) -> Iterator[int]:
        """Places whose claims have lapsed, then those that a living rank is too late with, each claimed now."""
        for place, number in self.to_try_again():
            if not self.parts.is_noted(self.name(place)) and self.claim(place, number):
                yield place

    def claim(self, place: int, number: int) -> bool:
        return self.claims.make(self.name(place), number)

    def has_left_over(self) -> bool:
        return next(self.to_try_again(), None) is not None

    def to_try_again(self) -> Iterator[tuple[int, int]]:
        """Place and number of the next claim. Raises UserError where too many ranks have ended at one shard."""
        latest, now, late = self.claims.latest(), time.monotonic(), []
        for place in self.undone:
            name = self.name(place)
            claim = latest.get(name)
            if claim is None:
                yield place, 0
                continue
            again = (place, claim.number + 1)
            if claim.is_lapsed:
                self.check_tries(place, self.claims.deaths(name, claim.number + 1))
                yield again
            elif claim.number + 1 < MOST_TRIES and not self.claims.is_own(name, claim.number):
                since = self.waited_since.setdefault((name, claim.number), now)
                late += [again] * (now - since > self.patience)
        yield from late

    @property
    def patience(self) -> float:
        """Seconds until a living rank is too late with a shard; for ever where nothing tells what one takes."""
        usual = statistics.median(self.seconds) if self.seconds else float("inf")
        return max(LEAST_LATE_SECONDS, LATE * usual)

    def check_tries(self, place: int, tries: int) -> None:
        if tries < MOST_TRIES:
            return
        shard = self.shards[place]
        raise UserError(
            f"{tries} ranks ended at the {shard.side} side's texts {shard.ids[0]!r} to {shard.ids[-1]!r}.",
            "Is there enough memory on each node? Try fewer store.shard_texts.",
        )

    def wait(self) -> None:
        time.sleep(min(POLL_SECONDS, self.claims.lapse_seconds / POLLS_OF_A_LAPSE))

    def look(self) -> bool:
        """Whether all is done by now. Raises FileNotFoundError where rank 0 has gathered it."""
        noted = self.parts.noted()
        self.done |= {place for place in self.undone if self.name(place) in noted}
        return self.is_done

    def put(self, encoded: EncodedShard) -> bool:
        """Keep it as a part; whether this one counts."""
        place = self.place_of[encoded.index]
        self.seconds.append(encoded.busy_seconds)
        counts = self.parts.keep(self.name(place), encoded)
        self.done.add(place)
        self.claims.release(self.name(place))
        return counts

    def take(self, encoded: EncodedShard) -> None:
        """It is in the entry now, by whichever rank."""
        place = self.place_of[encoded.index]
        self.seconds.append(encoded.busy_seconds)
        self.done.add(place)
        self.parts.take(self.name(place))
        self.claims.release(self.name(place))

    def gathered(self, advance: Advance, at_most_every: float = 0.0) -> Iterator[EncodedShard]:
        """The parts that other ranks have finished since the last look, which is so many seconds ago at least."""
        if time.monotonic() - self.gathered_at < at_most_every:
            return
        self.gathered_at = time.monotonic()
        noted = self.parts.noted()
        for place in [place for place in self.undone if self.name(place) in noted]:
            encoded = self.parts.read(self.name(place), self.shards[place])
            if encoded is None:
                say(f"evalkit: warning: a part in {self.parts.folder} is not as it was written: it is made again")
                self.parts.drop(self.name(place))
                continue
            advance(len(encoded.encoded.vectors))
            yield encoded
            self.take(encoded)


class Claimed(Sequence[Shard]):
    """Shards that are claimed when they are taken, so that no rank has more in hand than it is at.

    Its length is only the most that there can be.
    """

    def __init__(self, shared: SharedPass, places: Places) -> None:
        self.shared = shared
        self.places = places

    def __len__(self) -> int:
        return len(self.shared.shards) - len(self.shared.done)

    def __iter__(self) -> Iterator[Shard]:
        return (self.shared.shards[place] for place in self.places())

    @overload
    def __getitem__(self, place: int) -> Shard: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Shard]: ...
    def __getitem__(self, place: int | slice) -> Shard | Sequence[Shard]:
        raise TypeError("claimed shards come in an order of their own")
