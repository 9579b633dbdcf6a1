"""Are the vectors comparable? Whether two runs' vectors of the same texts lie in the same space, from their canaries.

Vectors of documents decide, since they are what an index holds; changed vectors of queries are told apart. What follows
for the index and for the documents is answered beside it (``rebuilding``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd

from evalkit.arrays import FloatMatrix
from evalkit.gate.changes import version_changes
from evalkit.gate.pairing import Pair, corpus_record
from evalkit.gate.rebuilding import index_changes, rebuilding
from evalkit.measures.overlap import ExactSearch, rounding
from evalkit.results.canaries import SAME_COSINE, cosines, shared_texts, stored_vectors
from evalkit.results.model_parts import model_parts
from evalkit.results.reader import StoredRun

DRIFTED_COSINE = 0.9
DEPTH = 10
SAME, DRIFTED, DIFFERENT, UNKNOWN = "same space", "drifted", "different space", "unknown"
CHUNKED_DIFFERENTLY = "documents chunked differently"
QUERIES_CHANGED = "queries changed"
NO_VECTORS = "only one of the runs has vectors"
COMPARABLE = {SAME: True, QUERIES_CHANGED: True, DRIFTED: False, DIFFERENT: False, NO_VECTORS: False, UNKNOWN: None}
# What a user sets, of either side and of one: vectors that change with it are no surprise.
SET = ("input_types", "task_prompts", "asked_dims", "max_length", "layer_norm", "pooling", "options", "store_dtype")
SET_OF_SIDE = {
    "document": (*SET, "document_prompt", "document_request"),
    "query": (*SET, "query_prompt", "query_request"),
}


@dataclass(frozen=True)
class SpaceResult:
    """What the canaries of one corpus say, and what it means for its index and documents.

    ``vectors_comparable``, ``index_must_be_rebuilt`` and ``documents_must_be_reembedded`` are null where the runs
    share no text to tell by. ``index_changes`` say what makes another index of the same vectors (``dims 256 → 64``),
    ``version_changes`` which engines searched in another version.
    ``rebuild_…`` and ``reembed_…`` are what that takes for the documents of the candidate's workload; where one is
    null, ``not_known`` says why. ``texts`` are those that both runs kept, ``query_texts`` the queries among them.
    ``smallest_cosine`` and ``mean_cosine`` are between the two runs' vectors of the same documents,
    ``smallest_query_cosine`` of the same queries; null where widths differ or no text is shared. ``overlap_at_10`` is
    the share of the ten nearest documents of new queries among new documents that they also find among old documents,
    over the canary's texts alone. ``reembed_seconds`` is what encoding the corpus's documents took the candidate.
    ``not_checked_since`` is the day (UTC) when vectors of a hosted model were made that the candidate took from the
    store unchecked: how its API answers today is not known. Empty for all others.
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
    vectors_comparable: bool | None = None
    index_changes: tuple[str, ...] = ()
    version_changes: tuple[str, ...] = ()
    index_must_be_rebuilt: bool | None = None
    documents_must_be_reembedded: bool | None = None
    workload_documents: int | None = None
    rebuild_seconds_at_workload: float | None = None
    rebuild_usd: float | None = None
    reembed_seconds_at_workload: float | None = None
    not_known: Mapping[str, str] = field(default_factory=dict)

    @property
    def index_can_stay(self) -> bool:
        """Whether the index that serves the baseline serves the candidate as it is."""
        return self.index_must_be_rebuilt is False


def compare_spaces(pairs: Sequence[Pair], baseline: StoredRun, candidate: StoredRun) -> list[SpaceResult]:
    """One result per corpus of ``pairs`` of which at least one run has vectors."""
    before, after = baseline.canary(), candidate.canary()
    results = []
    for corpus in dict.fromkeys(str(pair.baseline["corpus"]) for pair in pairs):
        own = [pair for pair in pairs if pair.baseline["corpus"] == corpus]
        canaries = before[before["corpus"] == corpus], after[after["corpus"] == corpus]
        if any(point["dims"] is not None for pair in own for point in (pair.baseline, pair.candidate)):
            results.append(compare_space(corpus, own, *canaries, baseline, candidate))
    return results


def compare_space(
    corpus: str,
    pairs: Sequence[Pair],
    before: pd.DataFrame,
    after: pd.DataFrame,
    baseline: StoredRun,
    candidate: StoredRun,
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
    if any((pair.baseline["dims"] is None) != (pair.candidate["dims"] is None) for pair in pairs):
        space = NO_VECTORS
    comparable = COMPARABLE[space]
    if any(pair.baseline["chunking"] != pair.candidate["chunking"] for pair in pairs):
        space = CHUNKED_DIFFERENTLY
    must_reembed = must_be_reembedded(space, pairs)
    changes = index_changes(pairs, baseline, candidate)
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
        alarm=alarm(space, corpus, baseline, candidate),
        query_texts=len(queries),
        smallest_query_cosine=smallest_query,
        not_checked_since=not_checked_since(candidate, corpus),
        vectors_comparable=comparable,
        index_changes=tuple(changes),
        version_changes=tuple(version_changes(pairs)),
        index_must_be_rebuilt=True if changes else must_reembed,
        documents_must_be_reembedded=must_reembed,
        **rebuilding(pairs, candidate),
    )


def must_be_reembedded(space: str, pairs: Sequence[Pair]) -> bool | None:
    """Whether the candidate needs other vectors of the documents than the baseline's; null where nothing tells."""
    if space == NO_VECTORS:
        return any(pair.candidate["dims"] is not None for pair in pairs)
    if space == CHUNKED_DIFFERENTLY:
        return True
    comparable = COMPARABLE[space]
    return None if comparable is None else not comparable


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


def reembed_seconds(candidate: StoredRun, corpus: str) -> float | None:
    sides = [e for e in candidate.about["embeddings"] if e["corpus"] == corpus and e["side"] == "document"]
    return sides[0]["seconds"] if sides else None


def alarm(space: str, corpus: str, baseline: StoredRun, candidate: StoredRun) -> str:
    """What must be said loudly: vectors that changed although nothing was said to change."""
    side = "query" if space == QUERIES_CHANGED else "document"
    before, after = (identity(run, corpus, side) for run in (baseline, candidate))
    if before != after or space not in (DRIFTED, DIFFERENT, QUERIES_CHANGED):
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
