"""What a run keeps of a corpus, of the model that read it, and of both encoding passes; and why a figure is null."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from evalkit.corpora import Corpus, Texts
from evalkit.corpora.digests import BYTES, digests
from evalkit.corpora.lint import Finding, changed_vectors, truncation
from evalkit.embeddings import CorpusEmbeddings, Embeddings
from evalkit.embeddings.canary import canary_rows
from evalkit.encoders import Encoder
from evalkit.measures.cost import CPU, HOSTED
from evalkit.measures.latency import STATISTICS
from evalkit.measures.laws import COLUMNS as AT_WORKLOAD
from evalkit.measures.load import FIGURES as LOAD
from evalkit.measures.memory import NO_PEAK_RSS
from evalkit.results.record import Canary, CorpusRecord
from evalkit.vectors.cut import cut

SEARCH_SPEED = ("search_queries_per_second", *(f"{what}_ms_{s}" for what in ("search", "query") for s in STATISTICS))
SERVED = "served"  # behind an API like a hosted model, and without a bill
NO_SPEED = "the vectors are larger than memory_gb and were searched from disk, which no server would do"
NO_TOKENS = "the model does not tell how many tokens it read, or read images"
UNTIMED = (
    "the vectors were made on another machine or with other threads, and nothing was timed here: "
    "runtime.timing_seconds=0, or a hosted model whose texts are not sent again"
)
ONE_BY_ONE = "its texts were sent one at a time"
MEMORY = ("peak_rss_bytes", "peak_gpu_bytes")
NO_CUTS = "nobody says which texts were cut: the API, or the model's library, does not tell"
NO_CORES = "the model ran on a GPU or behind an API, or its library chooses its threads"
NO_SIZE = "the quantizer does not say (bytes_per_vector)"
WHY_UNMEASURED = {
    **dict.fromkeys(SEARCH_SPEED, NO_SPEED),
    **dict.fromkeys(LOAD, "load_seconds=0 leaves out the clients at once"),
    **dict.fromkeys(("index_bytes", "index_bytes_at_workload", "bytes_per_vector", "bytes_per_document"), NO_SIZE),
    **dict.fromkeys(("tokens", "tokens_per_second", "tokens_per_document", "tokens_per_query"), NO_TOKENS),
    "encode_cores": NO_CORES,
    "search_cores": NO_SPEED,
    "candidates": "no finer copy re-orders what is found",
    **dict.fromkeys(("seconds", "texts_per_second"), ONE_BY_ONE),
    "truncated_texts": NO_CUTS,
    "threads": "the model's library, or its server, chooses them",
    "overlap@10": "top_k is below 10",
    "overlap@100": "top_k is below 100",
    "peak_rss_bytes": NO_PEAK_RSS,
    "search_peak_rss_bytes": NO_PEAK_RSS,
    "verification": "PyTorch in float32 on the CPU is what other runtimes are compared with",
    "peak_gpu_bytes": "the model did not run on a CUDA device",
}


def unmeasured(figures: Mapping[str, Any], reasons: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Why each figure that is null could not be measured: what is said everywhere, or one of ``reasons``."""
    every = {**WHY_UNMEASURED, **reasons}
    return {name: every[name] for name, value in figures.items() if value is None}


def revision(encoder: Encoder) -> str:
    """The pinned revision, or for weights without one the digest of their files."""
    return getattr(encoder.config, "revision", None) or str(encoder.identity("document")["weights"])


def encoding_speed(embeddings: CorpusEmbeddings) -> dict[str, float | None]:
    """Throughput on the documents as this machine has it: of the pass, or of a sample where another made them."""
    timing = embeddings.documents.timing
    speed = timing.texts_per_second if timing else None
    return {
        "documents_per_second": None if speed is None else speed / embeddings.chunks.per_document,
        "tokens_per_second": timing.tokens_per_second if timing else None,
    }


def encoding_cores(embeddings: CorpusEmbeddings) -> int | None:
    """How many cores encoding keeps busy: the encoder's threads; null where that isn't known, or is no CPU's matter."""
    timing, device = embeddings.documents.timing, embeddings.documents.model["device"]
    threads = timing.conditions.settings.get("threads") if timing and device == CPU else None
    return None if threads is None else int(threads)


def tokens_per_text(embeddings: CorpusEmbeddings) -> dict[str, float | None]:
    """The mean number of tokens that the model read of a document (all its chunks) and of a query, prompts included."""
    sides = (
        ("tokens_per_document", embeddings.documents.meta, embeddings.chunks.per_document),
        ("tokens_per_query", embeddings.queries.meta, 1.0),
    )
    return {name: None if m["tokens"] is None else m["tokens"] / m["texts"] * times for name, m, times in sides}


def encoding_memory(side: Embeddings) -> dict[str, int | None]:
    """Peak memory of the process and of the device while texts of ``side`` were timed."""
    return {name: getattr(side.timing, name, None) for name in MEMORY}


def why_untimed(embeddings: CorpusEmbeddings) -> dict[str, str]:
    """Why figures of encoding are null where nothing was timed on this machine."""
    of_documents = ("documents_per_second", "tokens_per_second", *MEMORY)
    of_queries = tuple(f"{what}_ms_{s}" for what in ("encode_query", "query") for s in STATISTICS)
    of_queries += tuple(name for name in AT_WORKLOAD if name.startswith("query_ms"))
    is_timed = embeddings.documents.timing is not None
    return {
        **({} if is_timed else dict.fromkeys((*of_documents, "encode_cores"), UNTIMED)),
        **({} if len(embeddings.queries.latency_ms) else dict.fromkeys(of_queries, UNTIMED)),
    }


def corpus_record(encoder: Encoder, corpus: Corpus, embeddings: CorpusEmbeddings) -> CorpusRecord:
    """What run.json keeps of a corpus and of its two encoding passes."""
    limit = embeddings.documents.meta["max_length"]
    chunks, are_cut = embeddings.chunks.texts, embeddings.documents.truncated
    cut_chunks = [False] * len(chunks) if are_cut is None else are_cut.tolist()
    what = "documents" if embeddings.chunks.document is None else "chunks of documents"
    verb = "may be" if embeddings.documents.model["device"] == HOSTED else "are"  # an API's cut is estimated
    truncated = truncation(chunks.ids, cut_chunks, limit or 0, encoder.config.name, f"{what} {verb}")
    changed = [
        *changes(encoder.config.name, what, chunks, embeddings.documents),
        *changes(encoder.config.name, "queries", corpus.queries, embeddings.queries),
    ]
    findings = [*corpus.findings, *truncated, *changed]
    config = encoder.config
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
        findings=tuple(findings),
        embeddings=tuple(
            embeddings_record(config.name, corpus.name, side) for side in (embeddings.documents, embeddings.queries)
        ),
        queries=tuple(zip(corpus.queries.ids, corpus.queries.texts, strict=True)),
        canaries=(
            canary(corpus.name, embeddings.chunks.texts, embeddings.documents),
            canary(corpus.name, corpus.queries, embeddings.queries),
        ),
    )


def corpus_facts(corpus: Corpus) -> dict[str, Any]:
    """Name, fingerprints and sizes of a corpus, and how many clusters its queries form (null: not modelled)."""
    return {
        "name": corpus.name,
        "fingerprint": corpus.fingerprint,
        "fingerprints": corpus.fingerprints,
        "documents": len(corpus.documents),
        "queries": len(corpus.queries),
        "judgments": corpus.judgments,
        "clusters": None if corpus.clusters is None else len(set(corpus.clusters.values())),
        "clustered_by": corpus.clustered_by,
        "identical_ids_ignored": len(corpus.excluded),
    }


def changes(model: str, what: str, texts: Texts, side: Embeddings) -> list[Finding]:
    """The finding that the API gives other vectors today than the store has, if it does."""
    check = side.check
    if check is None:
        return []
    ids = [texts.ids[row] for row in check.changed_rows]
    return changed_vectors(ids, len(check.rows), float(check.cosines.min()), model, what)


def canary(corpus: str, texts: Texts, side: Embeddings) -> Canary:
    """The vectors of the canary's texts; of a model behind an API those that it gives today, where it was asked."""
    rows = canary_rows(texts)
    found = side.check.vectors if side.check else side.vectors[rows]
    sha = digests((texts.texts[row],) for row in rows.tolist())
    vectors = cut(found, found.shape[1])
    return Canary(
        corpus=corpus,
        side=side.side,
        ids=tuple(texts.ids[row] for row in rows),
        text_sha256=tuple(each.ljust(BYTES, b"\0").hex() for each in sha),
        vectors=vectors.astype(np.float16),
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
    }
    untimed = dict.fromkeys(figures, UNTIMED) if timing is None else {}
    if timing and timing.seconds is None:
        untimed = {"tokens_per_second": ONE_BY_ONE}
    reasons = {**untimed, **{name: WHY_UNMEASURED[name] for name in ("tokens", "truncated_texts", "verification")}}
    return {
        "model": model,
        "corpus": corpus,
        "side": side.side,
        "texts": meta["texts"],
        "dims": meta["dims"],
        "cached": side.cached,
        "created_at": meta["created_at"],
        "runtime": side.model,
        **({"checked_at": checked_at(side)} if side.model["device"] in (HOSTED, SERVED) else {}),
        **figures,
        "unmeasured": unmeasured(figures, reasons),
    }
