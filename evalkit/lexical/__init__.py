"""What is found without embeddings: the lines that a model has to beat."""

from evalkit.lexical.retriever import KINDS, Retriever, load_retriever

__all__ = ["KINDS", "Retriever", "load_retriever"]
