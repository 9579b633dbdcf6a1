"""A pass encodes each text once, survives a kill, and lets nothing broken through."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.config import HostedModel
from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.embeddings import EmbeddingStore, embed
from evalkit.embeddings.entries.entry import META_VERSION
from evalkit.embeddings.entries.seals import sealed
from evalkit.encoders import Advance, Encoded, Side
from evalkit.errors import UserError

DIMS = 96
CORPUS_SIZE = 25


class CountingEncoder:
    """The protocol and no more: vectors from the bytes of the text, and a count of what it encoded."""

    def __init__(self, spoil: str = "", value: float = 0.0, revision: str = "1", fail_at: str = "") -> None:
        self.config = HostedModel(kind="counting", name="counting", revision=revision)
        self.spoil, self.value, self.fail_at = spoil, value, fail_at
        self.dims = DIMS
        self.encoded: list[str] = []

    def identity(self, side: Side) -> dict[str, Any]:
        return {"model": self.config.name, "revision": self.config.revision, "side": side}

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        if self.fail_at in texts:
            raise KeyboardInterrupt
        self.encoded += texts
        seeds = [sum(text.encode()) + 7 * len(text) for text in texts]
        vectors = np.stack([np.random.default_rng(s).normal(size=DIMS) for s in seeds]).astype(np.float32)
        vectors[[text == self.spoil for text in texts]] = self.value
        advance(len(texts))
        lengths = np.array([len(t) for t in texts])
        return Encoded(vectors, lengths, lengths > 8, 0.001 * len(texts))

    def describe(self) -> dict[str, Any]:
        return {"device": "cpu"}


@pytest.fixture
def corpus() -> Corpus:
    return make_corpus()


def make_corpus() -> Corpus:
    documents = [(f"d{i}", f"text {i}" + "!" * (i % 5)) for i in range(CORPUS_SIZE)]
    return build_corpus("c", documents, [("q", "text 3"), ("r", "what?")], {"q": {"d3": 1}, "r": {"d1": 1}})


def vectors_of(store: Path, encoder: CountingEncoder, corpus: Corpus, shard_texts: int = 4) -> np.ndarray:
    return np.array(embed(EmbeddingStore(str(store), shard_texts), encoder, corpus, 3).documents.vectors)


def test_nothing_is_encoded_twice(tmp_path: Path, corpus: Corpus) -> None:
    first, second = CountingEncoder(), CountingEncoder()
    made = embed(EmbeddingStore(str(tmp_path)), first, corpus, 3)
    again = embed(EmbeddingStore(str(tmp_path)), second, corpus, 3)
    assert second.encoded == []
    assert (made.documents.cached, again.documents.cached, again.queries.cached) == (False, True, True)
    np.testing.assert_array_equal(made.documents.vectors, again.documents.vectors)
    assert again.documents.meta == made.documents.meta
    assert again.documents.timing == made.documents.timing


def test_trap_10_one_text_on_two_sides_or_by_two_revisions_is_encoded_for_each(tmp_path: Path, corpus: Corpus) -> None:
    encoder, other = CountingEncoder(), CountingEncoder(revision="2")
    for one in (encoder, other):
        embed(EmbeddingStore(str(tmp_path)), one, corpus, 0)
        assert one.encoded.count("text 3!!!") == 1
    assert encoder.encoded.count("text 3") == 1
    assert len(list(tmp_path.glob("*/meta.json"))) == 4


def test_the_pass_is_measured(tmp_path: Path, corpus: Corpus) -> None:
    made = embed(EmbeddingStore(str(tmp_path), 4), CountingEncoder(), corpus, 7)
    meta, timing = made.documents.meta, made.documents.timing
    assert (meta["texts"], timing.texts) == (CORPUS_SIZE, CORPUS_SIZE)
    assert meta["tokens"] == timing.tokens == sum(len(t) for t in corpus.documents.texts)
    assert timing.seconds == pytest.approx(0.001 * CORPUS_SIZE)
    assert timing.texts_per_second == pytest.approx(1000)
    assert [i for i, t in enumerate(corpus.documents.texts) if len(t) > 8] == np.flatnonzero(
        made.documents.truncated
    ).tolist()
    assert len(made.queries.latency_ms) == 7
    assert made.documents.latency_ms.size == 0
    assert made.queries.latency_ms.tolist() == [1.0] * 7


def test_trap_23_an_interrupted_pass_goes_on_where_it_stopped(tmp_path: Path, corpus: Corpus) -> None:
    whole = vectors_of(tmp_path / "whole", CountingEncoder(), corpus)
    with pytest.raises(KeyboardInterrupt):
        vectors_of(tmp_path / "cut", CountingEncoder(fail_at="text 13!!!"), corpus)
    second = CountingEncoder()
    resumed = vectors_of(tmp_path / "cut", second, corpus)
    assert resumed.tobytes() == whole.tobytes()
    assert second.encoded[0] == corpus.documents.texts[12]


def test_a_half_written_shard_and_a_cut_line_are_made_again(tmp_path: Path, corpus: Corpus) -> None:
    whole = vectors_of(tmp_path / "whole", CountingEncoder(), corpus)
    with pytest.raises(KeyboardInterrupt):
        vectors_of(tmp_path / "cut", CountingEncoder(fail_at="text 13!!!"), corpus)
    (entry,) = (p.parent for p in (tmp_path / "cut").glob("*/vectors.npy"))
    with (entry / "shards.jsonl").open("a") as file:
        file.write('{"index": 3, "sha')
    with (entry / "vectors.npy").open("ab") as file:
        file.write(b"\x00" * 17)
    assert vectors_of(tmp_path / "cut", CountingEncoder(), corpus).tobytes() == whole.tobytes()


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_entry_is_noticed_and_only_what_is_damaged_made_again(
    tmp_path: Path, corpus: Corpus, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = vectors_of(tmp_path, CountingEncoder(), corpus)
    (file,) = (f for f in tmp_path.glob("*/vectors.npy") if np.load(f).shape[0] == CORPUS_SIZE)
    content = bytearray(file.read_bytes())
    content[-1] ^= 0xFF
    damaged = {"flip": bytes(content), "cut": bytes(content[:-40]), "remove": b""}[damage]
    file.write_bytes(damaged)
    second = CountingEncoder()
    assert vectors_of(tmp_path, second, corpus).tobytes() == whole.tobytes()
    if damage == "remove":
        assert second.encoded[:CORPUS_SIZE] == list(corpus.documents.texts)
    else:
        assert "encoding 1 of its 7 shards again" in capsys.readouterr().err
        assert set(second.encoded) < set(corpus.documents.texts) | set(corpus.queries.texts)


@pytest.mark.parametrize(
    ("value", "trouble"), [(np.nan, "NaN or infinity"), (np.inf, "NaN or infinity"), (0.0, "nothing but zeros")]
)
def test_trap_12_a_broken_vector_is_refused_and_its_text_named(
    tmp_path: Path, corpus: Corpus, value: float, trouble: str
) -> None:
    broken = CountingEncoder(spoil="text 13!!!", value=value)
    with pytest.raises(UserError, match=rf"{trouble}.* for the text 'd13' \(1 such"):
        vectors_of(tmp_path, broken, corpus)


@pytest.mark.parametrize("shape", [(CORPUS_SIZE - 1, DIMS), (CORPUS_SIZE, DIMS + 1)])
def test_trap_12_a_vector_too_few_or_too_wide_is_refused(
    tmp_path: Path, corpus: Corpus, shape: tuple[int, int]
) -> None:
    class Dropping(CountingEncoder):
        def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
            count = shape[0] - CORPUS_SIZE + len(texts)
            uncut = np.zeros(count, bool)
            return Encoded(np.ones((count, shape[1]), np.float32), np.ones(count, np.int64), uncut, 1.0)

    with pytest.raises(UserError, match="gave vectors of shape"):
        vectors_of(tmp_path, Dropping(), corpus, shard_texts=CORPUS_SIZE)


def test_an_entry_of_a_newer_version_is_left_alone(tmp_path: Path, corpus: Corpus) -> None:
    vectors_of(tmp_path, CountingEncoder(), corpus)
    for meta in tmp_path.glob("*/meta.json"):
        values = {**json.loads(meta.read_text()), "version": META_VERSION + 1}
        del values["seal"]
        meta.write_text(json.dumps(sealed(values, meta.parent.name)))
    with pytest.raises(UserError, match="newer evalkit"):
        vectors_of(tmp_path, CountingEncoder(), corpus)


def test_two_that_want_the_same_texts_encode_them_once(tmp_path: Path, corpus: Corpus) -> None:
    class Slow(CountingEncoder):
        def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
            time.sleep(0.05)
            return super().encode(texts, side, advance)

    encoders = [Slow(), Slow()]
    threads = [threading.Thread(target=vectors_of, args=(tmp_path, e, corpus)) for e in encoders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    encoded = [t for e in encoders for t in e.encoded if t != "text 3" and t != "what?"]
    assert sorted(encoded) == sorted(corpus.documents.texts)


ELSEWHERE = """
import os, resource, time
from pathlib import Path
from evalkit.system import busy
from tests.embeddings.test_passes import CountingEncoder, make_corpus, vectors_of
class Encoder(CountingEncoder):
    def encode(self, texts, side, advance=lambda n: None):
        {before_each_batch}
        return super().encode(texts, side, advance)
busy.THREADS = busy.MACHINE = Path("nowhere")  # nothing is timed again, however busy the machine is
encoder = Encoder()
vectors_of(Path({store!r}), encoder, make_corpus())
print(*encoder.encoded, sep="\\n")
"""


def in_another_process(store: Path, before_each_batch: str) -> subprocess.Popen[str]:
    """A process that encodes the corpus into ``store`` and prints what it encoded."""
    code = ELSEWHERE.format(store=str(store), before_each_batch=before_each_batch)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_two_processes_that_want_the_same_texts_encode_them_once(tmp_path: Path, corpus: Corpus) -> None:
    processes = [in_another_process(tmp_path, "time.sleep(0.1)") for _ in range(2)]
    printed = [process.communicate()[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    encoded = [t for lines in printed for t in lines if t not in ("", "text 3", "what?")]
    assert sorted(encoded) == sorted(t for t in corpus.documents.texts if t != "text 3")


def test_a_full_disk_loses_no_finished_shard(tmp_path: Path, corpus: Corpus) -> None:
    whole = vectors_of(tmp_path / "whole", CountingEncoder(), corpus)
    limit = 128 + 3 * 4 * DIMS * 4  # bytes: a header and three shards of four vectors
    full = in_another_process(tmp_path / "full", f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))")
    assert "File too large" in full.communicate()[1]
    second = CountingEncoder()
    assert vectors_of(tmp_path / "full", second, corpus).tobytes() == whole.tobytes()
    assert not set(second.encoded) & (set(corpus.documents.texts[:8]) - set(corpus.queries.texts))


@pytest.mark.parametrize("victim", ["text 1!", "text 13!!!", "text 24!!!!", "what?"])
def test_a_killed_process_blocks_nobody_and_loses_no_finished_shard(
    tmp_path: Path, corpus: Corpus, victim: str
) -> None:
    whole = vectors_of(tmp_path / "whole", CountingEncoder(), corpus)
    process = in_another_process(tmp_path / "killed", f"{victim!r} in texts and os.kill(os.getpid(), 9)")
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    second = CountingEncoder()
    assert vectors_of(tmp_path / "killed", second, corpus).tobytes() == whole.tobytes()
    finished = list(corpus.documents.texts).index(victim) // 4 * 4 if victim != "what?" else CORPUS_SIZE
    assert not set(second.encoded) & (set(corpus.documents.texts[:finished]) - set(corpus.queries.texts))
