"""Documents of which some say the same: groups that are known, or copies that are made of a sample."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.arrays import Rows, numbers_of
from evalkit.config import CorpusConfig, TableCorpus
from evalkit.corpora import records
from evalkit.corpora.corpus import Corpus, clean, first_of_each_id
from evalkit.corpora.files.rows import read_rows
from evalkit.corpora.images import Image
from evalkit.corpora.lint import Finding, Noticed, finding, of_documents, of_reading
from evalkit.corpora.records import Column
from evalkit.corpora.sources import load_corpus
from evalkit.corpora.table import columns_of_documents
from evalkit.corpora.texts import TextFile, Texts
from evalkit.corpora.uses.edits import EDITS, made_duplicate
from evalkit.corpora.uses.rows_of import file_of
from evalkit.errors import UserError

NOTHING = Texts([], [])
LEAST_DOCUMENTS = 2


@dataclass(frozen=True, kw_only=True)
class DuplicateCorpus(Corpus):
    """``documents``, and as ``queries`` the copies that were made of some; ``groups`` name what each belongs to.

    Documents come first, then copies. What is alone has a group of its own.
    """

    groups: tuple[str, ...]

    @property
    def texts(self) -> Iterator[tuple[str, str]]:
        """(id, text) of documents, then of copies."""
        for side in (self.documents, self.queries):
            yield from zip(side.ids, side.texts, strict=True)

    @property
    def codes(self) -> Rows:
        """The number of each text's group."""
        return numbers_of(self.groups)[0]

    @property
    def judgments(self) -> int:
        return sum(count for count in Counter(self.groups).values() if count > 1)

    def judged(self) -> Iterator[tuple[str, ...]]:
        """(text's id, group)."""
        yield from zip([*self.documents.ids, *self.queries.ids], self.groups, strict=True)


def load(name: str, source: CorpusConfig, made: int, seed: int, most_documents: int) -> DuplicateCorpus:
    """The documents of ``corpus.<name>``, with the groups of its column ``group`` or with ``made`` copies.

    Raises UserError for whatever is wrong in them, and for more than ``most_documents``.
    """
    if isinstance(source, TableCorpus):
        corpus = load_table(name, source)
        groups, findings = corpus.groups, corpus.findings
        documents, shown = corpus.documents, corpus.name
    else:
        searched = load_corpus(name, source)
        documents, shown, groups = searched.documents, searched.name, ()
        findings = tuple(each for each in searched.findings if each.check in OF_DOCUMENTS)
    if len(documents) > most_documents:
        raise UserError(
            f"corpus '{shown}' has {len(documents):,} documents, and all are compared with all.",
            f"Give fewer, or set task.duplicates.most_documents={len(documents)} (now {most_documents}).",
        )
    if len(documents) < LEAST_DOCUMENTS:
        raise UserError(f"corpus '{shown}' has {len(documents)} documents with text; it needs {LEAST_DOCUMENTS}.")
    if groups:
        return known(shown, documents, groups, findings)
    return with_made(shown, documents, findings, made, seed)


OF_DOCUMENTS = ("empty_documents", "duplicate_documents", "duplicate_document_ids")


@dataclass(frozen=True)
class Read:
    """The documents of a table; ``groups`` are empty where no column names them."""

    name: str
    documents: Texts
    groups: tuple[str, ...]
    findings: tuple[Finding, ...]


def load_table(name: str, table: TableCorpus) -> Read:
    """The very documents that retrieval reads from the same settings, and the groups in their column."""
    noticed, path = Noticed(), file_of(name, table, "documents")
    columns = columns_of_documents(table)
    rows = records.documents(read_rows(path, columns.all, noticed.swallowed), columns, Path(path).expanduser().parent)
    documents, repeated, empty = first_of_each_id(clean(rows, noticed), TextFile)
    findings = [*of_documents(documents, repeated, empty), *of_reading(noticed, len(documents))]
    groups: tuple[str, ...] = ()
    if table.group:
        group_of: dict[str, str] = {}
        id_column, group = Column(columns.id), Column((table.group,))
        for where, row in read_rows(path, (*columns.id, table.group)):
            group_of.setdefault(id_column.id(row, where), (group.text(row, where) or "").strip())
        group.refuse_unmet()
        groups = tuple(f"group {group_of[id_]}" if group_of[id_] else f"alone {id_}" for id_ in documents.ids)
    return Read(table.name or name, documents, groups, tuple(each for each in findings if each.count))


def known(name: str, documents: Texts, groups: tuple[str, ...], findings: Sequence[Finding]) -> DuplicateCorpus:
    """Raises UserError where no group has two documents, and where all are of one."""
    sizes = Counter(groups)
    if max(sizes.values()) == 1:
        raise UserError(
            f"corpus '{name}' has no two documents of one group.",
            "Is another column the groups? corpus.<key>.group=<column>, or null for made duplicates.",
        )
    if len(sizes) == 1:
        raise UserError(f"corpus '{name}' has one group alone: there is nothing to tell apart.")
    first: dict[str, str] = {}
    rows = zip(documents.ids, documents.texts, groups, strict=True)
    apart = [id_ for id_, text, group in rows if first.setdefault(text, group) != group]
    message = "documents repeat the text of one of another group: such pairs count as wrong"
    conflicting = finding("equal_texts_of_two_groups", apart, len(documents), message)
    kept = (*findings, *([conflicting] if apart else []))
    return DuplicateCorpus(
        name=name, documents=documents, queries=NOTHING, qrels={}, excluded={}, findings=kept, groups=groups
    )


def with_made(name: str, documents: Texts, findings: Sequence[Finding], made: int, seed: int) -> DuplicateCorpus:
    """Copies of ``made`` documents, as many of each kind of edit; equal texts are of one group from the start."""
    first: dict[str, str] = {}
    groups = [first.setdefault(text, id_) for id_, text in zip(documents.ids, documents.texts, strict=True)]
    drawn = np.random.default_rng(seed).permutation(len(documents))[:made].tolist()
    copies: dict[str, str] = {}
    of_kind: dict[str, list[str]] = {kind: [] for kind in EDITS}
    of_copies = []
    for number, row in enumerate(drawn):
        text = documents.texts[row]
        if isinstance(text, Image):
            continue
        asked = list(EDITS)[number % len(EDITS)]
        kind, edited = made_duplicate(text, asked, np.random.default_rng([seed, row]))
        id_ = unused(f"{documents.ids[row]} ({kind})", documents, copies)
        copies[id_] = edited
        of_kind[kind].append(id_)
        of_copies.append(groups[row])
    if not copies:
        raise UserError(f"corpus '{name}' has images alone, of which no duplicates can be made.")
    said = tuple(
        finding(f"made_{kind}", made_ids, len(copies), f"duplicates are made: {EDITS[kind][1]}")
        for kind, made_ids in of_kind.items()
        if made_ids
    )
    return DuplicateCorpus(
        name=f"{name} with made duplicates",
        documents=documents,
        queries=Texts(list(copies), list(copies.values())),
        qrels={},
        excluded={},
        findings=(*findings, *said),
        groups=(*groups, *of_copies),
    )


def unused(id_: str, documents: Texts, copies: dict[str, str]) -> str:
    """``id_``, with as many stars behind it as make it new."""
    while id_ in documents.row or id_ in copies:
        id_ += "*"
    return id_
