"""Where text comes from: documents, queries and judgments of one split, with a fingerprint and a lint."""

from evalkit.corpora.corpus import Corpus, Texts
from evalkit.corpora.lint import Finding
from evalkit.corpora.sources import load_corpus

__all__ = ["Corpus", "Finding", "Texts", "load_corpus"]
