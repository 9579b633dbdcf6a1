"""What run.json and canary.parquet keep of a corpus, of the model that read it, and of both encoding passes."""

from typing import Any

import numpy as np

from evalkit.corpora import Corpus
from evalkit.corpora.lint import Finding, changed_vectors, truncation
from evalkit.embeddings.canary import canary_rows
from evalkit.embeddings.corpus_embeddings import CorpusEmbeddings, Embeddings
from evalkit.embeddings.figures import encoding_memory
from evalkit.embeddings.why_null import GIVEN, ONE_BY_ONE, WHY_NULL
from evalkit.encoders import Encoder
from evalkit.measures.cost import HOSTED
from evalkit.results.columns import why_null
from evalkit.results.record import Canary, CorpusRecord
from evalkit.system.digests import BYTES, digests
from evalkit.vectors.cut import cut

SERVED = "served"  # behind an API like a hosted model, and without a bill
NOT_BILLED = "nobody sends a bill: the model runs on this machine or on a server of yours"
NOT_ENCODED = "this run encoded none of its texts: their vectors were in the store"
THROUGHPUT = ("workers", "wall_seconds", "busy_seconds", "texts_per_second_per_worker", "texts_per_second_together")
NOT_COUNTED = "the API does not tell how many tokens it counted"


def corpus_record(encoder: Encoder, corpus: Corpus, embeddings: CorpusEmbeddings) -> CorpusRecord:
    """What a run keeps of a corpus and of its two encoding passes.

    Raises ValueError where ``embeddings`` are of queries in another order than the corpus has them.
    """
    embeddings.check_order(corpus)
    config = encoder.config
    sides = [side for side in (embeddings.documents, embeddings.queries) if len(side.texts)]
    what = "documents" if embeddings.chunks.document is None else "chunks of documents"
    findings = (
        *corpus.findings,
        *cut_texts(config.name, what, embeddings.documents),
        *changed_texts(config.name, what, embeddings.documents),
        *changed_texts(config.name, "queries", embeddings.queries),
    )
    return CorpusRecord(
        model={
            "name": config.name,
            "kind": config.kind,
            "revision": revision(encoder),
            "weights": encoder.identity("document")["weights"],
            "prompts": {"query": config.prompts.query, "document": config.prompts.document},
            "native_dims": encoder.dims,
            "matryoshka_dims": list(config.matryoshka_dims),
            "layer_norm": getattr(config, "layer_norm", False),
            "licence": config.licence,
            "trust_remote_code": getattr(config, "trust_remote_code", False),
            **embeddings.documents.model,
        },
        corpus=corpus_facts(corpus),
        findings=findings,
        embeddings=tuple(embeddings_record(config.name, corpus.name, side) for side in sides),
        queries=tuple(zip(corpus.queries.ids, corpus.queries.texts, strict=True)),
        qrels=corpus.qrels,
        canaries=tuple(canary(corpus.name, side) for side in sides),
    )


def corpus_facts(corpus: Corpus) -> dict[str, Any]:
    """Name, fingerprints and sizes of a corpus, and how many clusters its queries form (null: not modelled)."""
    return {
        "name": corpus.name,
        "fingerprint": corpus.fingerprint,
        "fingerprints": corpus.fingerprints,
        "documents": len(corpus.documents) + len(corpus.empty_documents),
        "queries": len(corpus.queries),
        "judgments": corpus.judgments,
        "clusters": None if corpus.clusters is None else len(set(corpus.clusters.values())),
        "clustered_by": corpus.clustered_by,
        "identical_ids_ignored": len(corpus.excluded),
    }


def cut_texts(model: str, what: str, side: Embeddings) -> list[Finding]:
    """What the lint says of texts that the model read the beginning of, if there are any."""
    are_cut = np.zeros(len(side.texts), dtype=np.bool_) if side.truncated is None else side.truncated
    verb = "may be" if side.model["device"] == HOSTED else "are"  # an API's cut is estimated
    return truncation(side.texts.ids, are_cut, side.meta["max_length"] or 0, model, f"{what} {verb}")


def changed_texts(model: str, what: str, side: Embeddings) -> list[Finding]:
    """What the lint says of texts that the API gives other vectors for today than the store has, if there are any."""
    check = side.check
    if check is None:
        return []
    ids = [side.texts.ids[row] for row in check.changed_rows]
    return changed_vectors(ids, len(check.rows), float(check.cosines.min()), model, what)


def canary(corpus: str, side: Embeddings) -> Canary:
    """The vectors of the canary's texts; of a model behind an API those that it gives today, where it was asked."""
    rows = canary_rows(side.texts)
    vectors = side.check.vectors if side.check else side.vectors[rows]
    sha = digests((side.texts.texts[row],) for row in rows.tolist())
    return Canary(
        corpus=corpus,
        side=side.side,
        ids=tuple(side.texts.ids[row] for row in rows),
        text_sha256=tuple(digest.ljust(BYTES, b"\0").hex() for digest in sha),
        vectors=cut(vectors, vectors.shape[1]).astype(np.float16),
    )


def truncated_texts(side: Embeddings) -> int | None:
    """How many texts were cut; null where that is not known: of a hosted model's, only that none may be."""
    rows = side.meta["truncated_rows"]
    is_known = rows is not None and not (rows and side.model["device"] == HOSTED)
    return len(rows) if is_known else None


def checked_at(side: Embeddings) -> str:
    """When an API last gave vectors of these texts: at the check of the canary, else as all of them were made."""
    return side.check.checked_at if side.check else str(side.meta["created_at"])


def embeddings_record(model: str, corpus: str, side: Embeddings) -> dict[str, Any]:
    """One row of run.json's ``embeddings``: what results/README.md explains."""
    meta, timing = side.meta, side.timing
    speed = timing.texts_per_second if timing else None
    figures = {
        "tokens": meta["tokens"],
        "truncated_texts": truncated_texts(side),
        "seconds": None if speed is None else meta["texts"] / speed,
        "texts_per_second": speed,
        "tokens_per_second": timing.tokens_per_second if timing else None,
        "verification": meta["verification"],
        "timed_on": timing.conditions.timed_on if timing else None,
        "timed_at": timing.timed_at if timing else None,
        "timed_texts": timing.texts if timing else None,
        "threads": timing.conditions.settings.get("threads") if timing else None,
        **encoding_memory(side),
        **throughput_of(side),
        "sent_texts": side.sent.texts if side.sent else None,
        "sent_tokens": side.sent.tokens if side.sent else None,
    }
    untimed = dict.fromkeys(figures, side.why_untimed) if timing is None else {}
    if timing and timing.seconds is None:
        untimed = {"tokens_per_second": ONE_BY_ONE}
    of_any_timing = {name: WHY_NULL[name] for name in ("tokens", "truncated_texts", "verification")}
    unsent = {"sent_texts": NOT_BILLED, "sent_tokens": NOT_COUNTED if side.sent else NOT_BILLED}
    unencoded = dict.fromkeys(THROUGHPUT, GIVEN if side.are_given else NOT_ENCODED)
    reasons = {**untimed, **unencoded} if side.are_given else {**untimed, **of_any_timing, **unsent, **unencoded}
    return {
        "model": model,
        "corpus": corpus,
        "side": side.side,
        "texts": meta["texts"],
        "dims": meta["dims"],
        "cached": side.cached,
        "reused_texts": meta.get("reused_texts", 0),
        "created_at": meta["created_at"],
        "runtime": side.model,
        **({"load": dict(timing.load)} if timing and timing.load else {}),
        **({"checked_at": checked_at(side)} if side.model["device"] in (HOSTED, SERVED) else {}),
        **figures,
        "unmeasured": why_null(figures, {**WHY_NULL, **reasons}),
    }


def throughput_of(side: Embeddings) -> dict[str, float | None]:
    """What this run's own pass took: null where all vectors were there."""
    return {name: getattr(side.throughput, name, None) for name in THROUGHPUT}


def revision(encoder: Encoder) -> str:
    """The pinned revision, or for weights without one the digest of their files."""
    return getattr(encoder.config, "revision", None) or str(encoder.identity("document")["weights"])
