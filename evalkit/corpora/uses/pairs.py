"""Pairs of texts with what people say of them: a score (STS), or whether they are the same (paraphrase)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.arrays import Floats, Rows
from evalkit.config import CorpusConfig, MtebCorpus
from evalkit.corpora.corpus import Corpus
from evalkit.corpora.files.cells import whole_characters
from evalkit.corpora.lint import Finding, Noticed, finding, of_reading
from evalkit.corpora.records import Column
from evalkit.corpora.records import Rows as PlacedRows
from evalkit.corpora.texts import Texts
from evalkit.corpora.uses.of_mteb import paired_data
from evalkit.corpora.uses.rows_of import column_of, row_id, rows_of, table_of
from evalkit.errors import UserError, printable

YES = ("1", "1.0", "true", "yes")
NO = ("0", "0.0", "false", "no")
LEAST_PAIRS = 3  # of fewer, a correlation is 1 or -1 whatever the texts


@dataclass(frozen=True, kw_only=True)
class PairedCorpus(Corpus):
    """``documents`` are the texts that occur, each once; ``first`` and ``second`` are their rows in each pair.

    ``scores`` are what people say of the pairs (float64): any number, or 1 for the same and 0 for another where
    ``are_labels``.
    """

    pair_ids: tuple[str, ...]
    first: Rows
    second: Rows
    scores: Floats
    are_labels: bool

    @property
    def judgments(self) -> int:
        return len(self.pair_ids)

    def judged(self) -> Iterator[tuple[str, ...]]:
        """(first text's id, second text's id, score), the texts' ids being made of their contents' order."""
        rows = zip(self.pair_ids, self.first.tolist(), self.second.tolist(), self.scores.tolist(), strict=True)
        ids = self.documents.ids
        yield from ((pair, ids[first], ids[second], repr(score)) for pair, first, second, score in rows)


@dataclass(frozen=True)
class PairColumns:
    """What the columns are called; one of ``score`` and ``label`` is null."""

    first: str
    second: str
    score: str | None
    label: str | None
    id: str | None = None

    @property
    def judged(self) -> str:
        return self.score or self.label or ""

    @property
    def all(self) -> tuple[str, ...]:
        return (*([self.id] if self.id else []), self.first, self.second, self.judged)


def load(name: str, source: CorpusConfig) -> PairedCorpus:
    """The pairs of ``corpus.<name>``. Raises UserError for whatever is wrong in them."""
    if isinstance(source, MtebCorpus):
        data = paired_data(source)
        columns = PairColumns(data.first, data.second, data.score, data.label)
        return build_pairs(data.name, data.rows, columns, Noticed())
    table = table_of(name, source, "pairs", "pairs")
    if bool(table.score) == bool(table.label):
        both = f"corpus.{name}.score and corpus.{name}.label are both set."
        neither = f"neither corpus.{name}.score nor corpus.{name}.label is set."
        raise UserError(
            both if table.score else neither,
            f"Name one column: corpus.{name}.score=<column> of numbers, or corpus.{name}.label=<column> of yes and no.",
        )
    first, second = (column_of(name, table, side) for side in ("first", "second"))
    if first == second:
        problem = f"corpus.{name}.first and corpus.{name}.second are one column, '{first}'."
        raise UserError(problem, "Name the column of each of the two texts.")
    columns, noticed = PairColumns(first, second, table.score, table.label, table.id), Noticed()
    return build_pairs(table.name or name, rows_of(name, table, "pairs", columns.all, noticed), columns, noticed)


def build_pairs(name: str, rows: PlacedRows, columns: PairColumns, noticed: Noticed) -> PairedCorpus:
    """A corpus of the ``rows``; pairs with a missing side are left out, with a finding.

    Raises UserError for a score that is no number, a label that is neither yes nor no, fewer than three pairs, and
    where all have one score.
    """
    read = read_pairs(rows, columns, noticed)
    judged, kept = "label" if columns.label else "score", read.kept
    if len(kept) < LEAST_PAIRS:
        raise UserError(
            f"corpus '{name}' has {len(kept)} pairs with both texts and a {judged}; it needs {LEAST_PAIRS}."
        )
    scores = np.array([score for *_, score in kept], dtype=np.float64)
    if len(np.unique(scores)) == 1:
        raise UserError(
            f"corpus '{name}' has one {judged} alone, {kept[0][-1]:g}: there is nothing to tell apart.",
            f"Is another column the {judged}? corpus.<key>.{judged}=<column>.",
        )
    texts = list(dict.fromkeys(text for _, *both, _ in kept for text in both))
    row = {text: i for i, text in enumerate(texts)}
    return PairedCorpus(
        name=name,
        documents=Texts([f"text-{number}" for number in range(1, len(texts) + 1)], texts),
        queries=Texts([], []),
        qrels={},
        excluded={},
        findings=tuple(each for each in lint_pairs(read, judged, noticed) if each.count),
        pair_ids=tuple(id_ for id_, *_ in kept),
        first=np.array([row[first] for _, first, _, _ in kept], dtype=np.int64),
        second=np.array([row[second] for _, _, second, _ in kept], dtype=np.int64),
        scores=scores,
        are_labels=columns.label is not None,
    )


@dataclass(frozen=True)
class ReadPairs:
    """``kept`` are (id, first text, second text, score); the others are ids of rows that are left out."""

    kept: Sequence[tuple[str, str, str, float]]
    lacking: Sequence[str]
    unscored: Sequence[str]
    repeated: Sequence[str]


def read_pairs(rows: PlacedRows, columns: PairColumns, noticed: Noticed) -> ReadPairs:
    named = [Column((name,) if name else ()) for name in (columns.id, columns.first, columns.second, columns.judged)]
    id_column, *sides, judged = named
    read_score = label_of if columns.label else score_of
    kept: dict[str, tuple[str, str, str, float]] = {}
    lacking, unscored, repeated = [], [], []
    for number, (where, row) in enumerate(rows, 1):
        id_ = id_column.id(row, where) if columns.id else row_id("pair", number)
        given = [side.text(row, where) or "" for side in sides]
        first, second = (whole_characters(text) for text in given)
        if [first, second] != given:
            noticed.replaced.append(id_)
        _, value = judged.of(row, where)
        if id_ in kept:
            repeated.append(id_)
        elif not first.strip() or not second.strip():
            lacking.append(id_)
        elif value is None or (isinstance(value, str) and not value.strip()):
            unscored.append(id_)
        else:
            kept[id_] = id_, first, second, read_score(value, where, columns.judged)
    for column in (*sides, judged):
        column.refuse_unmet()
    return ReadPairs(list(kept.values()), lacking, unscored, repeated)


def score_of(value: Any, where: str, column: str) -> float:
    """``value`` as a number. Raises UserError for what is none."""
    try:
        score = float(value)
    except (TypeError, ValueError):
        score = float("nan")
    if not np.isfinite(score):
        raise UserError(f"{where}: '{column}' is {printable(repr(value), 60)}, not a number.")
    return score


def label_of(value: Any, where: str, column: str) -> float:
    """1 for yes, 0 for no. Raises UserError for anything else."""
    word = str(value).strip().lower()
    if word not in (*YES, *NO):
        raise UserError(
            f"{where}: '{column}' is {printable(repr(value), 60)}, neither yes nor no.",
            f"Known: {', '.join((*YES, *NO))}. A number of another kind is a score: corpus.<key>.score={column}.",
        )
    return float(word in YES)


def lint_pairs(read: ReadPairs, judged: str, noticed: Noticed) -> Iterator[Finding]:
    """Every check on pairs, also those that found nothing."""
    rows = sum(map(len, (read.kept, read.lacking, read.unscored, read.repeated)))
    yield finding("missing_sides", read.lacking, rows, "pairs lack a text; they are left out")
    yield finding("unscored_pairs", read.unscored, rows, f"pairs have no {judged}; they are left out")
    yield finding("repeated_pairs", read.repeated, rows, "pairs carry an id that came before")
    equal = [id_ for id_, first, second, _ in read.kept if first == second]
    yield finding("equal_texts", equal, len(read.kept), "pairs are of two equal texts")
    scores: dict[frozenset[str], float] = {}
    conflicting = [
        id_ for id_, first, second, score in read.kept if scores.setdefault(frozenset((first, second)), score) != score
    ]
    message = f"pairs have another {judged} than an equal pair"
    yield finding("conflicting_pairs", conflicting, len(read.kept), message)
    yield from of_reading(noticed, rows)
