"""What every kind of retriever without vectors offers: a score for each document, from the query's text."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from evalkit.arrays import Rows, Scores
from evalkit.config import MODEL_KINDS, ModelConfig
from evalkit.measures.ranking import Ranking, order

KINDS = tuple(name for name, kind in MODEL_KINDS.items() if not kind.has_vectors)


class Retriever(Protocol):
    """Built from the documents when it is made. ``tokens`` counts those of all documents, null where it reads none.

    ``unread`` are the rows of documents in which it reads nothing, so that it never finds them.
    ``engine_name`` is the program that scores. ``documents`` is how many there are, ``index_bytes`` everything kept,
    ``bytes_per_document`` the part of it that grows with them.
    """

    engine_name: str
    documents: int
    index_bytes: int
    bytes_per_document: float
    tokens: int | None
    unread: Sequence[int]

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
    retriever: Retriever = MODEL_KINDS[model.kind].load()(documents, **asdict(model)["options"])
    return retriever


def best(scores: Scores, k: int, place: Rows) -> Ranking:
    """The ``k`` best documents of one query (1 × k) under the total order of ``ranking.order``; no match, no place."""
    k = min(k, len(scores))
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    rows = np.flatnonzero((scores >= threshold) & (scores > 0))
    ranked = order(rows[None], scores[rows][None], place).first(k)
    short = k - ranked.rows.shape[1]
    return Ranking(
        np.pad(ranked.rows, ((0, 0), (0, short)), constant_values=-1),
        np.pad(ranked.scores, ((0, 0), (0, short)), constant_values=-np.inf),
    )
