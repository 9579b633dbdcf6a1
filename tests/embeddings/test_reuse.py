"""A changed corpus encodes what is new alone: what an earlier pass of the same model had is copied, once checked."""

import json
import shutil
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.corpora import Corpus, Texts
from evalkit.corpora.corpus import build_corpus
from evalkit.embeddings import CorpusEmbeddings, EmbeddingStore, embed
from evalkit.embeddings.budgets import texts_ahead
from evalkit.embeddings.chunking import Chunks, whole
from evalkit.embeddings.forecast import passes_to_make, to_encode
from evalkit.embeddings.inventory import FINISHED, damage, inventory
from evalkit.embeddings.pruning import prune
from evalkit.encoders import Advance, Encoded, Side
from tests.embeddings.forks import killed_at, on_full_disk
from tests.embeddings.test_passes import DIMS, CountingEncoder

SIZE, SHARD_TEXTS = 200, 16


class BatchCounting(CountingEncoder):
    """Also keeps how many texts each call had."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.calls: list[int] = []

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        self.calls.append(len(texts))
        return super().encode(texts, side, advance)


def texts_of(size: int = SIZE, changed: Sequence[int] = ()) -> list[str]:
    return [f"{'changed' if i in changed else 'text'} {i}" for i in range(size)]


def corpus_of(texts: Sequence[str]) -> Corpus:
    return build_corpus("c", [(f"d{i}", text) for i, text in enumerate(texts)], [("q", "what?")], {"q": {"d3": 1}})


def run(store: Path, texts: Sequence[str], encoder: CountingEncoder | None = None, **settings: Any) -> CorpusEmbeddings:
    made = EmbeddingStore(str(store), **{"shard_texts": SHARD_TEXTS, **settings})
    return embed(made, encoder or CountingEncoder(), corpus_of(texts), 0, timing_seconds=0)


def encoded(store: Path, texts: Sequence[str], **settings: Any) -> list[str]:
    """What a run on ``texts`` encodes; its vectors are those of a store of its own."""
    encoder = CountingEncoder()
    made = run(store, texts, encoder, **settings)
    fresh = run(store.parent / f"fresh-{len(list(store.parent.iterdir()))}", texts, **settings)
    for side, other in ((made.documents, fresh.documents), (made.queries, fresh.queries)):
        assert side.vectors.tobytes() == other.vectors.tobytes()
        for name in ("texts", "tokens", "truncated_rows", "dims", "verification", "max_length", "model"):
            assert side.meta[name] == other.meta[name], name
    assert_whole(store)
    return encoder.encoded


def assert_whole(store: Path) -> None:
    made = EmbeddingStore(str(store))
    assert [(item.state, damage(made, item)) for item in inventory(made)] == [(FINISHED, "")] * len(inventory(made))
    assert not any("part_of" in item.key for item in inventory(made))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    run(tmp_path / "store", texts_of())
    return tmp_path / "store"


CHANGES: dict[str, tuple[list[str], list[str]]] = {
    "one text": (texts_of(changed=[77]), ["changed 77"]),
    "the first and the last text": (texts_of(changed=[0, SIZE - 1]), ["changed 0", f"changed {SIZE - 1}"]),
    "the order": (texts_of()[::-1], []),
    "one that is gone": ([*texts_of()[:50], *texts_of()[51:]], []),
    "one more at the front": (["new", *texts_of()], ["new"]),
    "half as many again": (texts_of(300), texts_of(300)[SIZE:]),
    "copies of old and new texts": (["new", "text 7", "new", *texts_of(), "text 7", "new"], ["new"]),
    "all": ([f"other {i}" for i in range(50)], [f"other {i}" for i in range(50)]),
    "letters of many languages": ([*texts_of(), "größer", "大きい", "e\u0301"], ["größer", "大きい", "e\u0301"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_new_is_encoded_once_and_nothing_else(store: Path, change: str) -> None:
    texts, new = CHANGES[change]
    assert encoded(store, texts) == new
    assert encoded(store, texts) == []


def test_new_texts_all_over_a_corpus_fill_shards(store: Path) -> None:
    changed = range(5, SIZE, 6)
    encoder = BatchCounting()
    run(store, texts_of(changed=changed), encoder)
    assert encoder.calls == [SHARD_TEXTS, SHARD_TEXTS, len(changed) - 2 * SHARD_TEXTS]


def test_texts_of_several_corpora_are_found_in_each_of_them(store: Path) -> None:
    run(store, [f"other {i}" for i in range(90)])
    mixed = [text for i in range(90) for text in (f"text {i}", f"other {i}")]
    assert encoded(store, [*mixed, "new"]) == ["new"]


def test_chunks_of_a_changed_document_are_encoded_and_those_of_others_are_not(store: Path) -> None:
    def chunked(parts: list[str]) -> list[str]:
        corpus = build_corpus("c", [("d0", "a"), ("d1", "b")], [("q", "what?")], {"q": {"d1": 1}})
        ids = [f"d{i // 40}#{i % 40}" for i in range(len(parts))]
        chunks = Chunks("tokens", Texts(ids, parts), np.arange(len(parts)) // 40, len(parts) / 2)
        encoder = CountingEncoder()
        embed(EmbeddingStore(str(store), SHARD_TEXTS), encoder, corpus, 0, chunks=chunks, timing_seconds=0)
        return [text for text in encoder.encoded if text != "what?"]

    parts = [f"part {i}" for i in range(80)]
    assert chunked(parts) == parts
    assert chunked([*parts[:40], "part 40, longer", *parts[41:]]) == ["part 40, longer"]


def test_it_can_be_turned_off(store: Path) -> None:
    texts = texts_of(changed=[77])
    assert encoded(store, texts, reuse_texts=False) == texts


@pytest.mark.parametrize(
    "other", [{"dtype": "float16"}, {"shard_texts": 17}, {"revision": "2"}, {"dims": DIMS + 1}, {"side": "query"}]
)
def test_vectors_of_another_model_dtype_or_side_are_not_taken(store: Path, other: dict[str, Any]) -> None:
    encoder = CountingEncoder(revision=other.pop("revision", "1"))
    texts = texts_of(changed=[77])
    if other.pop("side", ""):
        queries = build_corpus(
            "c",
            [("d", "one")],
            [(f"q{i}", text) for i, text in enumerate(texts)],
            {f"q{i}": {"d": 1} for i in range(SIZE)},
        )
        embed(EmbeddingStore(str(store), SHARD_TEXTS), encoder, queries, 0, timing_seconds=0)
        assert encoder.encoded == ["one", *texts]
        return
    if other.pop("dims", 0):
        for key in store.glob("*/shards.jsonl"):
            key.write_text("\n".join(line.replace(f'"dims": {DIMS}', '"dims": 7') for line in key.open()))
    run(store, texts, encoder, **other)
    assert set(texts) <= set(encoder.encoded)


def entry_of_documents(store: Path) -> Path:
    (folder,) = (store / item.name for item in inventory(EmbeddingStore(str(store))) if item.texts == SIZE)
    return folder


def flip(file: Path, place: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(place)
        byte = opened.read(1)[0]
        opened.seek(place)
        opened.write(bytes([byte ^ 1]))


@pytest.mark.parametrize(("name", "row_bytes", "header"), [("vectors.npy", 4 * DIMS, 128), ("texts.bin", 20, 0)])
def test_a_shard_that_is_not_as_it_was_written_is_not_taken(
    store: Path, name: str, row_bytes: int, header: int, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = entry_of_documents(store)
    flip(folder / name, header + row_bytes * (2 * SHARD_TEXTS + 3))
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    encoder = CountingEncoder()
    made = run(store, texts_of(changed=[0]), encoder)
    damaged = texts_of()[2 * SHARD_TEXTS : 3 * SHARD_TEXTS]
    assert encoder.encoded == ["changed 0", *damaged]
    fresh = run(store.parent / "fresh", texts_of(changed=[0]))
    assert made.documents.vectors.tobytes() == fresh.documents.vectors.tobytes()
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert capsys.readouterr().err == ""


def test_damaged_records_of_texts_are_told_and_mended(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = entry_of_documents(store)
    flip(folder / "texts.bin", 5)
    made = EmbeddingStore(str(store))
    assert [damage(made, item) for item in inventory(made) if item.texts == SIZE] == [
        "texts.bin is not as it was written"
    ]
    assert encoded(store, texts_of()) == []
    assert "texts.bin is not as it was written" in capsys.readouterr().err
    encoder = CountingEncoder()
    run(store, texts_of(changed=[77]), encoder)
    assert encoder.encoded == ["changed 77"]
    assert_whole(store)


def without_records(store: Path) -> None:
    """As earlier versions wrote it."""
    for file in store.glob("*/texts.bin"):
        file.unlink()
    for file in store.glob("*/shards.jsonl"):
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            del line["texts_sha256"], line["seal"]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    shutil.rmtree(store / "by-model")


def test_an_entry_of_an_earlier_version_helps_once_its_own_texts_were_at_hand(store: Path) -> None:
    without_records(store)
    other = CountingEncoder()
    run(store, texts_of(changed=[1]), other)
    assert len(other.encoded) == SIZE
    assert encoded(store, texts_of()) == []
    third = CountingEncoder()
    made = run(store, texts_of(changed=[2]), third)
    assert third.encoded == ["changed 2"]
    assert made.documents.meta["tokens"] is None or made.documents.meta["tokens"] > 0
    assert_whole(store)


def test_an_entry_that_was_removed_is_not_looked_for_again(store: Path) -> None:
    folder = entry_of_documents(store)
    shutil.rmtree(folder)
    assert encoded(store, texts_of(changed=[77])) == texts_of(changed=[77])
    assert folder.name not in [file.name for file in store.glob("by-model/*/*")]


def test_pruning_takes_what_was_copied_from_and_leaves_the_copy(store: Path) -> None:
    run(store, texts_of(changed=[77]))
    prune(EmbeddingStore(str(store)), max_bytes=0)
    assert inventory(EmbeddingStore(str(store))) == []
    assert encoded(store, texts_of()) == [*texts_of(), "what?"]


def test_a_listing_that_leads_elsewhere_costs_no_more_than_encoding(store: Path, tmp_path: Path) -> None:
    shutil.rmtree(store / "by-model")
    (store / "by-model").write_text("no folder")
    assert encoded(store, texts_of(changed=[77])) == texts_of(changed=[77])


def test_shards_of_a_pass_that_was_killed_help_a_corpus_that_changed_meanwhile(tmp_path: Path) -> None:
    store = tmp_path / "store"
    with pytest.raises(KeyboardInterrupt):
        run(store, texts_of(), CountingEncoder(fail_at="text 100"))
    done = 100 // SHARD_TEXTS * SHARD_TEXTS
    encoder = CountingEncoder()
    run(store, texts_of(changed=[3]), encoder)
    assert encoder.encoded == ["changed 3", *texts_of()[done:], "what?"]


def test_the_record_says_how_many_and_timings_count_none_of_them(store: Path) -> None:
    shutil.rmtree(store)
    first = run(store, texts_of()).documents
    made = run(store, texts_of(changed=[7, 8])).documents
    assert (first.meta.get("reused_texts", 0), made.meta["reused_texts"]) == (0, SIZE - 2)
    assert made.timing == first.timing  # most of its texts are of the first
    for file in store.glob("*/timing-*.json"):
        file.unlink()
    new = run(store, [*texts_of(changed=range(3)), "another"]).documents
    assert new.timing is not None
    assert new.timing.texts == 4


def test_only_what_will_be_encoded_is_forecast(store: Path) -> None:
    made, encoder = EmbeddingStore(str(store), SHARD_TEXTS), CountingEncoder()
    corpus = corpus_of(texts_of(changed=[4, 90]))
    passes = passes_to_make(made, encoder, [(corpus, whole(corpus.documents))])
    assert to_encode(made, encoder, passes).counts == {"document": 2}
    assert passes[0].sample(5) in (["changed 4", "changed 90"], ["changed 90", "changed 4"])
    ahead = texts_ahead(made, encoder, "document", corpus_of(texts_of()[::-1]).documents, 0)
    assert ahead is not None
    assert (len(ahead.shards), ahead.reused, ahead.calls) == (0, SIZE, False)


def texts_of_parts(store: Path) -> int:
    """How many texts are recorded that were encoded for another entry."""
    parts = [file.parent for file in store.glob("[!.]*/key.json") if "part_of" in file.read_text()]
    lines = [line for part in parts for file in part.glob("shards.jsonl") for line in file.open()]
    return sum(json.loads(line)["measured"]["texts"] for line in lines if line.endswith("\n"))


def changed_run(store: Path, encoder: CountingEncoder | None = None) -> bytes:
    return run(store, texts_of(60, changed=range(3, 60, 2)), encoder).documents.vectors.tobytes()


@pytest.fixture
def small(tmp_path: Path) -> Path:
    run(tmp_path / "small", texts_of(60))
    return tmp_path / "small"


def test_killed_anywhere_it_goes_on_and_leaves_no_part_behind(tmp_path: Path, small: Path) -> None:
    expected = changed_run(tmp_path / "fresh")
    for operation in count(step=3):
        store = tmp_path / str(operation)
        shutil.copytree(small, store)
        if not killed_at(operation, store, partial(changed_run, store)):
            break
        kept = texts_of_parts(store)
        encoder = CountingEncoder()
        assert changed_run(store, encoder) == expected
        assert len(encoder.encoded) == len(set(encoder.encoded))
        assert len(encoder.encoded) == 29 - kept or (kept == 0 and not encoder.encoded)
        assert_whole(store)
        assert changed_run(store, encoder := CountingEncoder()) == expected
        assert encoder.encoded == []
    assert operation > 40


def test_a_full_disk_anywhere_loses_nothing(tmp_path: Path, small: Path) -> None:
    expected = changed_run(tmp_path / "fresh")
    failed = 0
    for size in (1, 100, 300, 600, 1200, 3000, 6000, 9000, 20_000):
        store = tmp_path / str(size)
        shutil.copytree(small, store)
        failed += on_full_disk(size, partial(changed_run, store))
        assert changed_run(store) == expected
        assert_whole(store)
    assert failed >= 6
