"""Whoever encodes the shards, in whatever order: the store is the same, and a shard that is lost or doubled is said."""

import json
import multiprocessing
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.config import ExecutorConfig
from evalkit.config.checks.run import check
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices
from evalkit.corpora.corpus import Corpus
from evalkit.embeddings import EmbeddingStore, Executor, embed, load_executor
from evalkit.embeddings.executors import encode_shard
from evalkit.embeddings.executors.local import Local
from evalkit.embeddings.executors.registry import KINDS
from evalkit.embeddings.inventory import damage, inventory
from evalkit.embeddings.shards import EncodedShard, Shard
from evalkit.encoders import Advance, Encoder
from evalkit.errors import UserError
from tests.embeddings.test_passes import CORPUS_SIZE, CountingEncoder, make_corpus

SHARD_TEXTS = 4
DIFFERENT_EACH_TIME = ("created_at", "encoded_at", "peak_rss_bytes", "timing", "seal")


class Backwards:
    """The last shard first."""

    def run(self, encoder: Encoder, shards: Sequence[Shard], advance: Advance) -> Iterator[EncodedShard]:
        for shard in reversed(shards):
            yield encode_shard(encoder, shard, "here", advance)


class TwoThreads:
    """Two at a time, given back as they are finished."""

    def run(self, encoder: Encoder, shards: Sequence[Shard], advance: Advance) -> Iterator[EncodedShard]:
        with ThreadPoolExecutor(2) as pool:
            for first in range(0, len(shards), 2):
                pair = [
                    pool.submit(encode_shard, encoder, shard, "here", advance) for shard in shards[first : first + 2]
                ]
                for done in as_completed(pair):
                    yield done.result()


class TwoProcesses:
    """Two forks of this process: shards and what comes of them travel as bytes."""

    def run(self, encoder: Encoder, shards: Sequence[Shard], advance: Advance) -> Iterator[EncodedShard]:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            for encoded in pool.imap_unordered(partial(encode_shard, encoder, timing="there"), shards):
                advance(len(encoded.encoded.vectors))
                yield encoded


class Changed:
    """This process, but for what ``change`` makes of the encoded shards."""

    def __init__(self, change: Any) -> None:
        self.change = change

    def run(self, encoder: Encoder, shards: Sequence[Shard], advance: Advance) -> Iterator[EncodedShard]:
        yield from self.change(list(Local().run(encoder, shards, advance)))


@pytest.fixture
def corpus() -> Corpus:
    return make_corpus()


def encode(store: Path, corpus: Corpus, executor: Executor | None, encoder: CountingEncoder | None = None) -> Any:
    made = EmbeddingStore(str(store), SHARD_TEXTS)
    return embed(made, encoder or CountingEncoder(), corpus, 0, timing_seconds=0, executor=executor)


def kept(store: Path) -> dict[str, Any]:
    """Everything that lies in ``store``, in one order, but for what no two passes have in common."""
    content: dict[str, Any] = {}
    for folder in (file.parent for file in store.glob("*/key.json")):
        meta = json.loads((folder / "meta.json").read_text())
        shards = [json.loads(line) for line in (folder / "shards.jsonl").read_text().splitlines()]
        for values in (meta, *shards, *(shard["measured"] for shard in shards)):
            for name in DIFFERENT_EACH_TIME:
                values.pop(name, None)
        shards.sort(key=lambda shard: shard["index"])
        content[folder.name] = ((folder / "vectors.npy").read_bytes(), meta, shards)
    return content


@pytest.mark.parametrize("executor", [Backwards(), TwoThreads(), TwoProcesses()], ids=lambda e: type(e).__name__)
def test_any_order_and_any_process_give_the_same_store(tmp_path: Path, corpus: Corpus, executor: Executor) -> None:
    encode(tmp_path / "one", corpus, None)
    told: list[int] = []
    store = EmbeddingStore(str(tmp_path / "other"), SHARD_TEXTS)
    made = embed(store, CountingEncoder(), corpus, 0, lambda what, total: told.append, executor=executor)
    assert kept(tmp_path / "other") == kept(tmp_path / "one")
    assert len(kept(tmp_path / "one")) == 2
    assert sum(told) == CORPUS_SIZE + 2
    assert not any(damage(store, item) for item in inventory(store))
    assert made.documents.meta["tokens"] == sum(len(text) for text in corpus.documents.texts)
    assert encode(tmp_path / "other", corpus, None).documents.cached


def test_shards_arrive_in_another_order_and_are_written_as_they_arrive(tmp_path: Path, corpus: Corpus) -> None:
    encode(tmp_path, corpus, Backwards())
    orders = [
        [json.loads(line)["index"] for line in file.read_text().splitlines()]
        for file in tmp_path.glob("*/shards.jsonl")
    ]
    assert sorted(orders) == [[0], [6, 5, 4, 3, 2, 1, 0]]


def test_what_another_executor_left_unfinished_goes_on_here(tmp_path: Path, corpus: Corpus) -> None:
    """Backwards, interrupted at the shard with d13: shards 6, 5 and 4 are finished, 0 to 3 are not."""
    encode(tmp_path / "whole", corpus, None)
    with pytest.raises(KeyboardInterrupt):
        encode(tmp_path / "cut", corpus, Backwards(), CountingEncoder(fail_at="text 13!!!"))
    second = CountingEncoder()
    encode(tmp_path / "cut", corpus, None, second)
    assert second.encoded == [*corpus.documents.texts[:16], *corpus.queries.texts]
    assert kept(tmp_path / "cut") == kept(tmp_path / "whole")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda shards: [*shards, shards[2]], "gave back shard 2 of the document side twice"),
        (lambda shards: [shards[0], *shards], "gave back shard 0 of the document side twice"),
        (lambda shards: shards[:2] + shards[3:], "never gave back 1 of 7 shards of the document side, the first .* 2"),
        (lambda shards: [], "never gave back 7 of 7 shards"),
        (lambda shards: [replace(shards[0], index=7)], "gave back shard 7 of the document side though it was not"),
    ],
    ids=["twice at the end", "twice at once", "one lost", "all lost", "not planned"],
)
def test_a_shard_that_comes_twice_or_never_stops_the_pass(
    tmp_path: Path, corpus: Corpus, change: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        encode(tmp_path / "cut", corpus, Changed(change))
    assert not any(item.finished for item in inventory(EmbeddingStore(str(tmp_path / "cut"))))
    encode(tmp_path / "cut", corpus, None)
    encode(tmp_path / "whole", corpus, None)
    assert kept(tmp_path / "cut") == kept(tmp_path / "whole")


def test_a_broken_vector_is_refused_whoever_made_it_and_its_text_named(tmp_path: Path, corpus: Corpus) -> None:
    with pytest.raises(UserError, match="NaN or infinity in it for the text 'd13'"):
        encode(tmp_path, corpus, TwoProcesses(), CountingEncoder(spoil="text 13!!!", value=np.nan))


def test_seconds_of_shards_side_by_side_are_not_taken_for_a_speed(tmp_path: Path, corpus: Corpus) -> None:
    """An encoder that takes a millisecond per text: in this process that is its speed, of two threads it is unknown."""
    assert encode(tmp_path / "one", corpus, None).documents.timing.texts_per_second == pytest.approx(1000)
    assert encode(tmp_path / "two", corpus, TwoThreads()).documents.timing is None
    store = EmbeddingStore(str(tmp_path / "two"), SHARD_TEXTS)
    timed = embed(store, CountingEncoder(), corpus, 0, timing_seconds=0.02).documents
    assert (timed.cached, timed.timing.texts_per_second) == (True, pytest.approx(1000))


def test_every_kind_loads_and_has_a_config() -> None:
    assert set(group_choices("executor")) == set(KINDS)
    for kind in KINDS:
        assert callable(load_executor(ExecutorConfig(kind)).run)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("executor.kind=loca", "executor.kind=loca is unknown.*Did you mean 'local'"),
        ("executor=loca", "there is no executor 'loca'.*Did you mean 'local'"),
        ("executor=in_process", "'executor=in_process' is no setting any more.*Write executor=local"),
        ("executor.kind=in_process", "is no setting any more.*Write executor=local"),
        ("executor.workers=2", "executor.workers does nothing for executor=local.*executor=processes or executor=ray"),
        ("executor.address=auto", "executor.address does nothing for executor=local.*or use executor=ray"),
        ("executor.lapse_seconds=0", "executor.lapse_seconds=0"),
        ("executor.lapse_seconds=5", "executor.lapse_seconds does nothing without ranks"),
        ("rank=1", "rank is set, and world_size is not.*Give both"),
        ("world_size=2", "world_size is set, and rank is not.*Give both"),
        ("rank=2 world_size=2", "there is no rank=2 of world_size=2.*Ranks count from 0"),
        ("rank=-1 world_size=2", "rank=-1"),
    ],
)
def test_an_unknown_executor_is_refused_before_anything_is_encoded(
    setting: str, message: str, tiny_run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*tiny_run, *setting.split()]) == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert re.search(message, said), said
    assert not (tmp_path / "store").exists()


def test_workers_of_a_model_that_encodes_nothing_are_refused() -> None:
    with pytest.raises(UserError, match=r"executor=processes does nothing for bm25, which encodes nothing\."):
        check(compose("run", ["model=bm25", "executor=processes"]))
