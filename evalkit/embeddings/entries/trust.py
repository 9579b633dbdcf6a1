"""What can be trusted of an entry: compared with its key, its seals and the checksums of its bytes; nothing is changed.

No file is taken at its word. The folder's name is the digest of the key, every note has a seal that names the entry
and every shard the sha256 of its rows, whose place follows from the texts and the width, whatever the header says.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from evalkit.embeddings.entries.aside import is_set_aside
from evalkit.embeddings.entries.entry import META_VERSION, Entry, StoredShard
from evalkit.embeddings.entries.layout import Layout, layout_of, read_layout
from evalkit.embeddings.entries.note_fields import META, SHARD, TIMING, has_fields
from evalkit.embeddings.entries.seals import unsealed
from evalkit.errors import UserError
from evalkit.system.plain_files import NotAFileError, is_file, is_folder, is_note, open_file, read_file


@dataclass(frozen=True)
class Held:
    """What an entry holds that is as it was written.

    ``meta`` is null for a pass that is not finished. ``shards`` are by index, ascending; ``missing`` are the others'
    indices, or the first of them where only the entry tells how many there are. ``layout`` is where rows lie; null
    where nothing tells. ``faults`` say what is there and can't be trusted. ``is_told`` says whether it is known of
    every row which text it is of.
    """

    meta: dict[str, Any] | None
    shards: dict[int, StoredShard]
    missing: tuple[int, ...]
    layout: Layout | None
    faults: tuple[str, ...]
    is_told: bool = True

    @classmethod
    def nothing(cls, missing: tuple[int, ...]) -> "Held":
        return cls(None, {}, missing, None, ())

    @property
    def is_whole(self) -> bool:
        return self.meta is not None and not self.missing

    @property
    def count(self) -> int:
        """How many shards there must be."""
        return len(self.shards) + len(self.missing)


def held(entry: Entry, rows: int | None = None) -> Held:
    """What of ``entry`` can be trusted; it is of ``rows`` texts, null where only the entry itself tells.

    Every byte of its vectors is read. Raises UserError for an entry that a newer evalkit wrote.
    """
    return Look(entry, rows).held()


def texts_of(entry: Entry) -> int:
    """How many vectors the entry is to have; 0 where nothing of it tells."""
    try:
        layout = Look(entry, None).layout
    except UserError:  # of a newer evalkit
        return 0
    return layout.rows if layout else 0


class Look:
    """One look at an entry, and what is found amiss meanwhile."""

    def __init__(self, entry: Entry, rows: int | None) -> None:
        self.entry = entry
        self.faults: list[str] = []
        self.key = json.loads(json.dumps(entry.key))
        self.rows_per_shard = int(self.key["shard_texts"])
        self.given_rows = rows

    def held(self) -> Held:
        is_finished = self.meta is not None or self.note(self.entry.meta_file) is not None
        if self.meta is None and is_finished:
            self.faults.append("meta.json is not as it was written for this entry")
        if self.meta is None and self.given_rows is None:
            return Held(None, {}, (), None, tuple(self.faults))
        stored = self.whole_shards()
        lacks = self.count - len(stored)
        listed = self.count if self.given_rows is not None else 1  # of a size that only the entry tells
        missing = tuple(islice((index for index in range(self.count) if index not in stored), listed))
        if is_finished and lacks:
            self.faults.append(f"{lacks} of {self.count} shards are not as they were written")
        if not is_finished and self.junk_lines:
            self.faults.append(f"{self.junk_lines} lines of shards.jsonl are not as they were written")
        if self.own_key != self.key and (is_finished or self.own_key is not None):
            self.faults.append("key.json is not its key")
        is_of_shards = self.meta is None or lacks > 0 or is_sum(self.meta, stored.values())
        if not is_of_shards:
            self.faults.append("meta.json is not the sum of its shards")
        untold = [shard for shard in stored.values() if not self.has_texts(shard)]
        if any(shard.texts_sha256 for shard in untold):
            self.faults.append("texts.bin is not as it was written")
        self.faults += self.misplaced()
        self.faults += [f"{file.name} is not as it was written" for file in damaged_timings(self.entry)]
        meta = self.meta if is_of_shards else None
        return Held(meta, stored, missing, self.layout, tuple(self.faults), not untold)

    @cached_property
    def own_key(self) -> Any:
        """What key.json says; null where it is missing, an empty object where it can't be read."""
        text = self.note(self.entry.key_file)
        return None if text is None else unsealed(text, "") or {}

    @cached_property
    def meta(self) -> dict[str, Any] | None:
        meta = unsealed(self.note(self.entry.meta_file) or b"", self.entry.name)
        if meta is None or not has_fields(meta, {"version": META["version"]}):
            return None
        if meta["version"] > META_VERSION:
            raise UserError(
                f"{self.entry.meta_file} was written by a newer evalkit (version {meta['version']}).",
                "Upgrade evalkit, or set store.path to another folder.",
            )
        is_own = has_fields(meta, META) and meta.get("key") == self.key
        is_of_these_rows = is_own and self.given_rows in (None, meta["texts"])
        are_among = is_of_these_rows and all(row < meta["texts"] for row in meta["truncated_rows"] or ())
        return meta if are_among else None

    @cached_property
    def lines(self) -> list[StoredShard]:
        """What shards.jsonl says, but for lines that are not as they were written."""
        return [shard for line in self.text_of_shards.split(b"\n") if (shard := self.shard_of(line))]

    @property
    def junk_lines(self) -> int:
        """Objects that are not as they were written; a line that a kill cut short is no object."""
        return sum(is_object(line) and not self.shard_of(line) for line in self.text_of_shards.split(b"\n"))

    @cached_property
    def text_of_shards(self) -> bytes:
        return self.note(self.entry.shards_file) or b""

    def shard_of(self, line: bytes) -> StoredShard | None:
        values = unsealed(line, self.entry.name)
        if values is None or not has_fields(values, SHARD):
            return None
        is_sealed = "dims" in values
        if not is_sealed and self.own_key != self.key and self.meta is None:
            return None  # of an earlier version, and nothing says that it is of this entry
        return StoredShard(
            values["index"], values["sha256"], values["measured"], values.get("dims"), values.get("texts_sha256")
        )

    @cached_property
    def layout(self) -> Layout | None:
        """By the shards' and the meta's word rather than by the header's."""
        in_header = self.header
        rows = self.given_rows
        if rows is None:
            rows = self.meta["texts"] if self.meta else in_header.rows if in_header else None
        told = [shard.dims for shard in self.lines if shard.dims] + ([self.meta["dims"]] if self.meta else [])
        dims = told[0] if told else in_header.dims if in_header else None
        if rows is None or dims is None:
            return None
        expected = layout_of(self.entry.dtype, (rows, dims))
        is_right = in_header and (in_header.dtype, in_header.shape) == (expected.dtype, expected.shape)
        return in_header if is_right else expected

    @cached_property
    def header(self) -> Layout | None:
        try:
            descriptor = open_file(self.entry.vectors_file)
        except (FileNotFoundError, NotAFileError):
            return None
        with open(descriptor, "rb") as file:  # noqa: PTH123
            return read_layout(file.fileno())

    @property
    def count(self) -> int:
        """How many shards there must be; at least one, so that nothing is whole that nobody knows the size of."""
        rows = self.layout.rows if self.layout else self.given_rows or 0
        return max(1, -(-rows // self.rows_per_shard))

    def whole_shards(self) -> dict[int, StoredShard]:
        layout, entry = self.layout, self.entry
        if layout is None or not is_file(entry.vectors_file):
            if self.text_of_shards:
                self.faults.append("vectors.npy is missing, or no file of vectors")
            return {}
        if self.header != layout:
            self.faults.append("the header of vectors.npy is not as it was written")
        if entry.vectors_file.lstat().st_size > layout.end:
            self.faults.append("vectors.npy has bytes beyond its rows")
        listed = [shard for shard in self.lines if self.has_all_rows(shard, layout)]
        digests = {index: self.digest(index, layout) for index in sorted({shard.index for shard in listed})}
        whole = {shard.index: shard for shard in listed if digests[shard.index] == shard.sha256}
        if self.meta is None and len(whole) < len(digests):
            self.faults.append(f"{len(digests) - len(whole)} of {len(digests)} finished shards are not as written")
        return dict(sorted(whole.items()))

    def digest(self, index: int, layout: Layout) -> str | None:
        return self.entry.shard_sha256(index, self.rows_per_shard, layout)

    def has_all_rows(self, shard: StoredShard, layout: Layout) -> bool:
        first = shard.index * self.rows_per_shard
        texts = min(self.rows_per_shard, layout.rows - first)
        cut = shard.measured["truncated_rows"] or ()
        return shard.measured["texts"] == texts > 0 and all(first <= row < first + texts for row in cut)

    def has_texts(self, shard: StoredShard) -> bool:
        """Whether it is known which texts the rows of ``shard`` are of."""
        if self.layout is None or shard.texts_sha256 is None:
            return False
        records = self.entry.text_records(shard.index, self.layout.rows)
        return hashlib.sha256(records.tobytes()).hexdigest() == shard.texts_sha256

    def note(self, file: Path) -> bytes | None:
        """The content of a file; null where it is missing, nothing where there is no file in its place."""
        try:
            return read_file(file)
        except FileNotFoundError:
            return None
        except NotAFileError:
            return b""

    def misplaced(self) -> Iterator[str]:
        return (f"{path.name} is no file" for path in misplaced(self.entry))


def is_sum(meta: dict[str, Any], shards: Iterable[StoredShard]) -> bool:
    """Whether ``meta`` counts what was measured on all of its shards."""
    measured = [shard.measured for shard in shards]
    tokens = [each["tokens"] for each in measured]
    cut = [each["truncated_rows"] for each in measured]
    total = None if None in tokens else sum(tokens)
    rows = None if None in cut else sorted(row for some in cut for row in some)
    return (meta["tokens"], meta["truncated_rows"]) == (total, rows)


def misplaced(entry: Entry) -> list[Path]:
    """Whatever in the folder is no regular file, or too long for one of notes."""
    if not is_folder(entry.folder):
        return []
    paths = sorted(path for path in entry.folder.iterdir() if not is_set_aside(path))
    return [path for path in paths if not (is_file(path) if path == entry.vectors_file else is_note(path))]


def damaged_timings(entry: Entry) -> list[Path]:
    return [file for file in sorted(entry.folder.glob("timing-*.json")) if is_file(file) and not timing_in(file, entry)]


def timing_in(file: Path, entry: Entry) -> dict[str, Any] | None:
    """What a file of timings says; null where it is not as it was written, or no file."""
    try:
        values = unsealed(read_file(file), timing_owner(entry, file))
    except (FileNotFoundError, NotAFileError):
        return None
    return values if has_fields(values, TIMING) else None


def is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def timing_owner(entry: Entry, file: Path) -> str:
    """What a timing's seal names: a machine's and an entry's."""
    return f"{entry.name}/{file.name}"
