"""Killed before any operation on a file, or out of disk at any byte: the next run goes on and leaves no trace."""

import json
import shutil
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from evalkit.corpora.corpus import Corpus
from evalkit.embeddings import EmbeddingStore, embed
from evalkit.embeddings.inventory import damage, inventory
from evalkit.embeddings.pruning import prune
from tests.embeddings.forks import killed_at, on_full_disk
from tests.embeddings.test_passes import DIMS, CountingEncoder, make_corpus

SHARD_TEXTS = 16  # two shards of documents, one of queries


@pytest.fixture
def corpus() -> Corpus:
    return make_corpus()


def encode(store: Path, corpus: Corpus, encoder: CountingEncoder | None = None) -> bytes:
    """The vectors of both sides."""
    made = embed(EmbeddingStore(str(store), SHARD_TEXTS), encoder or CountingEncoder(), corpus, 0, timing_seconds=0)
    return made.documents.vectors.tobytes() + made.queries.vectors.tobytes()


def kept_texts(store: Path, corpus: Corpus) -> list[str]:
    """The texts of all shards that are recorded."""
    texts = {side.fingerprint: list(side.texts) for side in (corpus.documents, corpus.queries)}
    kept: list[str] = []
    for file in store.glob("[!.]*/shards.jsonl"):
        of_entry = texts[json.loads((file.parent / "key.json").read_text())["texts"]]
        for line in file.read_text().splitlines():
            try:
                first = json.loads(line)["index"] * SHARD_TEXTS
            except ValueError:
                continue
            kept += of_entry[first : first + SHARD_TEXTS]
    return kept


def check_goes_on(store: Path, corpus: Corpus, expected: bytes) -> None:
    """A run has the vectors and encodes just what was not recorded; nothing half-made is left."""
    kept = kept_texts(store, corpus)
    encoder = CountingEncoder()
    assert encode(store, corpus, encoder) == expected
    everything = [*corpus.documents.texts, *corpus.queries.texts]
    assert sorted([*kept, *encoder.encoded]) == sorted(everything)
    made = EmbeddingStore(str(store))
    assert [damage(made, item) for item in inventory(made)] == ["", ""]
    assert [path for path in store.rglob("*") if path.name.endswith(".tmp") or "removed" in path.name] == []


@pytest.fixture
def expected(tmp_path: Path, corpus: Corpus) -> bytes:
    return encode(tmp_path / "whole", corpus)


def test_a_pass_that_is_killed_anywhere_goes_on(tmp_path: Path, corpus: Corpus, expected: bytes) -> None:
    for operation in count():
        store = tmp_path / str(operation)
        if not killed_at(operation, store, partial(encode, store, corpus)):
            break
        check_goes_on(store, corpus, expected)
    assert operation > 40


def test_pruning_that_is_killed_anywhere_leaves_whole_entries_and_no_trace(
    tmp_path: Path, corpus: Corpus, expected: bytes
) -> None:
    for operation in count():
        store = tmp_path / str(operation)
        shutil.copytree(tmp_path / "whole", store)
        if not killed_at(operation, store, partial(prune, EmbeddingStore(str(store)), max_bytes=0)):
            break
        check_goes_on(store, corpus, expected)
    assert operation > 20


@pytest.mark.parametrize("damage", ["header", "meta", "shard"])
def test_mending_that_is_killed_anywhere_goes_on(tmp_path: Path, corpus: Corpus, expected: bytes, damage: str) -> None:
    for operation in count(step=3):
        store = tmp_path / str(operation)
        shutil.copytree(tmp_path / "whole", store)
        for folder in (file.parent for file in store.glob("*/key.json")):
            if damage == "meta":
                (folder / "meta.json").write_text("{")
            else:
                with (folder / "vectors.npy").open("r+b") as file:
                    file.seek(30 if damage == "header" else -1, 0 if damage == "header" else 2)
                    file.write(b"?")
        if not killed_at(operation, store, partial(encode, store, corpus)):
            break
        assert encode(store, corpus) == expected
        encoder = CountingEncoder()
        assert encode(store, corpus, encoder) == expected
        assert encoder.encoded == []
    assert operation > 10


def test_a_full_disk_anywhere_is_an_error_with_its_file_and_loses_nothing(
    tmp_path: Path, corpus: Corpus, expected: bytes
) -> None:
    """No file may be larger than so many bytes: key, header, shards in their midst, their lines, the meta."""
    sizes = [0, 1, 50, 100, 128, 129, 300, 700, 1000, 128 + DIMS * 4, *range(2000, 15_000, 1500)]
    failed = 0
    for size in sizes:
        store = tmp_path / str(size)
        failed += on_full_disk(size, partial(encode, store, corpus))
        check_goes_on(store, corpus, expected)
    assert failed >= len(sizes) - 3
