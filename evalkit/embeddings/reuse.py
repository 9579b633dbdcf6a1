"""What earlier entries of the same model have of the texts that a new one lacks: vectors are found by digest.

An entry that is not finished helps with the shards that are. Nothing is taken at its word: a row counts where the
record of its text and the bytes of its shard are as they were written.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Rows
from evalkit.corpora import Texts
from evalkit.embeddings.entries.entry import Entry, StoredShard
from evalkit.embeddings.entries.layout import Layout
from evalkit.embeddings.entries.sharing import open_shared
from evalkit.embeddings.entries.text_records import RECORD, Records, tokens_of
from evalkit.embeddings.entries.trust import Look
from evalkit.embeddings.shards import Shards, missing_shards
from evalkit.embeddings.store import EmbeddingStore
from evalkit.errors import UserError
from evalkit.system.plain_files import NotAFileError, read_file
from evalkit.vectors.stored import OpenFile

NEW = -1
Measured = dict[str, Any]


class Source:
    """An earlier entry, whose vectors are open, so that no other process removes them meanwhile."""

    def __init__(self, entry: Entry, file: OpenFile, layout: Layout, look: Look) -> None:
        self.entry, self.file, self.layout = entry, file, layout
        self.shards = {each.index: each for each in look.lines if look.has_all_rows(each, layout)}
        self.meta = look.meta
        self.rows_per_shard = look.rows_per_shard
        self.is_right: dict[int, bool] = {}

    @classmethod
    def open(cls, folder: Path, model: Mapping[str, Any]) -> "Source | None":
        """The entry in ``folder``; null where it is none of ``model``, or nothing of it can be read."""
        try:
            key = json.loads(read_file(folder / "key.json"))
            entry = Entry(folder, key)
            if entry.name != folder.name or entry.model != model:
                return None
            file = open_shared(entry.vectors_file)
            look = Look(entry, None)
            layout = look.layout
        except (OSError, NotAFileError, ValueError, TypeError, AttributeError, RecursionError, UserError):
            return None
        return Source(entry, file, layout, look) if layout is not None and layout == look.header else None

    def rows_of(self, shard: StoredShard) -> range:
        first = shard.index * self.rows_per_shard
        return range(first, min(first + self.rows_per_shard, self.layout.rows))

    def texts_of(self, shard: StoredShard) -> Records:
        """Which texts the rows of ``shard`` are of; none where that can't be trusted."""
        records = self.entry.text_records(shard.index, self.layout.rows)
        is_right = hashlib.sha256(records.tobytes()).hexdigest() == shard.texts_sha256
        return records if is_right else records[:0]

    def has_vectors(self, shard: StoredShard) -> bool:
        """Whether the bytes of ``shard`` are as they were written; read once."""
        if shard.index not in self.is_right:
            rows = self.rows_of(shard)
            data = os.pread(
                self.file.fileno(),
                len(rows) * self.layout.row_bytes,
                self.layout.offset + rows.start * self.layout.row_bytes,
            )
            self.is_right[shard.index] = hashlib.sha256(data).hexdigest() == shard.sha256
        return self.is_right[shard.index]

    def vectors(self, rows: Rows) -> npt.NDArray[np.floating]:
        """Those rows of the matrix (n × dims, as they are stored). Raises OSError where the file ends before."""
        vectors: npt.NDArray[np.floating] = np.empty((len(rows), self.layout.dims), dtype=self.layout.dtype)
        firsts = [*np.flatnonzero(np.diff(rows, prepend=-2) != 1).tolist(), len(rows)]
        for first, end in pairwise(firsts):
            place = self.layout.offset + int(rows[first]) * self.layout.row_bytes
            block = vectors[first:end]
            if os.preadv(self.file.fileno(), [block.data.cast("B")], place) != block.nbytes:
                raise OSError(f"{self.entry.vectors_file} ends before row {rows[end - 1]}")
        return vectors

    @cached_property
    def cut(self) -> npt.NDArray[np.bool_] | None:
        """Per row, whether the model read only the beginning of its text; null where some shard does not tell."""
        told = [shard.measured["truncated_rows"] for shard in self.shards.values()]
        if None in told:
            return None
        mask = np.zeros(self.layout.rows, dtype=np.bool_)
        for rows in told:
            mask[rows] = True
        return mask

    def tokens(self, rows: Rows) -> npt.NDArray[np.int32]:
        """The tokens that were read of the text of each of ``rows``."""
        tokens = np.empty(len(rows), dtype=np.int32)
        shards = rows // self.rows_per_shard
        for index in np.unique(shards).tolist():
            records = self.entry.text_records(index, self.layout.rows)
            tokens[shards == index] = records["tokens"][rows[shards == index] % self.rows_per_shard]
        return tokens

    def made_at(self, rows: Rows) -> Iterator[str | None]:
        """When shards that have some of ``rows`` were encoded."""
        for index in np.unique(rows // self.rows_per_shard).tolist():
            yield self.shards[index].measured.get("encoded_at") or (self.meta or {}).get("created_at")


@dataclass(frozen=True)
class Reuse:
    """Where the vector of each of the ``rows`` of a side is (ascending): the row ``places[i]`` of ``sources[of[i]]``.

    ``of[i]`` is NEW where no source has the text; ``new_rows`` are those, of several with one text the first.
    ``places[i]`` is then the place of its text among ``new_rows``.
    """

    rows: Rows
    of: Rows
    places: Rows
    new_rows: Rows
    sources: tuple[Source, ...]

    @property
    def texts(self) -> int:
        """How many rows are found."""
        return int((self.of != NEW).sum())

    @property
    def main_source(self) -> Source:
        """The source of most rows."""
        return self.sources[int(np.bincount(self.of[self.of != NEW]).argmax())]

    @property
    def is_mostly_one(self) -> bool:
        """Whether at least half of the rows are of one source: what was timed on it says what these texts take."""
        return 2 * int(np.bincount(self.of[self.of != NEW]).max()) >= len(self.rows)

    def with_new(self, source: Source) -> "Reuse":
        """All of it, once ``source`` has the new texts in the order of ``new_rows``."""
        of = np.where(self.of == NEW, len(self.sources), self.of)
        return Reuse(self.rows, of, self.places, self.new_rows[:0], (*self.sources, source))


def reusable(
    store: EmbeddingStore, entry: Entry, missing: Shards, measured: Mapping[int, Measured], dims: int | None = None
) -> Reuse | None:
    """What other entries of the store have of the texts that ``entry`` did not encode itself; null for nothing.

    ``measured`` is what was measured on the shards that are not ``missing``. Of these, copied ones are looked for too:
    so what is new stays the same, and is not encoded twice, when a pass that was killed goes on. ``dims`` is how wide
    vectors must be, null as wide as those of the entry that was used last.
    """
    if not store.reuse_texts or not missing.indices:
        return None
    own = [index for index, of_shard in measured.items() if "reused_texts" not in of_shard]
    lacking = missing_shards(missing.side, missing.texts, missing.rows_per_shard, frozenset(own))
    rows: Rows = np.concatenate([np.asarray(lacking.rows(index)) for index in lacking.indices])
    wanted, firsts, which = np.unique(missing.texts.digests[rows], return_index=True, return_inverse=True)
    of, places = np.full(len(wanted), NEW), np.zeros(len(wanted), dtype=np.int64)
    sources: list[Source] = []
    for folder in store.of_model(entry):
        source = Source.open(folder, entry.model)
        if source is None or source.entry.key.get("part_of") == entry.name:
            continue
        dims = dims or source.layout.dims
        if source.layout.dims == dims and find_texts(source, wanted, of, places, len(sources)):
            sources.append(source)
        if (of != NEW).all():
            break
    if not sources:
        return None
    new = np.sort(firsts[of == NEW])
    places[of == NEW] = np.searchsorted(new, firsts[of == NEW])
    return Reuse(rows, of[which], places[which], rows[new], tuple(sources))


def find_texts(source: Source, wanted: npt.NDArray[np.bytes_], of: Rows, places: Rows, number: int) -> bool:
    """Enter into ``of`` and ``places`` which of the digests ``wanted`` (sorted) the source has; whether it has any."""
    has_any = False
    for shard in source.shards.values():
        digests = source.texts_of(shard)["digest"]
        at = np.minimum(np.searchsorted(wanted, digests), len(wanted) - 1)
        hits = np.flatnonzero((wanted[at] == digests) & (of[at] == NEW))
        if len(hits) and source.has_vectors(shard):
            of[at[hits]], places[at[hits]] = number, source.rows_of(shard).start + hits
            has_any = True
    return has_any


def copy_shards(entry: Entry, missing: Shards, reuse: Reuse, reused: int, measured: dict[int, Measured]) -> None:
    """Write the ``missing`` shards of ``entry`` from the sources of ``reuse``, of which the first ``reused`` are
    earlier entries; ``measured`` is told of each.
    """
    for index in missing.indices:
        rows = missing.rows(index)
        part = slice(*np.searchsorted(reuse.rows, [rows.start, rows.stop]).tolist())
        of, places = reuse.of[part], reuse.places[part]
        vectors = np.empty((len(rows), reuse.sources[0].layout.dims), dtype=entry.dtype)
        records = np.empty(len(rows), dtype=RECORD)
        records["digest"] = missing.texts.digests[rows.start : rows.stop]
        cut: list[int] | None = []
        made_at: list[str] = []
        for number in np.unique(of).tolist():
            source, mask = reuse.sources[number], of == number
            vectors[mask] = source.vectors(places[mask])
            records["tokens"][mask] = source.tokens(places[mask])
            if cut is not None:
                cut = None if source.cut is None else cut + np.flatnonzero(mask)[source.cut[places[mask]]].tolist()
            made_at += filter(None, source.made_at(places[mask]))
        of_shard = of_copies(records, cut, rows.start, min(made_at, default=None), int((of < reused).sum()))
        entry.write_shard(index, rows.start, vectors, of_shard, records)
        measured[index] = of_shard


def of_copies(records: Records, cut: Sequence[int] | None, first: int, made_at: str | None, reused: int) -> Measured:
    """What is kept beside a shard that was copied: nothing of it was timed here, and its oldest vector is as old."""
    return {
        "timing": "",
        "texts": len(records),
        "seconds": 0.0,
        "tokens": tokens_of(records),
        "truncated_rows": None if cut is None else sorted(first + place for place in cut),
        "peak_rss_bytes": None,
        "peak_gpu_bytes": None,
        "reused_texts": reused,
        **({"encoded_at": made_at} if made_at else {}),
    }


def part_key(entry: Entry, new: Texts) -> dict[str, Any]:
    """The key of what is encoded for ``entry`` alone, until that is whole: the texts that no earlier entry has."""
    return {**entry.key, "texts": new.fingerprint, "part_of": entry.name}
