"""One encoding pass per corpus side: shards, what is measured on the way, and what may not leave a model."""

import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix
from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.canary import CanaryCheck, check_canary
from evalkit.embeddings.chunking import Chunks, whole
from evalkit.embeddings.store import EmbeddingStore, Entry
from evalkit.embeddings.timing import (
    Conditions,
    Timing,
    TimingPlan,
    is_enough,
    keep_timing,
    now,
    read_timing,
    single_call_latencies_ms,
    time_of_shards,
    time_on_sample,
    total,
)
from evalkit.encoders import Advance, Encoded, Encoder, Side
from evalkit.encoders.hosted.encoder import HostedEncoder
from evalkit.encoders.width import check_width
from evalkit.errors import UserError
from evalkit.measures.memory import PeakMemory

VERIFIED_TEXTS = 64
OF_TIMING = ("device", "threads", "token_budget", "parallel")


@dataclass(frozen=True)
class Embeddings:
    """The stored matrix of one side of one corpus by one encoder (n × native dims, float32, not yet unit length).

    ``meta`` holds what the pass that made it says of the vectors, ``cached`` that it was an earlier run's. ``timing``
    is what encoding takes on this machine with these threads; null where that was not measured. ``check`` is what an
    API gives today in the place of some cached vectors; null where nothing was cached, or the API was not asked.
    """

    side: Side
    vectors: FloatMatrix
    meta: dict[str, Any]
    timing: Timing | None
    cached: bool
    check: CanaryCheck | None = None

    @property
    def truncated(self) -> npt.NDArray[np.bool_] | None:
        """Per text, whether the model read only its beginning; null where nobody can tell."""
        if self.meta["truncated_rows"] is None:
            return None
        mask = np.zeros(len(self.vectors), dtype=np.bool_)
        mask[self.meta["truncated_rows"]] = True
        return mask

    @property
    def latency_ms(self) -> FloatMatrix:
        """Milliseconds of single encode calls (queries only), in the order of the queries, around and around."""
        return np.asarray(self.timing.latency_ms if self.timing else (), dtype=np.float32)

    @property
    def model(self) -> dict[str, Any]:
        """The encoder's description of itself: of the vectors as they were made, of threads and device as timed."""
        made = {name: value for name, value in self.meta["model"].items() if name not in OF_TIMING}
        return {**made, **(self.timing.runtime if self.timing else {"device": self.meta["model"]["device"]})}


@dataclass(frozen=True)
class CorpusEmbeddings:
    """Both sides of one corpus by one encoder; ``documents`` has a vector for each of ``chunks``."""

    chunks: Chunks
    documents: Embeddings
    queries: Embeddings


Progress = Callable[[str, int], Advance]


def no_progress(what: str, total: int) -> Advance:
    return lambda n: None


def embed(
    store: EmbeddingStore,
    encoder: Encoder,
    corpus: Corpus,
    latency_calls: int = 200,
    progress: Progress = no_progress,
    chunks: Chunks | None = None,
    timing_seconds: float = 10.0,
) -> CorpusEmbeddings:
    """The embeddings of ``corpus`` by ``encoder``: from ``store`` where they are, else encoded into it.

    Its documents are encoded as ``chunks``; null is each of them whole. Where vectors are there and no timing of this
    machine is, a sample of the texts is timed for about ``timing_seconds``; 0 times nothing.

    Raises UserError where the model gives a vector that is not finite, all zeros or of the wrong width.
    """
    timed = TimingPlan(latency_calls, timing_seconds)

    def one_side(side: Side, texts: Texts, plan: TimingPlan) -> Embeddings:
        return embed_side(store, encoder, side, texts, plan, progress(f"{corpus.name} {side}", len(texts)))

    chunks = chunks or whole(corpus.documents)
    return CorpusEmbeddings(
        chunks=chunks,
        documents=one_side("document", chunks.texts, replace(timed, latency_calls=0)),
        queries=one_side("query", corpus.queries, timed),
    )


def embed_side(
    store: EmbeddingStore, encoder: Encoder, side: Side, texts: Texts, plan: TimingPlan, advance: Advance
) -> Embeddings:
    conditions = Conditions.of(encoder.timing_settings())
    with store.entry(entry_key(store, encoder, side, texts)) as entry:
        meta = entry.meta()
        shards = [shard.measured for shard in entry.shards(store.shard_texts).values()] if meta else []
        cached = meta is not None and len(shards) == math.ceil(len(texts) / store.shard_texts)
        if meta is None or not cached:
            meta, shards = encode_entry(entry, encoder, side, texts, store.shard_texts, conditions, advance)
        if isinstance(encoder, HostedEncoder):
            # From the texts, not from the store: older entries hold estimates that were too small, and unasked zeros.
            meta = {**meta, "truncated_rows": rows_of(encoder.may_be_cut(texts.texts, side), 0)}
            # A sample of its texts would cost what no estimate said.
            plan = replace(plan, sample_seconds=0.0)
        timing = timing_of(entry, encoder, side, texts, shards, plan, conditions, is_new=not cached)
        vectors = entry.read()
    if not isinstance(encoder, HostedEncoder):  # whose own width may change, which its canary tells
        check_width(encoder.config, vectors.shape[1])
    check = None
    if cached and isinstance(encoder, HostedEncoder) and encoder.api.check_canary:
        check = check_canary(encoder, side, texts, vectors)
    return Embeddings(side, vectors, meta, timing, cached, check)


def entry_key(store: EmbeddingStore, encoder: Encoder, side: Side, texts: Texts) -> dict[str, Any]:
    """Everything that decides the stored vectors of ``texts``."""
    kept = {"texts": texts.fingerprint, "shard_texts": store.shard_texts, "dtype": store.dtype}
    return {**encoder.identity(side), **kept}


def encode_entry(
    entry: Entry,
    encoder: Encoder,
    side: Side,
    texts: Texts,
    rows_per_shard: int,
    conditions: Conditions,
    advance: Advance,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Encode the shards that ``entry`` lacks and mark it as whole: its meta, and what was measured on every shard."""
    encoder.load()
    encoder.peak_device_bytes()
    entry.open_vectors((len(texts), encoder.dims))
    done = {index: shard.measured for index, shard in entry.shards(rows_per_shard).items()}
    for index, first in enumerate(range(0, len(texts), rows_per_shard)):
        rows = range(first, min(first + rows_per_shard, len(texts)))
        if index in done:
            advance(len(rows))
            continue
        with PeakMemory() as memory:
            encoded = encoder.encode([texts.texts[i] for i in rows], side, advance)
        check_vectors(encoded, encoder, [texts.ids[i] for i in rows])
        done[index] = {
            "timing": conditions.key,
            "texts": len(rows),
            "seconds": encoded.seconds,
            "tokens": None if encoded.tokens is None else int(encoded.tokens.sum()),
            "truncated_rows": rows_of(encoded.truncated, first),
            "peak_rss_bytes": memory.peak_rss_bytes,
            "peak_gpu_bytes": encoder.peak_device_bytes(),
        }
        entry.write_shard(index, first, encoded.vectors, done[index])
    meta = entry.finish(
        {
            "created_at": now(),
            "texts": len(texts),
            "dims": encoder.dims,
            "tokens": total([m["tokens"] for m in done.values()]),
            "truncated_rows": all_rows([m["truncated_rows"] for m in done.values()]),
            "max_length": encoder.max_length,
            "model": encoder.description(),
            "verification": encoder.verify(list(texts.texts[:VERIFIED_TEXTS]), side),
            "machine": platform.node(),
        }
    )
    return meta, list(done.values())


def rows_of(mask: npt.NDArray[np.bool_] | None, first: int) -> list[int] | None:
    """Rows of an entry that ``mask`` marks, which begins at row ``first``; null where nothing is known."""
    return None if mask is None else [first + int(i) for i in np.flatnonzero(mask)]


def all_rows(shards: Sequence[list[int] | None]) -> list[int] | None:
    """The rows of all shards, ascending; null where they are not known of one."""
    known = [rows for rows in shards if rows is not None]
    return sorted(row for rows in known for row in rows) if len(known) == len(shards) else None


def timing_of(
    entry: Entry,
    encoder: Encoder,
    side: Side,
    texts: Texts,
    shards: Sequence[dict[str, Any]],
    plan: TimingPlan,
    conditions: Conditions,
    is_new: bool,
) -> Timing | None:
    """The timing of ``entry`` under ``conditions``: kept from before, of enough shards, or of a sample; else null."""
    kept = read_timing(entry, conditions)
    timing = kept
    if timing is None:
        timing = time_of_shards(shards, encoder, conditions)
        if plan.sample_seconds and not is_enough(timing, len(texts), plan):
            rows_per_call = int(entry.key["shard_texts"])
            timing = time_on_sample(encoder, side, texts, rows_per_call, plan.sample_seconds, conditions)
    if timing and (is_new or plan.sample_seconds) and len(timing.latency_ms) < plan.latency_calls:
        encoder.load()
        latency_ms = single_call_latencies_ms(encoder, side, texts.texts, plan.latency_calls)
        timing = replace(timing, latency_ms=latency_ms)
    if timing and timing is not kept:
        keep_timing(entry, timing)
    return timing


def check_vectors(encoded: Encoded, encoder: Encoder, ids: Sequence[str]) -> None:
    """One finite, non-zero vector of the right width per text, or a UserError that names the first bad text."""
    vectors = encoded.vectors
    name = encoder.config.name
    if vectors.shape != (len(ids), encoder.dims):
        raise UserError(f"{name} gave vectors of shape {vectors.shape} for {len(ids)} texts of {encoder.dims} dims.")
    for trouble, rows in (
        ("NaN or infinity in it", ~np.isfinite(vectors).all(axis=1)),
        ("nothing but zeros", ~vectors.any(axis=1)),
    ):
        if rows.any():
            first = ids[int(np.argmax(rows))]
            raise UserError(
                f"{name} gave a vector with {trouble} for the text '{first}' ({int(rows.sum())} such texts).",
                "Is the precision too low for this model? Try runtime.precision=float32.",
            )
