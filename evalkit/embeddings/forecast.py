"""What encoding the texts that are not stored yet will take on this machine, from a short sample of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.filesize import decimal

from evalkit.arrays import Rows
from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.budgets import texts_ahead
from evalkit.embeddings.chunking import Chunks
from evalkit.embeddings.store import EmbeddingStore
from evalkit.encoders import Encoded, Encoder, Side
from evalkit.encoders.capabilities import load
from evalkit.results.in_words import about, time_left

SAMPLE_SECONDS = 1.5  # beside a warm-up and a first look
FIRST_SAMPLE, GROWTH, MOST_SAMPLED = 4, 4, 1024  # texts
TOLD_SECONDS = 30.0
FEW_TEXTS = 64  # are quicker encoded than sampled
SEED = 0
NAMES = {"document": ("document", "documents"), "chunk": ("chunk", "chunks"), "query": ("query", "queries")}


@dataclass(frozen=True)
class Pass:
    """What is not stored yet of one side of one corpus: the ``rows`` of its ``texts``, which are called ``name``."""

    name: str
    side: Side
    texts: Texts
    rows: Rows

    def sample(self, count: int) -> list[str]:
        """``count`` of the texts, drawn with a fixed seed; all of them where there are no more."""
        drawn = np.random.default_rng(SEED).permutation(len(self.rows))[:count]
        return [self.texts.texts[row] for row in self.rows[drawn].tolist()]


@dataclass(frozen=True)
class Forecast:
    """``counts`` of texts to encode by name, the ``bytes`` that their vectors take, and about how long that takes.

    ``seconds`` and ``tokens`` are null where nothing was sampled, tokens also where the model tells none.
    """

    counts: dict[str, int]
    bytes: int
    seconds: float | None = None
    tokens: int | None = None

    def __str__(self) -> str:
        if not self.counts:
            return "nothing to encode, every vector is stored"
        counts = [f"{count:,} {NAMES[name][count != 1]}" for name, count in self.counts.items()]
        tokens = "" if self.tokens is None else f", about {about(self.tokens)} tokens"
        time = "" if self.seconds is None else f"about {time_left(self.seconds)} on this machine, "
        return f"{' and '.join(counts)} to encode{tokens}: {time}{decimal(self.bytes)} of vectors on disk"


def passes_to_make(store: EmbeddingStore, encoder: Encoder, corpora: Iterable[tuple[Corpus, Chunks]]) -> list[Pass]:
    """The sides of ``corpora`` that some shards are missing of, with the rows of these."""
    passes = []
    for corpus, chunks in corpora:
        documents = "document" if chunks.document is None else "chunk"
        sides: tuple[tuple[str, Side, Texts], ...] = (
            (documents, "document", chunks.texts),
            ("query", "query", corpus.queries),
        )
        for name, side, texts in sides:
            ahead = texts_ahead(store, encoder, side, texts, 0) if len(texts) else None
            if ahead is not None and len(shards := ahead.shards):
                rows = np.concatenate([np.asarray(shards.rows(index)) for index in shards.indices])
                passes.append(Pass(name, side, shards.texts, rows))
    return passes


def to_encode(store: EmbeddingStore, encoder: Encoder, passes: Sequence[Pass]) -> Forecast:
    """How many texts, and the bytes of their vectors. Asks the model for nothing but its width."""
    counts: dict[str, int] = {}
    for each in passes:
        counts[each.name] = counts.get(each.name, 0) + len(each.rows)
    width = encoder.dims * np.dtype(store.dtype).itemsize if passes else 0
    return Forecast(counts, sum(counts.values()) * width)


def timed(forecast: Forecast, encoder: Encoder, passes: Sequence[Pass], least_seconds: float) -> Forecast:
    """``forecast`` with time and tokens, by a sample of each of the ``passes``, of about two seconds in all.

    Where the first few texts say that it takes less than ``least_seconds``, that is not looked into further.
    """
    load(encoder)
    for each in passes:
        encoder.encode(each.sample(FIRST_SAMPLE), each.side)  # a warm-up
    seconds, tokens = totals(encoder, passes, 0.0)
    if seconds >= least_seconds:
        seconds, tokens = totals(encoder, passes, SAMPLE_SECONDS)
    return replace(forecast, seconds=seconds, tokens=tokens)


def totals(encoder: Encoder, passes: Sequence[Pass], sample_seconds: float) -> tuple[float, int | None]:
    """Seconds and tokens of all ``passes``, as samples tell that take about ``sample_seconds`` together."""
    seconds, tokens = 0.0, 0.0
    for each in passes:
        samples = growing_samples(encoder, each, sample_seconds / len(passes))
        encoded = samples[-1]
        share = len(each.rows) / len(encoded.vectors)
        quickest = min(sample.seconds / len(sample.vectors) for sample in samples)  # what else runs here only slows
        seconds += quickest * len(each.rows)
        tokens += np.nan if encoded.tokens is None else float(encoded.tokens.sum()) * share
    return seconds, None if np.isnan(tokens) else round(tokens)


def growing_samples(encoder: Encoder, each: Pass, seconds: float) -> list[Encoded]:
    """Larger and larger samples of a pass, as many as can be encoded in about ``seconds``; one in any case."""
    samples: list[Encoded] = []
    size = FIRST_SAMPLE
    while True:
        samples.append(encoder.encode(each.sample(size), each.side))
        seconds -= samples[-1].seconds
        if samples[-1].seconds * GROWTH > seconds or size >= min(len(each.rows), MOST_SAMPLED):
            return samples
        size *= GROWTH
