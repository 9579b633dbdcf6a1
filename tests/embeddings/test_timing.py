"""A timing belongs to the machine, threads and day that made it: vectors are shared, timings are measured again."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.embeddings import CorpusEmbeddings, EmbeddingStore, embed, timing
from evalkit.embeddings.inventory import inventory
from evalkit.embeddings.pruning import prune
from evalkit.encoders import Advance, Encoded, Side
from evalkit.results.reader import read_run, stored_runs
from evalkit.system import busy
from tests.embeddings.test_passes import CountingEncoder

TEXTS = 200


class Paced(CountingEncoder):
    """An encoder that reads ``speed`` texts a second, whatever machine this is."""

    def __init__(self, speed: float, threads: int = 1, **more: Any) -> None:
        super().__init__(**more)
        self.speed, self.threads = speed, threads

    def timing_settings(self) -> dict[str, Any]:
        return {"threads": self.threads}

    def describe(self) -> dict[str, Any]:
        return {"device": "cpu", "threads": self.threads}

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        return replace(super().encode(texts, side, advance), seconds=len(texts) / self.speed)


@pytest.fixture
def corpus() -> Corpus:
    documents = [(f"d{i}", f"text {i}" + "!" * (i % 5)) for i in range(TEXTS)]
    return build_corpus("c", documents, [("q", "text 3"), ("r", "what?")], {"q": {"d3": 1}, "r": {"d1": 1}})


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """``on("a")``: from now on this is the machine whose CPU is called that."""

    def machine(cpu: str) -> None:
        made = {"cpu": {"model": cpu}, "ram_bytes": 8e9, "gpu": [], "threads": {"faiss": 1}}
        monkeypatch.setattr(timing, "machine", lambda: made)

    return machine


def embedded(store: Path, encoder: CountingEncoder, corpus: Corpus, seconds: float = 0.5) -> CorpusEmbeddings:
    return embed(EmbeddingStore(str(store), shard_texts=50), encoder, corpus, 3, timing_seconds=seconds)


def test_another_machine_takes_the_vectors_and_measures_itself(
    tmp_path: Path, corpus: Corpus, on: Callable[[str], None]
) -> None:
    on("slow")
    first = embedded(tmp_path, Paced(10), corpus)
    on("quick")
    quick = Paced(100)
    second = embedded(tmp_path, quick, corpus)
    np.testing.assert_array_equal(first.documents.vectors, second.documents.vectors)
    assert (first.documents.timing.texts_per_second, second.documents.timing.texts_per_second) == (10, 100)
    assert (first.documents.timing.texts, second.documents.timing.texts) == (TEXTS, 50)  # half a second of it
    assert (first.queries.latency_ms.tolist(), second.queries.latency_ms.tolist()) == ([100] * 3, [10] * 3)
    assert [side.timing.conditions.cpu for side in (first.documents, second.documents)] == ["slow", "quick"]
    assert len(quick.encoded) < TEXTS


def test_other_threads_are_another_timing_and_both_are_kept(
    tmp_path: Path, corpus: Corpus, on: Callable[[str], None]
) -> None:
    on("here")
    for threads, speed in ((1, 10), (2, 20)):
        found = embedded(tmp_path, Paced(speed, threads), corpus).documents
        assert (found.timing.texts_per_second, found.model["threads"]) == (speed, threads)
    for threads, speed in ((1, 10), (2, 20)):
        silent = Paced(99, threads)
        found = embedded(tmp_path, silent, corpus).documents
        assert (found.timing.texts_per_second, found.model["threads"]) == (speed, threads)
        assert silent.encoded == []


def test_a_resumed_pass_counts_only_what_was_encoded_here(
    tmp_path: Path, corpus: Corpus, on: Callable[[str], None]
) -> None:
    """Two of four shards by the slow machine, two by the quick one: no mean of both is anybody's speed."""
    on("slow")
    with pytest.raises(KeyboardInterrupt):
        embedded(tmp_path, Paced(10, fail_at=corpus.documents.texts[120]), corpus)
    on("quick")
    assert embedded(tmp_path, Paced(100), corpus, 60).documents.timing.texts_per_second == 100
    assert embedded(tmp_path, Paced(100), corpus, 60).documents.timing.texts == 100
    on("slow")
    assert embedded(tmp_path, Paced(10), corpus, 60).documents.timing.texts == 100  # from what it did before


def test_too_few_shards_of_this_machine_are_no_measurement(
    tmp_path: Path, corpus: Corpus, on: Callable[[str], None]
) -> None:
    on("slow")
    with pytest.raises(KeyboardInterrupt):
        embedded(tmp_path, Paced(10, fail_at=corpus.documents.texts[160]), corpus)
    on("quick")
    quick = Paced(100)
    assert embedded(tmp_path, quick, corpus, 60).documents.timing.texts == TEXTS  # a sample of all of them
    assert quick.encoded.count(corpus.documents.texts[160]) == 2


def test_without_time_for_a_sample_it_is_null(tmp_path: Path, corpus: Corpus, on: Callable[[str], None]) -> None:
    on("here")
    assert embedded(tmp_path, Paced(10), corpus, 0).queries.latency_ms.tolist() == [100] * 3  # a pass times itself
    on("elsewhere")
    encoder = Paced(10)
    found = embedded(tmp_path, encoder, corpus, 0)
    assert (found.documents.timing, found.queries.timing, found.queries.latency_ms.size) == (None, None, 0)
    assert encoder.encoded == []


def test_a_sample_is_the_same_every_time_and_in_the_order_of_the_corpus(tmp_path: Path, corpus: Corpus) -> None:
    made = []
    for _ in range(2):
        encoder = Paced(100)
        conditions = timing.Conditions.of(encoder.timing_settings())
        timing.time_on_sample(encoder, "document", corpus.documents, 50, 0.8, conditions)
        made.append(encoder.encoded[timing.WARM_UP_TEXTS :])
    assert made[0] == made[1]
    rows = [list(corpus.documents.texts).index(text) for text in made[0]]
    assert rows == sorted(set(rows))
    assert len(rows) == 80
    assert 60 < np.mean(rows) < 140  # from all over the corpus


def test_fewer_single_calls_than_asked_for_are_made_again(tmp_path: Path, corpus: Corpus) -> None:
    embedded(tmp_path, Paced(10), corpus)
    more = embed(EmbeddingStore(str(tmp_path), shard_texts=50), Paced(20), corpus, 7)
    assert more.queries.latency_ms.tolist() == [50] * 7
    assert more.documents.timing.texts_per_second == 10


def test_an_entry_of_the_first_version_gives_its_vectors_and_not_its_timings(tmp_path: Path, corpus: Corpus) -> None:
    made = embedded(tmp_path, Paced(10), corpus)
    for file in tmp_path.glob("*/timing-*.json"):
        file.unlink()
    for file in tmp_path.glob("*/meta.json"):
        old = {**json.loads(file.read_text()), "version": 1, "seconds": 7.0, "latency_ms": [1.0, 2.0]}
        del old["seal"]
        file.write_text(json.dumps(old))
    for file in tmp_path.glob("*/shards.jsonl"):
        shards = [json.loads(line) for line in file.read_text().splitlines()]
        for shard in shards:
            del shard["measured"]["timing"], shard["measured"]["encoded_at"], shard["seal"], shard["dims"]
        file.write_text("\n".join(map(json.dumps, shards)) + "\n")
    again = embedded(tmp_path, Paced(20), corpus)
    assert again.documents.cached
    np.testing.assert_array_equal(made.documents.vectors, again.documents.vectors)
    assert again.documents.timing.texts_per_second == 20


def test_timings_count_and_go_with_their_entry(tmp_path: Path, corpus: Corpus, on: Callable[[str], None]) -> None:
    store = EmbeddingStore(str(tmp_path), shard_texts=50)
    for cpu in ("one", "another"):
        on(cpu)
        embedded(tmp_path, Paced(10), corpus)
    assert len(list(tmp_path.glob("*/timing-*.json"))) == 4
    for item in inventory(store):
        assert item.size_bytes == sum(f.stat().st_size for f in (tmp_path / item.name).iterdir())
    assert len(prune(store, max_bytes=0).removed) == 2
    assert list(tmp_path.glob("*/timing-*.json")) == []


def test_a_run_says_whose_its_timings_are(tiny_run: list[str], tmp_path: Path) -> None:
    """The same vectors with one thread, two, and two again: three figures would be one too many, one too few."""
    for threads in (1, 2, 2):
        assert main([*tiny_run, f"runtime.threads={threads}"]) == 0
    runs = [read_run(folder).about for folder in stored_runs(tmp_path / "results")]
    documents = [run["embeddings"][0] for run in runs]
    assert [each["cached"] for each in documents] == [False, True, True]
    assert [each["threads"] for each in documents] == [1, 2, 2]
    assert [run["models"][0]["threads"] for run in runs] == [1, 2, 2]
    speeds = [run["points"][0]["documents_per_second"] for run in runs]
    assert speeds[0] != speeds[1] == speeds[2]
    one, two, again = (each["timed_on"] for each in documents)
    assert one["hardware"] != two["hardware"] == again["hardware"]
    assert documents[0]["texts"] == documents[0]["timed_texts"] == 12


def test_a_run_without_a_timing_has_nulls_with_their_reason(tiny_run: list[str], tmp_path: Path) -> None:
    assert main([*tiny_run, "runtime.threads=1"]) == 0
    arguments = ["runtime.threads=2", "runtime.timing_seconds=0", "stages=bm25"]
    assert main([*tiny_run, *arguments]) == 0
    about = read_run(stored_runs(tmp_path / "results")[-1]).about
    columns = ("documents_per_second", "tokens_per_second", "peak_rss_bytes", "encode_query_ms_p50", "query_ms_p95")
    dense, fused = about["points"]
    for column in columns:
        assert dense[column] is None
        assert "made on another machine or with other threads" in dense["unmeasured"][column]
        if column != "peak_rss_bytes":  # which BM25 has
            assert fused[column] is None
            assert fused["unmeasured"][column] == dense["unmeasured"][column]
    assert dense["search_ms_p50"] > 0
    assert dense["nDCG@10"] > 0
    for record in (*about["points"], *about["embeddings"]):
        assert {k for k, v in record.items() if v is None} == set(record["unmeasured"])


def test_what_was_timed_on_a_busy_machine_is_timed_again_until_it_is_quiet(
    tmp_path: Path, corpus: Corpus, on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every look at the clock finds that the only thread has waited for another hour, or for no time."""
    hours = {"busy": count(0, 3_600 * 10**9), "quiet": repeat(0)}
    state = "busy"
    monkeypatch.setattr(busy, "waited_ns", lambda: {"1": next(hours[state])})
    monkeypatch.setattr(timing, "LEAST_AGAIN_SECONDS", 0.0)
    on("here")
    first = embedded(tmp_path, Paced(10), corpus)
    assert all(side.timing.is_disturbed for side in (first.documents, first.queries))
    state = "quiet"
    again = embedded(tmp_path, Paced(100), corpus)
    assert again.documents.timing.texts_per_second == 100
    assert again.queries.latency_ms.tolist() == [10] * 3
    assert not any(side.timing.is_disturbed for side in (again.documents, again.queries))
    silent = Paced(7)
    assert embedded(tmp_path, silent, corpus).documents.timing.texts_per_second == 100
    assert silent.encoded == []
