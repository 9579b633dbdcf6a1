"""Vectors to ranked documents: the cut, the quantization, the index, the rescoring. Knows no texts and no models."""

from evalkit.measures.ranking import Ranking
from evalkit.search.building import build
from evalkit.search.documents import DocumentSearcher, chunk_order, chunks_for
from evalkit.search.engine import Built, Engine, EngineFacts, Index, Plan, engine_of, plan
from evalkit.search.exact_scores import ExactDocumentScores, ExactScores
from evalkit.search.operating import OperatingPoint, check_breadth, operating_points
from evalkit.search.searcher import Searcher
from evalkit.vectors.cut import cut
from evalkit.vectors.matrix import Vectors

__all__ = [
    "Built",
    "DocumentSearcher",
    "Engine",
    "EngineFacts",
    "ExactDocumentScores",
    "ExactScores",
    "Index",
    "OperatingPoint",
    "Plan",
    "Ranking",
    "Searcher",
    "Vectors",
    "build",
    "check_breadth",
    "chunk_order",
    "chunks_for",
    "cut",
    "engine_of",
    "operating_points",
    "plan",
]
