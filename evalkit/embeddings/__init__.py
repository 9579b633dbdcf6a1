"""Encode a corpus once: the pass, its measurements, and the store on disk that makes it the only one."""

from evalkit.embeddings.encoding import CorpusEmbeddings, Embeddings, embed
from evalkit.embeddings.store import EmbeddingStore

__all__ = ["CorpusEmbeddings", "EmbeddingStore", "Embeddings", "embed"]
