"""The searchers of one corpus: an index of a cell built, what exact search finds beside it, queries in blocks."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from types import MappingProxyType

from evalkit.arrays import FloatMatrix, Rows
from evalkit.config import IndexConfig, QuantizationConfig
from evalkit.measures.overlap import ExactSearch, PairScores, rounding
from evalkit.measures.ranking import Ranking, by_block
from evalkit.search import (
    DocumentSearcher,
    ExactDocumentScores,
    ExactScores,
    Searcher,
    Vectors,
    build,
    chunk_order,
)
from evalkit.search.engine import CPU, Payload
from evalkit.search.filters import of_chunks
from evalkit.search.searcher import TIE_MARGIN
from evalkit.tasks.models import EncodedCorpus
from evalkit.tasks.retrieval.retriever import PointContext

EXACT = (QuantizationConfig(faiss="Flat"), IndexConfig(faiss="{quantization}"))
OVERLAP_DEPTHS = (10, 100)
LEAST_QUERIES = 256
MOST_RANKED_BYTES = 125e6
CANDIDATE_BYTES = 150  # at most, while rankings are put in order and joined: rows, scores, places and copies of them


def queries_of(context: PointContext, whole: PointContext, queries: FloatMatrix) -> FloatMatrix:
    """Of the ``queries`` of the ``whole`` corpus, those that a filter leaves."""
    row = whole.corpus.queries.row
    return queries if context is whole else queries[[row[query] for query in context.corpus.queries.ids]]


def exact_searches(
    contexts: Sequence[PointContext], read: EncodedCorpus, dims: int, queries: FloatMatrix
) -> list[ExactSearch]:
    """What exact float32 search at these ``dims`` finds in each context, as deep as overlaps go, and how it scores any
    document.
    """
    depth = min(max(OVERLAP_DEPTHS), contexts[0].config.top_k)
    with closing(build_searcher(contexts[0], read, dims, *EXACT, CPU)) as exhaustive:
        return [
            exact_search(each, exhaustive.filtered(each.keep), read, queries_of(each, contexts[0], queries), depth)
            for each in contexts
        ]


def exact_search(
    context: PointContext,
    exhaustive: Searcher | DocumentSearcher,
    read: EncodedCorpus,
    queries: FloatMatrix,
    depth: int,
) -> ExactSearch:
    dims, chunks = queries.shape[1], read.embeddings.chunks
    rows = ranked_by_block(exhaustive, context, queries, depth, depth).rows
    of_vectors = ExactScores(queries, Vectors(read.embeddings.documents.vectors, dims))
    scores: PairScores = of_vectors
    if chunks.document is not None:
        scores = ExactDocumentScores(of_vectors, chunks.document, context.config.chunking.top_chunks)
    return ExactSearch(rows, scores, rounding(dims))


def ranked_by_block(
    searcher: Searcher | DocumentSearcher, context: PointContext, queries: FloatMatrix, k: int, served: int
) -> Ranking:
    """``searcher.rank`` of all ``queries``, of as many at once as ``queries_at_once`` gives."""

    def rank(block: slice) -> Ranking:
        return searcher.rank(queries[block], k, context.excluded[block], served=served)

    return by_block(len(queries), queries_at_once(searcher, k, context.config.memory_bytes), rank)


def queries_at_once(searcher: Searcher | DocumentSearcher, k: int, memory_bytes: float) -> int:
    """How many queries' candidates take an eighth of it, at most 0.125 GB, while they are ranked; some anyway."""
    chunks = searcher.chunks.documents / len(searcher.place) if isinstance(searcher, DocumentSearcher) else 1.0
    depth = chunks * max(k + TIE_MARGIN, searcher.candidates or 0)
    return max(LEAST_QUERIES, int(min(memory_bytes / 8, MOST_RANKED_BYTES) / (depth * CANDIDATE_BYTES)))


def build_searcher(
    context: PointContext,
    read: EncodedCorpus,
    dims: int,
    quantization: QuantizationConfig,
    index: IndexConfig,
    device: str,
    labels: Mapping[str, Rows] = MappingProxyType({}),
) -> Searcher | DocumentSearcher:
    """The documents of a corpus with ``labels`` in one setting, searched by their chunks where they have several."""
    config, chunks, place = context.config, read.embeddings.chunks, context.place
    vectors = Vectors(read.embeddings.documents.vectors, dims)
    memory_bytes = config.memory_bytes
    ids = context.corpus.documents.ids
    if chunks.document is None:
        return build(vectors, place, quantization, index, memory_bytes, device, Payload(ids, labels))
    payload = Payload([ids[row] for row in chunks.document.tolist()], of_chunks(labels, chunks.document))
    searcher = build(vectors, chunk_order(chunks.document, place), quantization, index, memory_bytes, device, payload)
    return DocumentSearcher(searcher, chunks.document, place, config.chunking.top_chunks)
