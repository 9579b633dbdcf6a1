"""Texts with a label each: what classifiers learn from and are judged on, and what found groups are compared with."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from evalkit.config import CorpusConfig, MtebCorpus
from evalkit.corpora.corpus import Corpus
from evalkit.corpora.files.cells import whole_characters
from evalkit.corpora.lint import Finding, Noticed, finding, of_reading
from evalkit.corpora.records import Column, Rows
from evalkit.corpora.texts import Texts
from evalkit.corpora.uses.of_mteb import LabelledData, Protocol, labelled_data
from evalkit.corpora.uses.rows_of import column_of, row_id, rows_of, table_of
from evalkit.errors import UserError

NOTHING = Texts([], [])
NEEDS = {  # splits, by kind of task
    "classification": ("train", "test"),
    "clustering": ("test",),
    "outliers": ("train", "test"),
    "recommendations": ("test",),
}
UNKNOWN_LABELS = "unknown_labels"  # the check on labels that nothing is learned of


@dataclass(frozen=True, kw_only=True)
class LabelledCorpus(Corpus):
    """Every one of ``documents`` has one of ``document_labels``, in their order, and so have ``queries``.

    Where there are queries, documents are what is learned from and queries what is judged. ``finer_labels`` are those
    of documents at each deeper level, where labels have several.
    ``protocol`` is how mteb judges it, where it is a task of mteb.
    """

    document_labels: tuple[str, ...]
    query_labels: tuple[str, ...] = ()
    finer_labels: tuple[tuple[str, ...], ...] = ()
    protocol: Protocol = field(default_factory=Protocol)

    @property
    def sides(self) -> Iterator[tuple[str, str, str, str]]:
        """(side, id, text, label) of every text."""
        of_sides = (("document", self.documents, self.document_labels), ("query", self.queries, self.query_labels))
        for side, texts, labels in of_sides:
            yield from ((side, *each) for each in zip(texts.ids, texts.texts, labels, strict=True))

    @property
    def judgments(self) -> int:
        return len(self.document_labels) + len(self.query_labels)

    def judged(self) -> Iterator[tuple[str, ...]]:
        """(side, text's id, label), and the same of deeper levels."""
        yield from ((side, id_, label) for side, id_, _, label in self.sides)
        for depth, labels in enumerate(self.finer_labels, 1):
            yield from (
                ("document", id_, str(depth), label) for id_, label in zip(self.documents.ids, labels, strict=True)
            )


def load(name: str, source: CorpusConfig, kind: str) -> LabelledCorpus:
    """The labelled texts of ``corpus.<name>`` for a ``kind`` of task: ``test`` is judged, ``train`` learned from.

    Raises UserError for whatever is wrong in them.
    """
    if isinstance(source, MtebCorpus):
        return of_task(labelled_data(source, kind))
    table = table_of(name, source, kind, "labels")
    columns = LabelColumns(table.text, column_of(name, table, "label"), table.id)
    noticed = Noticed()
    splits = [
        read_split(split, rows_of(name, table, split, columns.all, noticed), columns, noticed)
        for split in ("train", "test")
        if getattr(table, split) or split in NEEDS[kind]
    ]
    return build_labelled(table.name or name, splits, noticed)


def of_task(data: LabelledData) -> LabelledCorpus:
    columns, noticed = LabelColumns(data.text, data.label), Noticed()
    splits = [read_split(split, rows, columns, noticed) for split, rows in data.splits.items()]
    corpus = build_labelled(data.name, splits, noticed)
    finer = zip(*(data.finer[id_] for id_ in corpus.documents.ids), strict=True) if data.finer else ()
    return replace(corpus, finer_labels=tuple(finer), protocol=data.protocol)


@dataclass(frozen=True)
class LabelColumns:
    """What the columns are called; without ``id`` rows are called by the name of their split and their number."""

    text: str
    label: str
    id: str | None = None

    @property
    def all(self) -> tuple[str, ...]:
        return (*([self.id] if self.id else []), self.text, self.label)


@dataclass(frozen=True)
class Split:
    """What is read of one split: id → (text, label), and the ids of rows that are left out."""

    name: str
    kept: Mapping[str, tuple[str, str]]
    empty: Sequence[str]
    unlabelled: Sequence[str]
    repeated: Sequence[str]

    @property
    def rows(self) -> int:
        return len(self.kept) + len(self.empty) + len(self.unlabelled) + len(self.repeated)

    @property
    def texts(self) -> Texts:
        return Texts(list(self.kept), [text for text, _ in self.kept.values()])

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(label for _, label in self.kept.values())


def read_split(name: str, rows: Rows, columns: LabelColumns, noticed: Noticed) -> Split:
    """The ``rows`` of a split. Raises UserError where none of them has one of the columns."""
    id_column, text_column, label_column = (
        Column((c,) if c else ()) for c in (columns.id, columns.text, columns.label)
    )
    kept: dict[str, tuple[str, str]] = {}
    empty, unlabelled, repeated = [], [], []
    for number, (where, row) in enumerate(rows, 1):
        id_ = id_column.id(row, where) if columns.id else row_id(name, number)
        given, label = text_column.text(row, where) or "", (label_column.text(row, where) or "").strip()
        text = whole_characters(given)
        if text != given:
            noticed.replaced.append(id_)
        if id_ in kept:
            repeated.append(id_)
        elif not text.strip():
            empty.append(id_)
        elif not label:
            unlabelled.append(id_)
        else:
            kept[id_] = text, whole_characters(label)
    for column in (text_column, label_column):
        column.refuse_unmet()
    return Split(name, kept, empty, unlabelled, repeated)


def build_labelled(name: str, splits: Sequence[Split], noticed: Noticed) -> LabelledCorpus:
    """A corpus of one split, or of what is learned from and what is judged.

    Raises UserError where a split has no text with a label, where there is one label alone, and for judged texts all of
    whose labels nothing is learned of.
    """
    learned, judged = splits[0], splits[1] if len(splits) > 1 else None
    for split in splits:
        if not split.kept:
            raise UserError(
                f"corpus '{name}' has no text with a label in {split.name}.", "Look at its file: is it empty?"
            )
        if len(set(split.labels)) == 1:
            problem = f"corpus '{name}' has one label alone in {split.name}, '{split.labels[0]}'."
            raise UserError(problem, "Is another column the labels? corpus.<key>.label=<column>.")
    if judged and not set(judged.labels) & set(learned.labels):
        raise UserError(
            f"corpus '{name}': no label of {judged.name} is one of {learned.name}.", "Are both of the same labels?"
        )
    return LabelledCorpus(
        name=name,
        documents=learned.texts,
        document_labels=learned.labels,
        queries=judged.texts if judged else NOTHING,
        query_labels=judged.labels if judged else (),
        qrels={},
        excluded={},
        findings=tuple(each for each in lint_labelled(splits, noticed) if each.count),
    )


def lint_labelled(splits: Sequence[Split], noticed: Noticed) -> Iterator[Finding]:
    """Every check on labelled texts, also those that found nothing."""
    learned, judged = splits[0], splits[1] if len(splits) > 1 else None
    for split in splits:
        of, rows = f"texts of {split.name}", split.rows
        yield finding(f"empty_{split.name}", split.empty, rows, f"{of} are empty; they are left out")
        yield finding(f"unlabelled_{split.name}", split.unlabelled, rows, f"{of} have no label; they are left out")
        yield finding(f"repeated_{split.name}", split.repeated, rows, f"{of} carry an id that came before")
        yield finding(
            f"conflicting_{split.name}",
            conflicting(split),
            len(split.kept),
            f"{of} have another label than an equal text",
        )
    counts = Counter(learned.labels)
    rare = [label for label, count in counts.items() if count == 1]
    yield finding("labels_of_one_text", rare, len(counts), f"labels have one text alone in {learned.name}")
    if judged:
        unknown = [id_ for id_, (_, label) in judged.kept.items() if label not in counts]
        message = f"texts of {judged.name} have a label that {learned.name} has not; they count as wrong"
        yield finding(UNKNOWN_LABELS, unknown, len(judged.kept), message)
        texts = {text for text, _ in learned.kept.values()}
        seen = [id_ for id_, (text, _) in judged.kept.items() if text in texts]
        yield finding(
            "texts_learned_from", seen, len(judged.kept), f"texts of {judged.name} are in {learned.name}, too"
        )
    yield from of_reading(noticed, sum(split.rows for split in splits))


def conflicting(split: Split) -> list[str]:
    """The ids of texts with a label that the first text of the same words has not."""
    first: dict[str, str] = {}
    return [id_ for id_, (text, label) in split.kept.items() if first.setdefault(text, label) != label]
