"""Vectors to ranked documents: the cut, the quantization, the index, the rescoring. Knows no texts and no models."""

from evalkit.search.ranking import Ranking
from evalkit.search.searcher import Searcher, build, empty
from evalkit.search.truncation import cut

__all__ = ["Ranking", "Searcher", "build", "cut", "empty"]
