"""What encoding will take is counted from what the store lacks, and timed on a short sample of it."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.embeddings import EmbeddingStore, embed
from evalkit.embeddings.chunking import whole
from evalkit.embeddings.forecast import Forecast, Pass, passes_to_make, timed, to_encode
from evalkit.encoders import Advance, Encoded, Side
from tests.embeddings.test_passes import DIMS, CountingEncoder

DOCUMENTS, QUERIES = 1_000, 70


class SlowEncoder(CountingEncoder):
    """Says that each text takes ``seconds_each``, and takes no time."""

    def __init__(self, seconds_each: float) -> None:
        super().__init__()
        self.seconds_each = seconds_each
        self.said_seconds = 0.0

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        encoded = super().encode(texts, side, advance)
        self.said_seconds += self.seconds_each * len(texts)
        return Encoded(encoded.vectors, encoded.tokens, encoded.truncated, self.seconds_each * len(texts))


def make_corpus(documents: int = DOCUMENTS) -> Corpus:
    texts = [(f"d{i}", f"{i:07}") for i in range(documents)]
    queries = [(f"q{i}", f"{i:03}") for i in range(QUERIES)]
    return build_corpus("numbers", texts, queries, {f"q{i}": {f"d{i}": 1} for i in range(QUERIES)})


def passes_of(store: EmbeddingStore, encoder: CountingEncoder, corpus: Corpus) -> list[Pass]:
    return passes_to_make(store, encoder, [(corpus, whole(corpus.documents))])


def test_what_is_stored_is_not_counted(tmp_path: Path) -> None:
    store, encoder = EmbeddingStore(str(tmp_path), shard_texts=100, dtype="float16"), CountingEncoder()
    corpus = make_corpus()
    first = to_encode(store, encoder, passes_of(store, encoder, corpus))
    assert first == Forecast({"document": 1_000, "query": 70}, 1_070 * DIMS * 2)
    queries = zip(corpus.queries.ids, corpus.queries.texts, strict=True)
    fewer = build_corpus("fewer", [("d1", "one")], list(queries), {f"q{i}": {"d1": 1} for i in range(QUERIES)})
    embed(store, encoder, fewer, latency_calls=0, timing_seconds=0)
    assert to_encode(store, encoder, passes_of(store, encoder, corpus)).counts == {"document": 1_000}
    embed(store, encoder, corpus, latency_calls=0, timing_seconds=0)
    nothing = to_encode(store, encoder, passes_of(store, encoder, corpus))
    assert str(nothing) == "nothing to encode, every vector is stored"


def test_the_rest_of_a_pass_that_was_interrupted_is_counted(tmp_path: Path) -> None:
    store, corpus = EmbeddingStore(str(tmp_path), shard_texts=100), make_corpus()
    with pytest.raises(KeyboardInterrupt):
        embed(store, CountingEncoder(fail_at=f"{250:07}"), corpus, latency_calls=0, timing_seconds=0)
    documents, queries = passes_of(store, CountingEncoder(), corpus)
    assert list(documents.rows) == list(range(200, 1_000))
    assert len(queries.rows) == QUERIES
    assert set(documents.sample(1_000)) == {f"{i:07}" for i in range(200, 1_000)}


@pytest.mark.parametrize("seconds_each", [0.0001, 0.05, 3.0])
def test_time_and_tokens_are_those_of_all_texts_from_a_short_sample(seconds_each: float, tmp_path: Path) -> None:
    store, encoder = EmbeddingStore(str(tmp_path)), SlowEncoder(seconds_each)
    passes = passes_of(store, encoder, make_corpus())
    forecast = timed(to_encode(store, encoder, passes), encoder, passes, 0.0)
    assert forecast.seconds == pytest.approx(seconds_each * 1_070)
    assert forecast.tokens == 1_000 * 7 + 70 * 3  # CountingEncoder counts letters
    least = 4 * 2 * seconds_each  # four texts of both sides: for the warm-up, at first sight, and as a sample
    assert encoder.said_seconds <= 2 * least + max(1.5, least)
    assert len(passes_of(store, encoder, make_corpus())) == 2  # nothing of it is stored


def test_a_pass_that_is_short_at_first_sight_is_not_sampled_further(tmp_path: Path) -> None:
    store, encoder = EmbeddingStore(str(tmp_path)), SlowEncoder(0.001)
    passes = passes_of(store, encoder, make_corpus())
    assert timed(Forecast({}, 0), encoder, passes, 30.0).seconds == pytest.approx(1.07)
    assert len(encoder.encoded) == 2 * 2 * 4


@pytest.mark.parametrize(
    ("forecast", "said"),
    [
        (
            Forecast({"document": 1_398, "query": 1}, 2_148_864, 80.2, 243_701),
            "1,398 documents and 1 query to encode, about 240,000 tokens: "
            "about 1 min 21 s on this machine, 2.1 MB of vectors on disk",
        ),
        (Forecast({"chunk": 2}, 3_072), "2 chunks to encode: 3.1 kB of vectors on disk"),
    ],
)
def test_a_forecast_in_words(forecast: Forecast, said: str) -> None:
    assert str(forecast) == said
