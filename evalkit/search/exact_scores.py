"""Exact scores of single pairs of a query and a document, summed in float64: the measure of what a search found."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evalkit.arrays import FloatMatrix, Floats, Rows
from evalkit.vectors.matrix import Vectors

PAIRS = 4_096


@dataclass(frozen=True)
class ExactScores:
    """Inner products of ``queries`` (float32, unit length) with ``vectors``, pair by pair."""

    queries: FloatMatrix
    vectors: Vectors

    def __call__(self, queries: Rows, rows: Rows) -> Floats:
        """Of as many numbers of ``queries`` and of ``rows``, one score each (float64)."""
        scores = np.empty(len(rows))
        for first in range(0, len(rows), PAIRS):
            pairs = slice(first, first + PAIRS)
            asked, answers = self.queries[queries[pairs]], self.vectors.take(rows[pairs])
            scores[pairs] = np.einsum("ij,ij->i", asked.astype(np.float64), answers.astype(np.float64))
        return scores


@dataclass(frozen=True)
class ExactDocumentScores:
    """Of documents in chunks: the mean of a document's ``top_chunks`` best ones (of all, where it has fewer).

    ``document`` is the row of each chunk's document.
    """

    chunks: ExactScores
    document: Rows
    top_chunks: int

    @cached_property
    def by_document(self) -> Rows:
        """The chunks of the first document, then those of the second, and so on."""
        return np.argsort(self.document, kind="stable")

    @cached_property
    def chunk_counts(self) -> Rows:
        """Per document, how many chunks it has."""
        return np.bincount(self.document)

    @cached_property
    def first_chunks(self) -> Rows:
        """Where each document's chunks begin in ``by_document``."""
        return np.cumsum(self.chunk_counts) - self.chunk_counts

    def __call__(self, queries: Rows, rows: Rows) -> Floats:
        """Of as many numbers of ``queries`` and of documents' ``rows``, one score each (float64)."""
        parts = [slice(first, first + PAIRS) for first in range(0, len(rows), PAIRS)]
        return np.concatenate([np.empty(0), *(self.means(queries[pairs], rows[pairs]) for pairs in parts)])

    def means(self, queries: Rows, rows: Rows) -> Floats:
        counts = self.chunk_counts[rows]
        pair = np.repeat(np.arange(len(rows)), counts)
        nth = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
        scores = self.chunks(queries[pair], self.by_document[self.first_chunks[rows][pair] + nth])
        best_first = scores[np.lexsort((-scores, pair))]
        counted = nth < self.top_chunks
        sums = np.bincount(pair[counted], weights=best_first[counted], minlength=len(rows))
        means: Floats = sums / np.minimum(counts, self.top_chunks)
        return means
