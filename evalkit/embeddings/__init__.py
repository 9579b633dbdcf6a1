"""Encode a corpus once: its chunks, the pass, its measurements, and the store on disk that makes it the only one."""

from evalkit.embeddings.chunking import Chunks, chunks_of
from evalkit.embeddings.corpus_embeddings import CorpusEmbeddings, Embeddings
from evalkit.embeddings.executors import Executor, load_executor
from evalkit.embeddings.passes import embed
from evalkit.embeddings.store import EmbeddingStore

__all__ = [
    "Chunks",
    "CorpusEmbeddings",
    "EmbeddingStore",
    "Embeddings",
    "Executor",
    "chunks_of",
    "embed",
    "load_executor",
]
