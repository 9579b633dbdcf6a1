"""Where text comes from: documents, queries and judgments of one split, with a fingerprint and a lint."""

from evalkit.corpora.corpus import Corpus
from evalkit.corpora.lint import Finding
from evalkit.corpora.sources import load_corpus
from evalkit.corpora.texts import Texts

__all__ = ["Corpus", "Finding", "Texts", "load_corpus"]
