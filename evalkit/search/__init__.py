"""Vectors to ranked documents: the cut, the quantization, the index, the rescoring. Knows no texts and no models."""

from evalkit.search.building import build, empty, operating_points
from evalkit.search.documents import DocumentSearcher, chunk_order
from evalkit.search.ranking import Ranking
from evalkit.search.searcher import Searcher
from evalkit.search.truncation import cut
from evalkit.search.vectors import Vectors

__all__ = [
    "DocumentSearcher",
    "Ranking",
    "Searcher",
    "Vectors",
    "build",
    "chunk_order",
    "cut",
    "empty",
    "operating_points",
]
