"""Texts of a known domain, and others of which people say whether they are of it: inside, near or outside."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.arrays import Rows
from evalkit.config import CorpusConfig, OutliersTask, TableCorpus
from evalkit.corpora.corpus import Corpus, clean, first_of_each_id
from evalkit.corpora.lint import Finding, Noticed, finding, of_reading
from evalkit.corpora.records import Column
from evalkit.corpora.records import Rows as PlacedRows
from evalkit.corpora.texts import Texts
from evalkit.corpora.uses import labelled
from evalkit.corpora.uses.labelled import LabelColumns, LabelledCorpus, Split, read_split
from evalkit.corpora.uses.rows_of import column_of, rows_of
from evalkit.errors import UserError, printable

INSIDE, NEAR, OUTSIDE = "inside", "near", "outside"
PLACES = (INSIDE, NEAR, OUTSIDE)
KNOWN = ", ".join(PLACES)
LEAST_KNOWN = 2  # different texts, of which a domain has a spread
SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class OutlierCorpus(Corpus):
    """``known`` are the rows of ``documents`` of the known domain; ``places`` say of each of ``queries`` where it is.

    Other documents are of labels that were held out: they stay among them, so that one pass serves every task.
    """

    known: Rows
    places: tuple[str, ...]

    @property
    def judgments(self) -> int:
        return len(self.places)

    def judged(self) -> Iterator[tuple[str, ...]]:
        """(text's id, place), and the ids of documents that are not known."""
        yield from zip(self.queries.ids, self.places, strict=True)
        unknown = np.setdiff1d(np.arange(len(self.documents)), self.known)
        yield from ((self.documents.ids[row], "held out", "") for row in unknown.tolist())


def load(name: str, source: CorpusConfig, settings: OutliersTask) -> OutlierCorpus:
    """The texts of ``corpus.<name>``: ``train`` is known, ``test`` has a place of each text, or any labels.

    Of other labels a share is held out, and what has them is outside. Raises UserError for whatever is wrong in them.
    """
    if isinstance(source, TableCorpus):
        columns, noticed = LabelColumns(source.text, column_of(name, source, "label"), source.id), Noticed()
        judged = read_split("test", rows_of(name, source, "test", columns.all, noticed), columns, noticed)
        if {label.lower() for label in judged.labels} & set(PLACES):
            known = known_texts(rows_of(name, source, "train", known_columns(source), noticed), source, noticed)
            return placed(source.name or name, known, judged, columns, noticed)
    return held_out(labelled.load(name, source, settings.kind), settings.held_out, settings.seed)


def known_columns(source: TableCorpus) -> tuple[str, ...]:
    return (*([source.id] if source.id else []), source.text)


@dataclass(frozen=True)
class KnownTexts:
    """``texts`` of the domain; the ids of rows that are left out."""

    texts: Texts
    repeated: Sequence[str]
    empty: Sequence[str]

    @property
    def rows(self) -> int:
        return len(self.texts) + len(self.repeated) + len(self.empty)


def known_texts(rows: PlacedRows, source: TableCorpus, noticed: Noticed) -> KnownTexts:
    """Without a column of ids, rows are called by their number."""
    id_column, text_column = Column((source.id,) if source.id else ()), Column((source.text,))
    read = (
        (id_column.id(row, where) if source.id else f"train-{number}", text_column.text(row, where) or "")
        for number, (where, row) in enumerate(rows, 1)
    )
    texts, repeated, empty = first_of_each_id(clean(read, noticed), list)
    text_column.refuse_unmet()
    return KnownTexts(texts, repeated, empty)


def placed(name: str, known: KnownTexts, judged: Split, columns: LabelColumns, noticed: Noticed) -> OutlierCorpus:
    """A corpus of ``judged`` texts whose labels are places. Raises UserError for a label that is none."""
    for id_, (_, label) in judged.kept.items():
        if label.lower() not in PLACES:
            problem = f"{printable(id_, SHOWN)} has '{printable(label, SHOWN)}' in column '{columns.label}'"
            raise UserError(f"corpus '{name}': {problem}.", f"Known: {KNOWN}.")
    places = tuple(label.lower() for label in judged.labels)
    refuse_one_sided(name, known.texts.texts, places)
    return OutlierCorpus(
        name=name,
        documents=known.texts,
        queries=judged.texts,
        qrels={},
        excluded={},
        findings=tuple(each for each in lint_placed(known, judged, places, noticed) if each.count),
        known=np.arange(len(known.texts)),
        places=places,
    )


def refuse_one_sided(name: str, known: Sequence[str], places: Sequence[str]) -> None:
    """Raises UserError where nothing is inside, nothing outside, or next to nothing known."""
    if (different := len(set(known))) < LEAST_KNOWN:
        problem = f"corpus '{name}' has {different} different texts in train; it needs {LEAST_KNOWN}."
        raise UserError(problem, "They are the known domain.")
    counts = Counter(places)
    for problem, is_missing in (
        ("no inside text", not counts[INSIDE]),
        ("no outside text", not counts[NEAR] + counts[OUTSIDE]),
    ):
        if is_missing:
            raise UserError(f"corpus '{name}' has {problem} in test: there is nothing to tell apart.")


def lint_placed(known: KnownTexts, judged: Split, places: Sequence[str], noticed: Noticed) -> Iterator[Finding]:
    """Every check on texts with a place, also those that found nothing."""
    rows = judged.rows
    yield finding("empty_train", known.empty, known.rows, "texts of train are empty; they are left out")
    yield finding("repeated_train", known.repeated, known.rows, "texts of train carry an id that came before")
    yield finding("empty_test", judged.empty, rows, "texts of test are empty; they are left out")
    yield finding("unlabelled_test", judged.unlabelled, rows, "texts of test have no place; they are left out")
    yield finding("repeated_test", judged.repeated, rows, "texts of test carry an id that came before")
    conflicting = labelled.conflicting(judged)
    yield finding("conflicting_test", conflicting, len(places), "texts of test have another place than an equal text")
    texts = set(known.texts.texts)
    seen = [(id_, place) for (id_, (text, _)), place in zip(judged.kept.items(), places, strict=True) if text in texts]
    outside = [id_ for id_, place in seen if place != INSIDE]
    yield finding("texts_learned_from", [id_ for id_, _ in seen], len(places), "texts of test are in train, too")
    yield finding("outliers_learned_from", outside, len(places), "texts of test are in train, and said to be no part")
    yield from of_reading(noticed, known.rows + rows)


def held_out(corpus: LabelledCorpus, share: float, seed: int) -> OutlierCorpus:
    """``corpus`` with the texts of a seeded ``share`` of its labels, at least one, unknown: they are outside.

    So is what has a label that nothing is learned of.
    """
    learned = sorted(set(corpus.document_labels))
    count = min(max(1, round(share * len(learned))), len(learned) - 1)
    drawn = np.random.default_rng(seed).permutation(len(learned))[:count]
    kept = set(learned) - {learned[row] for row in drawn.tolist()}
    known = [row for row, label in enumerate(corpus.document_labels) if label in kept]
    places = tuple(INSIDE if label in kept else OUTSIDE for label in corpus.query_labels)
    name = f"{corpus.name} (labels held out)"
    refuse_one_sided(name, [corpus.documents.texts[row] for row in known], places)
    words = "labels are held out: outliers are made of them, of the same domain as the rest"
    made = finding("made_outliers", [label for label in learned if label not in kept], len(learned), words)
    return OutlierCorpus(
        name=name,
        documents=corpus.documents,
        queries=corpus.queries,
        qrels={},
        excluded={},
        findings=(*(each for each in corpus.findings if each.check != labelled.UNKNOWN_LABELS), made),
        known=np.array(known, dtype=np.int64),
        places=places,
    )
