"""A corpus at other sizes: nested samples of its documents with all judged ones, and another corpus behind them.

Which documents a sample has follows from their ids alone, so that each larger sample holds the smaller ones whatever
the order of a file. Documents of another corpus (distractors) come where a corpus has no more of its own, and answer no
question.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from hashlib import blake2b
from typing import overload

import numpy as np

from evalkit.arrays import Rows
from evalkit.corpora.corpus import Corpus
from evalkit.corpora.texts import Texts
from evalkit.system.digests import digest, unordered_digest

SEED = "evalkit's sample 0"
HASH_BYTES = 8


@dataclass(frozen=True)
class SampledCorpus(Corpus):
    """Some documents of ``whole``, whose fingerprint it has, and some of ``distractors``; its queries and judgments.

    ``rows`` are those of the documents in ``whole``, ``distractor_rows`` those in ``distractors``, both ascending; its
    documents come in this order.
    """

    whole: Corpus = field(kw_only=True)
    rows: Rows = field(kw_only=True)
    distractors: Corpus | None = field(kw_only=True, default=None)
    distractor_rows: Rows = field(kw_only=True)

    @property
    def fingerprint(self) -> str:
        return self.whole.fingerprint

    @property
    def has_distractors(self) -> bool:
        return len(self.distractor_rows) > 0

    @cached_property
    def digest(self) -> str:
        """sha256 (hex) of the documents that it has, and of the texts of distractors."""
        own = unordered_digest((id_,) for id_ in self.documents.ids)
        added = self.distractors.fingerprints["documents"] if self.distractors and self.has_distractors else ""
        return digest([own, added])


class SelectedTexts(Sequence[str]):
    """Texts at ``rows`` of several ``parts``, read when asked for."""

    def __init__(self, parts: Sequence[tuple[Sequence[str], Rows]]) -> None:
        self.parts = parts
        self.length = sum(len(rows) for _, rows in parts)

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        place = row % len(self)
        for texts, rows in self.parts:
            if place < len(rows):
                return texts[int(rows[place])]
            place -= len(rows)
        raise IndexError(row)


def judged_rows(corpus: Corpus) -> Rows:
    """The rows of documents that are judged for some query, ascending."""
    row = corpus.documents.row
    rows = {row[document] for grades in corpus.qrels.values() for document in grades if document in row}
    return np.array(sorted(rows), dtype=np.int64)


def sampling_order(corpus: Corpus, judged: Rows) -> Rows:
    """The rows of all documents of ``corpus`` in the order in which samples take them: those ``judged`` first."""
    places = np.fromiter(map(hashed, corpus.documents.ids), dtype=np.uint64, count=len(corpus.documents))
    is_judged = np.zeros(len(places), dtype=bool)
    is_judged[judged] = True
    return np.lexsort((places, ~is_judged))


def hashed(id_: str) -> int:
    """The same on every machine."""
    value = blake2b(f"{SEED}\0{id_}".encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES)
    return int.from_bytes(value.digest(), "big")


def samples(corpus: Corpus, sizes: Sequence[int], distractors: Corpus | None = None) -> Iterator[SampledCorpus]:
    """``corpus`` with so many documents each, ``sizes`` ascending, none below the number of judged documents.

    Documents of ``distractors`` make up what it has not; where both together have fewer, all of them are taken.
    """
    own = sampling_order(corpus, judged_rows(corpus))
    added = sampling_order(distractors, np.empty(0, np.int64)) if distractors and sizes[-1] > len(own) else own[:0]
    prefix = unused_prefix(corpus, distractors) if len(added) and distractors else ""
    for size in sizes:
        rows, more = np.sort(own[:size]), np.sort(added[: max(0, size - len(own))])
        ids = [corpus.documents.ids[row] for row in rows.tolist()]
        parts = [(corpus.documents.texts, rows)]
        if len(more) and distractors:
            ids += [f"{prefix}{distractors.documents.ids[row]}" for row in more.tolist()]
            parts.append((distractors.documents.texts, more))
        kept = {each.name: getattr(corpus, each.name) for each in fields(Corpus)}
        documents = Texts(ids, SelectedTexts(parts))
        yield SampledCorpus(
            **{**kept, "documents": documents}, whole=corpus, rows=rows, distractors=distractors, distractor_rows=more
        )


def unused_prefix(corpus: Corpus, distractors: Corpus) -> str:
    """What no id of a document or judgment of ``corpus`` begins with: the name of ``distractors``, and as many colons
    as that takes.
    """
    prefix = "_".join(distractors.name.split()) + ":"
    ids = {*corpus.documents.ids, *corpus.empty_documents}
    ids.update(document for grades in corpus.qrels.values() for document in grades)
    while any(id_.startswith(prefix) for id_ in ids):
        prefix += ":"
    return prefix
