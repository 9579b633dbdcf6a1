"""Questions in order of arrival, each with the id of its answer: what a cache of answers would have been asked."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evalkit.config import CorpusConfig
from evalkit.corpora.corpus import Corpus
from evalkit.corpora.lint import Finding, Noticed, finding, of_reading
from evalkit.corpora.texts import Texts
from evalkit.corpora.uses.labelled import LabelColumns, Split, conflicting, read_split
from evalkit.corpora.uses.rows_of import column_of, rows_of, table_of
from evalkit.errors import UserError

LEAST_QUESTIONS = 2


@dataclass(frozen=True, kw_only=True)
class AskedCorpus(Corpus):
    """``documents`` are the questions in order of arrival, each with one of ``answers``."""

    answers: tuple[str, ...]

    @property
    def judgments(self) -> int:
        return len(self.answers)

    def judged(self) -> Iterator[tuple[str, ...]]:
        """(place in the stream, question's id, answer)."""
        rows = enumerate(zip(self.documents.ids, self.answers, strict=True))
        yield from ((str(place), id_, answer) for place, (id_, answer) in rows)


def load(name: str, source: CorpusConfig, shuffle_seed: int | None) -> AskedCorpus:
    """The questions of ``corpus.<name>``, in the order of their file, or in one drawn by ``shuffle_seed``.

    Raises UserError for whatever is wrong in them.
    """
    table = table_of(name, source, "cache", "questions with answers")
    columns, noticed = LabelColumns(table.text, column_of(name, table, "answer"), table.id), Noticed()
    split = read_split("questions", rows_of(name, table, "questions", columns.all, noticed), columns, noticed)
    return build_asked(table.name or name, split, noticed, shuffle_seed)


def build_asked(name: str, split: Split, noticed: Noticed, shuffle_seed: int | None) -> AskedCorpus:
    """Raises UserError for fewer than two questions, and for one answer alone."""
    ids, texts, answers = split.texts.ids, split.texts.texts, split.labels
    if len(ids) < LEAST_QUESTIONS:
        problem = f"corpus '{name}' has {len(ids)} questions with an answer; a cache needs {LEAST_QUESTIONS}."
        raise UserError(problem, "Look at its file: is it empty?")
    if len(set(answers)) == 1:
        problem = f"corpus '{name}' has one answer alone, '{answers[0]}': no hit could be wrong."
        raise UserError(problem, "Is another column the answers' ids? corpus.<key>.answer=<column>.")
    order = np.arange(len(ids))
    if shuffle_seed is not None:
        np.random.default_rng(shuffle_seed).shuffle(order)
    rows = order.tolist()
    return AskedCorpus(
        name=name,
        documents=Texts([ids[row] for row in rows], [texts[row] for row in rows]),
        queries=Texts([], []),
        qrels={},
        excluded={},
        findings=tuple(each for each in lint_asked(split, noticed) if each.count),
        answers=tuple(answers[row] for row in rows),
    )


def lint_asked(split: Split, noticed: Noticed) -> Iterator[Finding]:
    """Every check on questions, also those that found nothing."""
    yield finding("empty_questions", split.empty, split.rows, "questions are empty; they are left out")
    yield finding("unanswered_questions", split.unlabelled, split.rows, "questions have no answer; they are left out")
    yield finding("repeated_questions", split.repeated, split.rows, "questions carry an id that came before")
    message = "questions have another answer than an equal question: wrong hits at every threshold"
    yield finding("conflicting_questions", conflicting(split), len(split.kept), message)
    yield from of_reading(noticed, split.rows)
