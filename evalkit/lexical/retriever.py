"""What every kind of retriever without vectors offers: a score for each document, from the query's text."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from evalkit.arrays import Rows, Scores
from evalkit.config import ModelConfig
from evalkit.measures.ranking import Ranking, order

KINDS = {"bm25": "evalkit.lexical.bm25:BM25", "random": "evalkit.lexical.random:Random"}


class Retriever(Protocol):
    """Built from the documents when it is made. ``tokens`` counts those of all documents, null where it reads none.

    ``engine_name`` is the program that scores. ``documents`` is how many there are, ``index_bytes`` everything kept,
    ``bytes_per_document`` the part of it that grows with them.
    """

    engine_name: str
    documents: int
    index_bytes: int
    bytes_per_document: float
    tokens: int | None

    def read(self, query: str) -> Any:
        """The query as ``scores`` wants it: what an encoder's work is to vectors."""
        ...

    def query_tokens(self, query: str) -> int | None:
        """How many tokens it reads of a query; null where it reads none."""
        ...

    def scores(self, read: Any) -> Scores:
        """One score per document (float32); 0 means that nothing matches."""
        ...

    def repeated(self, copies: int) -> "Retriever":
        """The same over so many copies of each document."""
        ...

    def revision(self) -> str:
        """What stands for weights: the version and options of what scores."""
        ...


def load_retriever(model: ModelConfig, documents: Sequence[str]) -> Retriever:
    """The retriever of ``model.kind`` over ``documents``. Raises UserError for an option that can't be."""
    module, _, name = KINDS[model.kind].partition(":")
    retriever: Retriever = getattr(import_module(module), name)(documents, **asdict(model)["options"])
    return retriever


def best(scores: Scores, k: int, place: Rows) -> Ranking:
    """The ``k`` best documents of one query (1 × k) under the total order of ``ranking.order``; no match, no place."""
    k = min(k, len(scores))
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    rows = np.flatnonzero((scores >= threshold) & (scores > 0))
    found = order(rows[None], scores[rows][None], place).first(k)
    short = k - found.rows.shape[1]
    return Ranking(
        np.pad(found.rows, ((0, 0), (0, short)), constant_values=-1),
        np.pad(found.scores, ((0, 0), (0, short)), constant_values=-np.inf),
    )
