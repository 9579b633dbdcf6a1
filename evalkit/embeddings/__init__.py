"""Encode a corpus once: its chunks, the pass, its measurements, and the store on disk that makes it the only one."""

from evalkit.embeddings.chunking import Chunks, chunks_of
from evalkit.embeddings.passes import CorpusEmbeddings, Embeddings, embed
from evalkit.embeddings.store import EmbeddingStore

__all__ = ["Chunks", "CorpusEmbeddings", "EmbeddingStore", "Embeddings", "chunks_of", "embed"]
