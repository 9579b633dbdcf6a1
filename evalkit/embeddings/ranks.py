"""Several processes that run one command on a store that they share, as Slurm's arrays, Kubernetes or ssh start them.

Each is told its rank and how many there are, and no more. Whoever is free claims a shard, encodes it and puts it into
the store as a part (entries.parts); rank 0 puts parts into the entry, whose lock it holds, and goes on alone with what
is measured. Who encodes within one rank is another executor's matter.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.config import RunConfig
from evalkit.corpora import Texts
from evalkit.embeddings.entries.claims import Claims
from evalkit.embeddings.entries.entry import Entry
from evalkit.embeddings.entries.locks import acquired
from evalkit.embeddings.entries.parts import Parts
from evalkit.embeddings.entries.trust import held
from evalkit.embeddings.executors import Executor
from evalkit.embeddings.executors.executor import no_advance
from evalkit.embeddings.passes import entry_key
from evalkit.embeddings.reuse import part_key, reusable
from evalkit.embeddings.shards import EncodedShard, Shard, Shards, missing_shards
from evalkit.embeddings.shared_pass import POLL_SECONDS, Claimed, Places, SharedPass
from evalkit.embeddings.store import EmbeddingStore
from evalkit.encoders import Advance, Encoder, Side
from evalkit.system.digests import name_of_key

GATHER_EVERY_SECONDS = 5.0


class Ranks:
    """``executor`` as one of several ranks: as an executor itself it is rank 0's, ``help`` is what the others do."""

    def __init__(self, config: RunConfig, executor: Executor, store: EmbeddingStore) -> None:
        self.executor = executor
        self.store = store
        self.rank, self.world_size = config.rank or 0, config.world_size or 1
        self.lapse_seconds = config.executor.lapse_seconds
        self.shards = self.texts = 0  # that this rank has encoded

    @property
    def encoded(self) -> str:
        """What this rank has encoded of all sides together, in words."""
        return f"{self.shards:,} shard{'s' * (self.shards != 1)} encoded ({self.texts:,} texts)"

    def run(self, encoder: Encoder, shards: Sequence[Shard], advance: Advance = no_advance) -> Iterator[EncodedShard]:
        """Every shard, encoded here or by another rank; parts that lie in the store are taken first."""
        if not isinstance(shards, Shards):
            raise TypeError("ranks share the shards of one side")
        if not len(shards):
            return
        shared = self.shared(encoder, shards)
        with shared.claims.kept_alive():
            shared.claims.clear_lapsed()
            yield from shared.gathered(advance)
            yield from self.own(encoder, shared, shared.fresh, advance)
            while not shared.is_done:
                yield from shared.gathered(advance)
                if shared.has_left_over():
                    yield from self.own(encoder, shared, shared.left_over, advance)
                elif not shared.is_done:
                    shared.wait()
        shared.parts.remove()

    def own(self, encoder: Encoder, shared: SharedPass, places: Places, advance: Advance) -> Iterator[EncodedShard]:
        for encoded in self.executor.run(encoder, Claimed(shared, places), advance):
            if not shared.has(encoded.index):
                yield replace(encoded, timing=of_ranks(encoded), ended_at=shared.claims.now())
                shared.take(encoded)
                self.count(encoded)
            yield from shared.gathered(advance, GATHER_EVERY_SECONDS)

    def help(self, encoder: Encoder, side: Side, texts: Texts, advance: Advance = no_advance) -> None:
        """Encode what no other rank does, until all of ``texts`` is; nothing where it is in the store already.

        Raises UserError and OSError as encoding and writing do; what was claimed is then another rank's.
        """
        whole = entry = self.entry(entry_key(self.store, encoder, side, texts))
        missing, measured = self.missing(entry, side, texts)
        reuse = reusable(self.store, whole, missing, measured, encoder.dims)
        if reuse is not None:  # rank 0 encodes what is new as an entry of its own
            new = texts.at(reuse.new_rows)
            entry = self.entry(part_key(whole, new))
            missing, _ = self.missing(entry, side, new)
        if not len(missing):
            return
        shared = self.shared(encoder, missing)
        if is_over(whole, entry):  # since then
            shared.parts.remove_if_unused()
            return
        try:
            with shared.claims.kept_alive():
                self.put(encoder, shared, shared.fresh, advance)
                while not shared.look():
                    if shared.has_left_over():
                        self.put(encoder, shared, shared.left_over, advance)
                    else:
                        shared.wait()
        except FileNotFoundError:
            if not self.is_gathered(whole, entry):
                raise  # else rank 0 has removed the parts

    def is_gathered(self, whole: Entry, entry: Entry) -> bool:
        """Whether rank 0 has all that there is to encode; while it holds the lock, it is about to say so."""
        while not is_over(whole, entry):
            if lock := acquired(self.store.path, whole.name):
                lock.release()
                return is_over(whole, entry)
            time.sleep(POLL_SECONDS)
        return True

    def entry(self, key: Mapping[str, Any]) -> Entry:
        return Entry(self.store.path / name_of_key(key), key)

    def missing(self, entry: Entry, side: Side, texts: Texts) -> tuple[Shards, dict[int, dict[str, Any]]]:
        """The shards of ``texts`` that ``entry`` lacks, and what was measured on the others, by index."""
        measured = {index: shard.measured for index, shard in held(entry, len(texts)).shards.items()}
        return missing_shards(side, texts, self.store.shard_texts, measured), measured

    def put(self, encoder: Encoder, shared: SharedPass, places: Places, advance: Advance) -> None:
        for encoded in self.executor.run(encoder, Claimed(shared, places), advance):
            if shared.put(replace(encoded, timing=of_ranks(encoded))):
                self.count(encoded)

    def count(self, encoded: EncodedShard) -> None:
        self.shards += 1
        self.texts += len(encoded.encoded.vectors)

    def shared(self, encoder: Encoder, shards: Shards) -> SharedPass:
        key = entry_key(self.store, encoder, shards.side, shards.texts)
        parts = Parts.of(self.store.path, key)
        parts.make(key)
        claims = Claims(parts.folder, self.rank, self.lapse_seconds)
        first = self.rank * len(shards) // self.world_size
        return SharedPass(parts, claims, shards, encoder.identity(shards.side), first)

    def close(self) -> None:
        self.executor.close()


def is_over(*entries: Entry) -> bool:
    """Whether one of them is whole: rank 0 has gathered all that there is to encode."""
    return any(entry.meta_file.exists() for entry in entries)


def of_ranks(encoded: EncodedShard) -> str:
    """The key that its seconds are kept by: several ranks may have one machine, and then tell no speed of it."""
    return name_of_key(["of ranks", encoded.timing])
