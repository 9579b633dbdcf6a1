"""One encoding pass per corpus side: shards, what is measured on the way, and what may not leave a model.

Throughput covers encoding alone: the model is loaded and warm before the clock starts, and what a resumed pass
found on disk counts with the seconds that it took then.
"""

import math
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.chunking import Chunks, whole
from evalkit.embeddings.store import EmbeddingStore, Entry
from evalkit.encoders import Advance, Encoded, Encoder, Side
from evalkit.encoders.encoder import FloatMatrix
from evalkit.errors import UserError
from evalkit.measures.memory import PeakMemory

LATENCY_WARM_UP = 10
VERIFIED_TEXTS = 64


@dataclass(frozen=True)
class Embeddings:
    """The stored matrix of one side of one corpus by one encoder (n × native dims, float32, not yet unit length).

    ``meta`` holds the measurements of the pass that made it, ``cached`` says that it was made by an earlier run.
    """

    side: Side
    vectors: FloatMatrix
    meta: dict[str, Any]
    cached: bool

    @property
    def truncated(self) -> npt.NDArray[np.bool_]:
        """Per text, whether the model read only its beginning."""
        mask = np.zeros(len(self.vectors), dtype=np.bool_)
        mask[self.meta["truncated_rows"]] = True
        return mask

    @property
    def latency_ms(self) -> FloatMatrix:
        """Milliseconds of single encode calls (queries only), in the order of the queries, around and around."""
        return np.asarray(self.meta["latency_ms"], dtype=np.float32)


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
) -> CorpusEmbeddings:
    """The embeddings of ``corpus`` by ``encoder``: from ``store`` where they are, else encoded into it.

    Its documents are encoded as ``chunks``; null is each of them whole.

    Raises UserError where the model gives a vector that is not finite, all zeros or of the wrong width.
    """

    def one_side(side: Side, texts: Texts, calls: int) -> Embeddings:
        return embed_side(store, encoder, side, texts, calls, progress(f"{corpus.name} {side}", len(texts)))

    chunks = chunks or whole(corpus.documents)
    return CorpusEmbeddings(
        chunks=chunks,
        documents=one_side("document", chunks.texts, 0),
        queries=one_side("query", corpus.queries, latency_calls),
    )


def embed_side(
    store: EmbeddingStore, encoder: Encoder, side: Side, texts: Texts, latency_calls: int, advance: Advance
) -> Embeddings:
    with store.entry(entry_key(store, encoder, side, texts)) as entry:
        meta = entry.meta()
        shard_count = math.ceil(len(texts) / store.shard_texts)
        cached = meta is not None and len(entry.shards(store.shard_texts)) == shard_count
        if meta is None or not cached:
            meta = encode_entry(entry, encoder, side, texts, store.shard_texts, latency_calls, advance)
        return Embeddings(side, entry.read(), meta, cached)


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
    latency_calls: int,
    advance: Advance,
) -> dict[str, Any]:
    """Encode the shards that ``entry`` lacks, and mark it as whole. Returns its meta."""
    encoder.load()
    encoder.peak_device_bytes()
    entry.open_vectors((len(texts), encoder.dims))
    done = {index: shard.measured for index, shard in entry.shards(rows_per_shard).items()}
    with PeakMemory() as memory:
        for index, first in enumerate(range(0, len(texts), rows_per_shard)):
            rows = range(first, min(first + rows_per_shard, len(texts)))
            if index in done:
                advance(len(rows))
                continue
            encoded = encoder.encode([texts.texts[i] for i in rows], side, advance)
            check_vectors(encoded, encoder, [texts.ids[i] for i in rows])
            done[index] = {
                "seconds": encoded.seconds,
                "tokens": None if encoded.tokens is None else int(encoded.tokens.sum()),
                "truncated_rows": [first + int(i) for i in np.flatnonzero(encoded.truncated)],
            }
            entry.write_shard(index, first, encoded.vectors, done[index])
    peak_gpu_bytes = encoder.peak_device_bytes()
    return entry.finish(
        {
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "texts": len(texts),
            "dims": encoder.dims,
            "tokens": total(m["tokens"] for m in done.values()),
            "seconds": sum(m["seconds"] for m in done.values()),
            "truncated_rows": sorted(row for m in done.values() for row in m["truncated_rows"]),
            "max_length": encoder.max_length,
            "peak_rss_bytes": memory.peak_rss_bytes,
            "peak_gpu_bytes": peak_gpu_bytes,
            "latency_ms": single_call_latencies_ms(encoder, side, texts.texts, latency_calls),
            "model": encoder.description(),
            "verification": encoder.verify(list(texts.texts[:VERIFIED_TEXTS]), side),
            "machine": platform.node(),
        }
    )


def total(counts: Iterable[int | None]) -> int | None:
    """The sum; null where one of ``counts`` is not known."""
    known = list(counts)
    return None if None in known else sum(count or 0 for count in known)


def single_call_latencies_ms(encoder: Encoder, side: Side, texts: Sequence[str], calls: int) -> list[float]:
    """Milliseconds of encoding one text at a time, ``calls`` times around ``texts``, after a warm-up."""
    rounds = range(-LATENCY_WARM_UP if calls else 0, calls)
    seconds = [encoder.encode([texts[call % len(texts)]], side).seconds for call in rounds]
    return [each * 1000 for each in seconds[LATENCY_WARM_UP:]]


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
