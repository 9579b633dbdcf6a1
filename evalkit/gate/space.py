"""Can the old index stay? Whether two runs' vectors of the same texts lie in the same space, from their canaries.

Vectors of documents decide, since they are what an index holds; changed vectors of queries are told apart.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from evalkit.arrays import FloatMatrix
from evalkit.gate.pairing import corpus_record
from evalkit.measures.overlap import ExactSearch, rounding
from evalkit.results.canaries import SAME_COSINE, cosines, shared_texts, stored_vectors
from evalkit.results.model_parts import model_parts
from evalkit.results.reader import StoredRun

DRIFTED_COSINE = 0.9
DEPTH = 10
SAME, DRIFTED, DIFFERENT, UNKNOWN = "same space", "drifted", "different space", "unknown"
CHUNKED_DIFFERENTLY = "documents chunked differently"
QUERIES_CHANGED = "queries changed"
INDEX_STAYS = (SAME, QUERIES_CHANGED)
# What a user sets, of either side and of one: vectors that change with it are no surprise.
SET = ("input_types", "asked_dims", "max_length", "layer_norm", "pooling", "options", "store_dtype")
SET_OF_SIDE = {"document": (*SET, "document_prompt"), "query": (*SET, "query_prompt")}


@dataclass(frozen=True)
class SpaceResult:
    """What the canaries of one corpus say.

    ``texts`` are those that both runs kept, ``query_texts`` the queries among them. ``smallest_cosine`` and
    ``mean_cosine`` are between the two runs' vectors of the same documents, ``smallest_query_cosine`` of the same
    queries; null where widths differ or no text is shared. ``overlap_at_10`` is the share of the ten nearest documents
    of new queries among new documents that they also find among old documents, over the canary's texts alone.
    ``reembed_seconds`` is what encoding all documents took the candidate, ``reembed_usd`` what embedding the documents
    of its workload once costs. ``not_checked_since`` is the day (UTC) when vectors of a hosted model were made that the
    candidate took from the store unchecked: how its API answers today is not known. Empty for all others.
    """

    corpus: str
    space: str
    texts: int
    smallest_cosine: float | None
    mean_cosine: float | None
    overlap_at_10: float | None
    documents: int
    reembed_seconds: float | None
    reembed_usd: float | None
    alarm: str
    query_texts: int = 0
    smallest_query_cosine: float | None = None
    not_checked_since: str = ""

    @property
    def index_can_stay(self) -> bool:
        return self.space in INDEX_STAYS


def compare_spaces(baseline: StoredRun, candidate: StoredRun) -> list[SpaceResult]:
    """One result per corpus that both runs evaluated."""
    before, after = baseline.canary(), candidate.canary()
    shared = [name for name in before["corpus"].unique() if name in set(after["corpus"])]
    return [
        compare_space(corpus, before[before["corpus"] == corpus], after[after["corpus"] == corpus], baseline, candidate)
        for corpus in shared
    ]


def compare_space(
    corpus: str, before: pd.DataFrame, after: pd.DataFrame, baseline: StoredRun, candidate: StoredRun
) -> SpaceResult:
    texts = shared_texts(before, after)
    documents, queries = (texts[texts["side"] == side] for side in ("document", "query"))
    of_documents, of_queries = cosines(documents), cosines(queries)
    smallest_query = None if of_queries is None else float(of_queries.min())
    smallest = mean = overlap = None
    space = UNKNOWN if documents.empty else DIFFERENT
    if of_documents is not None:
        smallest, mean = float(of_documents.min()), float(of_documents.mean())
        space = space_of(smallest, mean, smallest_query)
        old, new = stored_vectors(documents["vector_before"]), stored_vectors(documents["vector_after"])
        overlap = mixed_overlap(old, new, stored_vectors(queries["vector_after"]))
    if chunking(baseline, corpus) != chunking(candidate, corpus):
        space = CHUNKED_DIFFERENTLY
    record = corpus_record(candidate, {"corpus": corpus})
    return SpaceResult(
        corpus=corpus,
        space=space,
        texts=len(texts),
        smallest_cosine=smallest,
        mean_cosine=mean,
        overlap_at_10=overlap,
        documents=record["documents"],
        reembed_seconds=reembed_seconds(candidate, corpus),
        reembed_usd=reembed_usd(candidate, corpus),
        alarm=alarm(space, corpus, baseline, candidate),
        query_texts=len(queries),
        smallest_query_cosine=smallest_query,
        not_checked_since=not_checked_since(candidate, corpus),
    )


def not_checked_since(candidate: StoredRun, corpus: str) -> str:
    """The first day of what a model behind an API gave before the run began and was not asked for again.

    Nothing tells of other models' cached vectors.
    """
    cached = [e for e in candidate.about["embeddings"] if e["corpus"] == corpus and e.get("checked_at") and e["cached"]]
    return min((e["checked_at"][:10] for e in cached if is_before(e["checked_at"], candidate)), default="")


def is_before(moment: str, run: StoredRun) -> bool:
    """Whether ``moment`` (ISO 8601) is before the ``run`` began."""
    return datetime.fromisoformat(moment) < datetime.fromisoformat(run.about["created_at"])


def space_of(smallest: float, mean: float, smallest_query: float | None) -> str:
    """By the cosines of documents, and of queries where no document moved."""
    if smallest >= SAME_COSINE:
        return QUERIES_CHANGED if smallest_query is not None and smallest_query < SAME_COSINE else SAME
    return DRIFTED if mean >= DRIFTED_COSINE else DIFFERENT


def mixed_overlap(old_documents: FloatMatrix, new_documents: FloatMatrix, new_queries: FloatMatrix) -> float | None:
    """The mean share of new queries' nearest new documents that they also find among the old ones; null without any."""
    depth = min(DEPTH, len(new_documents))
    if not depth or not len(new_queries):
        return None
    queries = new_queries.astype(np.float64)
    among_new, among_old = queries @ new_documents.T, queries @ old_documents.T
    nearest_new, nearest_old = (np.argsort(-each, axis=1, kind="stable")[:, :depth] for each in (among_new, among_old))
    exact = ExactSearch(nearest_new, lambda queries, rows: among_new[queries, rows], rounding(new_documents.shape[1]))
    return float(exact.overlap_at(depth, nearest_old).mean())


def chunking(run: StoredRun, corpus: str) -> set[str]:
    """How documents were split."""
    return {point["chunking"] for point in run.about["points"] if point["corpus"] == corpus}


def reembed_seconds(candidate: StoredRun, corpus: str) -> float | None:
    sides = [e for e in candidate.about["embeddings"] if e["corpus"] == corpus and e["side"] == "document"]
    return sides[0]["seconds"] if sides else None


def reembed_usd(candidate: StoredRun, corpus: str) -> float | None:
    costs = [p.get("cost_embed_once_usd") for p in candidate.about["points"] if p["corpus"] == corpus]
    return next((float(cost) for cost in costs if cost is not None), None)


def alarm(space: str, corpus: str, baseline: StoredRun, candidate: StoredRun) -> str:
    """What must be said loudly: vectors that changed although nothing was said to change."""
    side = "query" if space == QUERIES_CHANGED else "document"
    before, after = (identity(run, corpus, side) for run in (baseline, candidate))
    if before != after or space in (SAME, UNKNOWN, CHUNKED_DIFFERENTLY):
        return ""
    texts = "queries" if side == "query" else "texts"
    return (
        f"{before['name']} at revision {before['revision']} gave other vectors for the same {texts} than in the "
        "baseline: a library, runtime or hosted model changed"
    )


def identity(run: StoredRun, corpus: str, side: str) -> dict[str, str]:
    """The model of a run, and what its user set that changes vectors of ``side``."""
    model = run.about["models"][0]
    parts = model_parts(run.about, model["name"], corpus)
    return {"name": model["name"], "revision": model["revision"], **{name: parts[name] for name in SET_OF_SIDE[side]}}
