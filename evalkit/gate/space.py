"""Can the old index stay? Whether two runs' vectors of the same texts lie in the same space, from their canaries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from evalkit.gate.pairing import corpus_record
from evalkit.results.store import StoredRun

SAME_COSINE = 0.999
DRIFTED_COSINE = 0.9
DEPTH = 10
SAME, DRIFTED, DIFFERENT, UNKNOWN = "same space", "drifted", "different space", "unknown"
SPLIT_OTHERWISE = "documents split otherwise"

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SpaceResult:
    """What the canaries of one corpus say.

    ``smallest_cosine`` and ``mean_cosine`` are between the two runs' vectors of the same texts; null where widths
    differ. ``overlap_at_10`` is the share of the ten nearest documents of new queries among new documents that they
    also find among old documents, over the canary's texts alone. ``reembed_seconds`` is what encoding all documents
    took the candidate, ``reembed_usd`` what embedding the documents of its workload once costs.
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

    @property
    def index_can_stay(self) -> bool:
        return self.space == SAME


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
    texts = before.merge(after, on=["side", "id", "text_sha256"], suffixes=("_before", "_after"))
    old, new = (unit_vectors(texts[f"vector_{when}"]) for when in ("before", "after"))
    smallest = mean = overlap = None
    space = UNKNOWN if texts.empty else DIFFERENT
    if len(texts) and old.shape == new.shape:
        cosines = np.einsum("ij,ij->i", old, new)
        smallest, mean = float(cosines.min()), float(cosines.mean())
        space = SAME if smallest >= SAME_COSINE else DRIFTED if mean >= DRIFTED_COSINE else DIFFERENT
        documents, queries = (texts["side"] == side for side in ("document", "query"))
        overlap = mixed_overlap(old[documents], new[documents], new[queries])
    if chunking(baseline, corpus) != chunking(candidate, corpus):
        space = SPLIT_OTHERWISE
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
        alarm=alarm(space, baseline, candidate),
    )


def unit_vectors(stored: pd.Series) -> Matrix:
    """Vectors (n × dims, float32) from the bytes of float16, made unit length again after that rounding."""
    if stored.empty:
        return np.empty((0, 0), dtype=np.float32)
    vectors = np.stack([np.frombuffer(vector, dtype="<f2") for vector in stored]).astype(np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Matrix = vectors / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit


def mixed_overlap(old_documents: Matrix, new_documents: Matrix, new_queries: Matrix) -> float | None:
    """The mean share of new queries' nearest new documents that they also find among the old ones; null without any."""
    depth = min(DEPTH, len(new_documents))
    if not depth or not len(new_queries):
        return None
    wanted, found = (
        np.argsort(-(new_queries @ documents.T), axis=1, kind="stable")[:, :depth]
        for documents in (new_documents, old_documents)
    )
    return float((wanted[:, :, None] == found[:, None, :]).any(axis=2).mean())


def chunking(run: StoredRun, corpus: str) -> set[str]:
    """How documents were split; runs from before that could be chosen kept them whole."""
    return {point.get("chunking", "none") for point in run.about["points"] if point["corpus"] == corpus}


def reembed_seconds(candidate: StoredRun, corpus: str) -> float | None:
    sides = [e for e in candidate.about["embeddings"] if e["corpus"] == corpus and e["side"] == "document"]
    return float(sides[0]["seconds"]) if sides else None


def reembed_usd(candidate: StoredRun, corpus: str) -> float | None:
    costs = [p.get("cost_embed_once_usd") for p in candidate.about["points"] if p["corpus"] == corpus]
    return next((float(cost) for cost in costs if cost is not None), None)


def alarm(space: str, baseline: StoredRun, candidate: StoredRun) -> str:
    """What must be said loudly: vectors that changed although nothing was said to change."""
    before, after = (identity(run.about["models"][0]) for run in (baseline, candidate))
    if before != after or space in (SAME, UNKNOWN, SPLIT_OTHERWISE):
        return ""
    return (
        f"{before[0]} at revision {before[1]} gave other vectors for the same texts than in the baseline: "
        "a library, runtime, setting or hosted model changed"
    )


def identity(model: Mapping[str, Any]) -> tuple[str, str]:
    return model["name"], model["revision"]
