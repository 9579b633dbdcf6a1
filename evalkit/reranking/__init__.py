"""The last stage: a model that reads query and document together re-orders what was found."""

from evalkit.reranking.stage import Reranking, load_reranking

__all__ = ["Reranking", "load_reranking"]
