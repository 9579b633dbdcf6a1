"""What users took, in order: items, and of each user some before a last one. Or baskets made of other data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.arrays import Rows
from evalkit.config import CorpusConfig, RecommendationsTask, TableCorpus
from evalkit.corpora import records
from evalkit.corpora.corpus import Corpus, clean, first_of_each_id
from evalkit.corpora.files.rows import read_rows
from evalkit.corpora.lint import Finding, Noticed, finding, of_documents, of_reading
from evalkit.corpora.records import Column
from evalkit.corpora.records import Rows as PlacedRows
from evalkit.corpora.sources import load_corpus
from evalkit.corpora.table import columns_of_documents
from evalkit.corpora.texts import TextFile, Texts
from evalkit.corpora.uses import labelled
from evalkit.corpora.uses.rows_of import column_of, file_of, rows_of
from evalkit.errors import UserError

NOTHING = Texts([], [])
LEAST_USERS, LEAST_TAKEN = 3, 2
Baskets = Mapping[str, Sequence[int]]  # user → rows of items, in order of taking


@dataclass(frozen=True, kw_only=True)
class BasketCorpus(Corpus):
    """``documents`` are items. Each of ``users`` took the rows of ``histories`` in order, and then that of ``last``,
    which is none of them.
    """

    users: tuple[str, ...]
    histories: tuple[Rows, ...]
    last: Rows

    @property
    def judgments(self) -> int:
        return len(self.users)

    def judged(self) -> Iterator[tuple[str, ...]]:
        """(user, ids of the items in order)."""
        ids = self.documents.ids
        for user, history, last in zip(self.users, self.histories, self.last.tolist(), strict=True):
            yield user, *(ids[row] for row in history.tolist()), ids[last]


def load(name: str, source: CorpusConfig, settings: RecommendationsTask) -> BasketCorpus:
    """The baskets of ``corpus.<name>``; where it has none they are made, of labels or of judgments.

    Raises UserError for whatever is wrong in it.
    """
    if isinstance(source, TableCorpus) and source.baskets:
        return given(name, source)
    if isinstance(source, TableCorpus) and not source.qrels and not source.label:
        raise UserError(
            f"corpus.{name}.baskets is not set.",
            f"Give a file of users and items, corpus.{name}.baskets=<file>, or data that baskets are made of: "
            f"corpus.{name}.test with a label, or documents, queries and qrels.",
        )
    generator = np.random.default_rng(settings.seed)
    if isinstance(source, TableCorpus) and not source.qrels:
        return of_labels(labelled.load(name, source, settings.kind), settings.basket_items, generator)
    return of_judgments(load_corpus(name, source), generator)


def given(name: str, table: TableCorpus) -> BasketCorpus:
    noticed, file = Noticed(), file_of(name, table, "documents")
    columns = columns_of_documents(table)
    user, item = (column_of(name, table, setting) for setting in ("user", "item"))
    rows = records.documents(read_rows(file, columns.all, noticed.swallowed), columns, Path(file).expanduser().parent)
    items, repeated, empty = first_of_each_id(clean(rows, noticed), TextFile)
    read = read_baskets(rows_of(name, table, "baskets", (user, item), noticed), user, item, items)
    findings = [
        *of_documents(items, repeated, empty),
        *lint_baskets(read),
        *of_reading(noticed, len(items) + read.rows),
    ]
    return build_baskets(table.name or name, items, read.kept, findings, empty)


@dataclass(frozen=True)
class ReadBaskets:
    """``kept`` are baskets of items with text. The others say what is left out of them: item's or user's ids by row."""

    kept: Baskets
    unknown: Sequence[str]
    again: Sequence[str]
    lacking: Sequence[str]
    rows: int

    @property
    def short(self) -> list[str]:
        return [user for user, rows in self.kept.items() if len(rows) < LEAST_TAKEN]


def read_baskets(rows: PlacedRows, user_column: str, item_column: str, items: Texts) -> ReadBaskets:
    """The rows by user, in their order; an item that a user takes again counts where it was first taken."""
    users, taken = Column((user_column,)), Column((item_column,))
    kept: dict[str, dict[int, None]] = {}
    unknown, again, lacking, count = [], [], [], 0
    for where, row in rows:
        count += 1
        user, item = (id_or_nothing(column, row, where) for column in (users, taken))
        known = items.row.get(item)
        if not user or not item:
            lacking.append(where)
            continue
        basket = kept.setdefault(user, {})
        if known is None:
            unknown.append(item)
        elif known in basket:
            again.append(user)
        else:
            basket[known] = None
    for column in (users, taken):
        column.refuse_unmet()
    return ReadBaskets({user: list(basket) for user, basket in kept.items()}, unknown, again, lacking, count)


def id_or_nothing(column: Column, row: Mapping[str, Any], where: str) -> str:
    text = column.text(row, where)
    return column.id(row, where) if text and text.strip() else ""


def lint_baskets(read: ReadBaskets) -> Iterator[Finding]:
    """Every check on baskets, also those that found nothing."""
    rows = read.rows
    yield finding("incomplete_takings", read.lacking, rows, "rows of baskets lack a user or an item; they are left out")
    yield finding("unknown_items", read.unknown, rows, "rows of baskets have an unknown item; they are left out")
    yield finding("items_again", read.again, rows, "rows of baskets have an item again, which counts once")
    yield finding("users_of_one_item", read.short, len(read.kept), "users took fewer than two items; they are left out")


def build_baskets(
    name: str, items: Texts, baskets: Baskets, findings: Sequence[Finding], empty: Sequence[str] = ()
) -> BasketCorpus:
    """A corpus of those who took two items at least. Raises UserError where they are fewer than three."""
    judged = {user: rows for user, rows in baskets.items() if len(rows) >= LEAST_TAKEN}
    if len(judged) < LEAST_USERS:
        raise UserError(
            f"corpus '{name}' has {len(judged)} users with {LEAST_TAKEN} known items or more; it needs {LEAST_USERS}.",
            "Do the baskets' items have the ids of documents?",
        )
    return BasketCorpus(
        name=name,
        documents=items,
        queries=NOTHING,
        qrels={},
        excluded={},
        findings=tuple(each for each in findings if each.count),
        empty_documents=tuple(empty),
        users=tuple(judged),
        histories=tuple(np.array(rows[:-1], dtype=np.int64) for rows in judged.values()),
        last=np.array([rows[-1] for rows in judged.values()], dtype=np.int64),
    )


def of_labels(corpus: labelled.LabelledCorpus, basket_items: int, generator: np.random.Generator) -> BasketCorpus:
    """Baskets of ``basket_items`` texts of one label, each drawn anew, so many that a text is in one on average.

    Items are the texts that are judged, where there are such.
    """
    is_judged = bool(len(corpus.queries))
    items, labels = (corpus.queries, corpus.query_labels) if is_judged else (corpus.documents, corpus.document_labels)
    of_label: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        of_label.setdefault(label, []).append(row)
    baskets: dict[str, list[int]] = {}
    for rows in of_label.values():
        for _ in range(-(-len(rows) // basket_items)):
            baskets[f"user-{len(baskets) + 1}"] = generator.permutation(rows)[:basket_items].tolist()
    findings = [each for each in corpus.findings if each.check != labelled.UNKNOWN_LABELS]
    return made(corpus.name, items, baskets, findings, "texts of one label")


def of_judgments(corpus: Corpus, generator: np.random.Generator) -> BasketCorpus:
    """Documents that are relevant to one query, shuffled, are taken together."""
    row = corpus.documents.row
    relevant = {
        query: [row[document] for document, grade in grades.items() if grade > 0 and document in row]
        for query, grades in corpus.qrels.items()
    }
    baskets = {query: generator.permutation(rows).tolist() for query, rows in relevant.items() if len(rows)}
    return made(corpus.name, corpus.documents, baskets, corpus.findings, "documents of one query")


def made(name: str, items: Texts, baskets: Baskets, findings: Sequence[Finding], of: str) -> BasketCorpus:
    """The same, said to be made."""
    users = [user for user, rows in baskets.items() if len(rows) >= LEAST_TAKEN]
    note = finding("made_baskets", users, len(baskets), f"baskets are made of {of}, in random order: nobody took them")
    return build_baskets(f"{name} (made baskets)", items, baskets, [*findings, note])
