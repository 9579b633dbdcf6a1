"""What BM25 takes among more documents than the corpus has: timed on the corpus so many times over, as a law.

Copies of the documents have the same words in the same shares, so every list of postings grows as that of a larger
corpus does.
"""

import math

import numpy as np

from evalkit.lexical.retriever import Retriever, best
from evalkit.measures.latency import percentiles_ms, steady_mean, time_within_ms
from evalkit.measures.laws import BATCH, BUILD, SEARCH, SIZE, Law
from evalkit.scaling.kept import AtSize
from evalkit.scaling.question import TIMED
from evalkit.scaling.scans import OF_SCANS, exhaustive_laws
from evalkit.scaling.timing import LEAST_CALLS, MOST_CALLS, SHARE_OF_TIMING, Figures

NOTHING_GROWS = "it keeps nothing that would grow"


def measure(retriever: Retriever, texts: list[str], asked: int, seconds: float, cache_bytes: int) -> AtSize:
    """Laws of searching for ``asked`` documents; ``texts`` are queries."""
    documents, per_document = retriever.documents, retriever.bytes_per_document
    if not per_document:
        return AtSize(why=dict.fromkeys(TIMED, NOTHING_GROWS))
    first = max(2, math.ceil(OF_SCANS * cache_bytes / (per_document * documents)))
    copies = (1, first, 2 * first)
    measured = {documents * times: timed(retriever.repeated(times), texts, asked, seconds) for times in copies}
    return AtSize(exhaustive_laws(measured, documents, documents * first), measured[documents])


def timed(retriever: Retriever, texts: list[str], asked: int, seconds: float) -> Figures:
    """Milliseconds of single queries, which are answered one after another in a batch, too."""
    read, place = [retriever.read(text) for text in texts], np.arange(retriever.documents)
    calls_ms = time_within_ms(
        lambda i: best(retriever.scores(read[i % len(read)]), asked, place),
        seconds * SHARE_OF_TIMING,
        LEAST_CALLS,
        MOST_CALLS,
    )
    figures = percentiles_ms("search", calls_ms)
    return {**{name: float(figures[name] or 0.0) for name in SEARCH}, BATCH: steady_mean(calls_ms)}


def growing(retriever: Retriever, build_seconds: float) -> dict[str, Law]:
    """Building is a pass over the documents; of what is kept, postings grow with them, as does not the vocabulary."""
    documents, per_document = retriever.documents, retriever.bytes_per_document
    return {
        BUILD: Law({"vectors": build_seconds / documents}, sizes=[documents]),
        SIZE: Law({"one": retriever.index_bytes - documents * per_document, "vectors": per_document}),
    }
