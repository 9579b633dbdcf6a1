"""What the store lists, checks and removes, and how it behaves on disks that can't be written to."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.embeddings import EmbeddingStore, embed
from evalkit.embeddings.inventory import SET_ASIDE, damage, inventory
from evalkit.embeddings.pruning import prune
from evalkit.embeddings.store import trusted
from evalkit.errors import UserError
from evalkit.system.files import begun_file
from tests.embeddings.test_passes import CountingEncoder

DAY = 86_400.0


@pytest.fixture
def corpus() -> Corpus:
    return build_corpus("c", [(f"d{i}", f"text {i}") for i in range(10)], [("q", "text 3")], {"q": {"d3": 1}})


@pytest.fixture
def store(tmp_path: Path, corpus: Corpus) -> EmbeddingStore:
    made = EmbeddingStore(str(tmp_path / "store"), shard_texts=4)
    embed(made, CountingEncoder(), corpus, 0)
    return made


def removed(store: EmbeddingStore, **limits: Any) -> list[str]:
    """The names of what is removed."""
    return [item.name for item in prune(store, **limits).removed]


def use(store: EmbeddingStore, name: str, when: float) -> None:
    for file in (store.path / name).iterdir():
        os.utime(file, (when, when))


def test_entries_are_listed_with_key_size_and_age(store: EmbeddingStore) -> None:
    items = inventory(store)
    assert {(i.key["side"], i.texts, i.finished) for i in items} == {("document", 10, True), ("query", 1, True)}
    for item in items:
        files = (store.path / item.name).iterdir()
        assert item.size_bytes == sum(f.stat().st_size for f in files)
        assert 0 <= item.unused_seconds < 60


def test_a_store_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert inventory(EmbeddingStore(str(tmp_path / "none"))) == []


def test_a_clock_that_jumps_back_makes_nothing_older_than_it_is(store: EmbeddingStore) -> None:
    assert [i.unused_seconds for i in inventory(store, now=lambda: 0.0)] == [0.0, 0.0]
    assert removed(store, older_than_days=1, now=lambda: 0.0) == []


def test_what_was_unused_for_long_is_removed_and_the_rest_stays(store: EmbeddingStore) -> None:
    first, second = inventory(store)
    use(store, first.name, 1_000_000)
    use(store, second.name, 1_000_000 - 3 * DAY)
    assert removed(store, older_than_days=2, now=lambda: 1_000_000) == [second.name]
    assert [i.name for i in inventory(store)] == [first.name]


def test_the_size_limit_removes_what_was_unused_for_longest(store: EmbeddingStore) -> None:
    items = inventory(store)
    use(store, items[0].name, 1_000_000 - DAY)
    use(store, items[1].name, 1_000_000)
    assert removed(store, max_bytes=sum(i.size_bytes for i in items)) == []
    assert removed(store, max_bytes=items[1].size_bytes) == [items[0].name]
    assert removed(store, max_bytes=0) == [items[1].name]
    assert inventory(store) == []


def test_reading_an_entry_marks_it_as_used(store: EmbeddingStore, corpus: Corpus) -> None:
    for item in inventory(store):
        use(store, item.name, 1_000_000)
    embed(store, CountingEncoder(), corpus, 0)
    assert all(i.unused_seconds < 60 for i in inventory(store))


def test_an_entry_in_use_is_not_removed(store: EmbeddingStore) -> None:
    held = inventory(store)[0]
    with store.entry(held.key) as entry:
        assert entry.folder.name == held.name
        pruned = prune(store, max_bytes=0)
        assert [i.name for i in pruned.in_use] == [held.name]
        assert held.name not in [i.name for i in pruned.removed]
        assert trusted(entry, held.texts).is_whole


def test_a_removed_entry_is_encoded_again(store: EmbeddingStore, corpus: Corpus) -> None:
    prune(store, max_bytes=0)
    encoder = CountingEncoder()
    embed(store, encoder, corpus, 0)
    assert len(encoder.encoded) == 11


@pytest.mark.parametrize("content", [b"\xff", b"{", b"[]", b"{}"])
def test_damaged_notes_of_an_entry_cost_no_vector(store: EmbeddingStore, corpus: Corpus, content: bytes) -> None:
    for name in ("meta.json", "key.json"):
        for file in store.path.glob(f"*/{name}"):
            file.write_bytes(content)
    inventory(store)
    encoder = CountingEncoder()
    embed(store, encoder, corpus, 0)
    assert encoder.encoded == []


@pytest.mark.parametrize("name", ["key.json", "meta.json", "shards.jsonl", "vectors.npy"])
def test_a_link_in_the_place_of_a_file_is_set_aside_and_what_it_leads_to_stays(
    store: EmbeddingStore, corpus: Corpus, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = store.path / inventory(store)[0].name
    outside = (folder / name).rename(tmp_path / name)
    content = outside.read_bytes()
    (folder / name).symlink_to(outside)
    embed(store, CountingEncoder(), corpus, 0)
    assert capsys.readouterr().err.count("evalkit: warning:") == 1
    assert not any(damage(store, item) for item in inventory(store))
    prune(store, max_bytes=0)
    assert inventory(store) == []
    assert outside.read_bytes() == content


def test_a_store_behind_a_link_is_a_store_like_any_other(store: EmbeddingStore, corpus: Corpus, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(store.path)
    linked = EmbeddingStore(str(tmp_path / "link" / ".." / "link"), shard_texts=4)
    encoder = CountingEncoder()
    embed(linked, encoder, corpus, 0)
    assert encoder.encoded == []
    assert len(prune(linked, max_bytes=0).removed) == 2
    assert (tmp_path / "link").is_symlink()
    assert store.path.is_dir()


def test_what_was_set_aside_is_listed_and_goes_first(
    store: EmbeddingStore, corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged_item = inventory(store)[0]
    (store.path / damaged_item.name / "vectors.npy").write_bytes(b"not an array")
    embed(store, CountingEncoder(), corpus, 0)
    aside = f"{damaged_item.name}.damaged-1"
    assert f"kept as {aside}" in capsys.readouterr().err
    items = inventory(store)
    assert [item.name for item in items if item.state == SET_ASIDE] == [aside]
    total = sum(item.size_bytes for item in items)
    assert removed(store, max_bytes=total - 1) == [aside]


def test_an_entry_without_a_key_is_listed_and_removed(store: EmbeddingStore) -> None:
    """As a kill of an earlier version left it, before it wrote the key."""
    folder = store.path / ("0" * 32)
    folder.mkdir()
    (folder / "vectors.npy").write_bytes(b"\0" * 1000)
    assert folder.name in [item.name for item in inventory(store)]
    assert folder.name in removed(store, max_bytes=0)
    assert not folder.exists()


def test_half_made_files_are_removed_by_the_next_command_unless_their_entry_is_held(
    store: EmbeddingStore, capsys: pytest.CaptureFixture[str]
) -> None:
    held, free = inventory(store)
    halves = [store.path / item.name / ".meta.json.1.tmp" for item in (held, free)]
    for half in halves:
        half.write_text("{")
    with EmbeddingStore(str(store.path)).entry(held.key):
        halves[0].write_text("{")
        assert main(["store", f"path={store.path}"]) == 0
        assert [half.exists() for half in halves] == [True, False]
    assert main(["store", f"path={store.path}"]) == 0
    assert not halves[0].exists()


def test_files_of_other_rooms_that_a_kill_left_half_made_are_removed_unless_somebody_makes_them(
    store: EmbeddingStore,
) -> None:
    laws = store.path / "laws"
    laws.mkdir()
    made = [begun_file(folder) for folder in (store.path, laws)]
    left = [folder / ".evalkit-0123456789ab.tmp" for folder in (store.path, laws)]
    for file in left:
        file.write_text("{")
    assert main(["store", f"path={store.path}"]) == 0
    assert [file.exists() for file in left] == [False, False]
    assert [file.exists() for file, _ in made] == [True, True]
    for _, descriptor in made:
        os.close(descriptor)


def without_seals(store: EmbeddingStore) -> None:
    """As earlier versions wrote it."""
    for pattern in ("meta.json", "timing-*.json", "shards.jsonl"):
        for file in store.path.glob(f"*/{pattern}"):
            text = file.read_text()
            notes = [json.loads(line) for line in (text.splitlines() if file.suffix == ".jsonl" else [text])]
            for note in notes:
                del note["seal"]
                if "version" in note:
                    note["version"] = 2
                if file.suffix == ".jsonl":
                    del note["dims"], note["measured"]["encoded_at"]
            file.write_text("".join(json.dumps(note) + "\n" for note in notes))


def test_a_store_of_an_earlier_version_is_whole(store: EmbeddingStore, corpus: Corpus) -> None:
    before = embed(store, CountingEncoder(), corpus, 0).documents
    without_seals(store)
    assert not any(damage(store, item) for item in inventory(store))
    encoder = CountingEncoder()
    after = embed(store, encoder, corpus, 0).documents
    assert encoder.encoded == []
    assert after.meta == {**before.meta, "version": 2}
    assert (after.timing, after.vectors.tobytes()) == (before.timing, before.vectors.tobytes())


@pytest.mark.parametrize(("name", "value"), [("tokens", 7), ("truncated_rows", [1]), ("dims", 48), ("texts", 9)])
def test_notes_of_an_earlier_version_are_compared_with_the_vectors(
    store: EmbeddingStore, corpus: Corpus, name: str, value: Any
) -> None:
    before = embed(store, CountingEncoder(), corpus, 0).documents.meta
    without_seals(store)
    for file in store.path.glob("*/meta.json"):
        file.write_text(json.dumps({**json.loads(file.read_text()), name: value}))
    assert all(damage(store, item) for item in inventory(store) if item.texts > 1)
    assert embed(store, CountingEncoder(), corpus, 0).documents.meta[name] == before[name]


@pytest.mark.parametrize("change", ["renamed", "header"])
def test_an_entry_of_an_earlier_version_is_not_taken_at_its_word(
    store: EmbeddingStore, tmp_path: Path, change: str
) -> None:
    """Ten texts more, of which the entry is renamed to the first ones' name, or a header of another type."""
    other = build_corpus("o", [(f"d{i}", f"other {i}") for i in range(10)], [("q", "why?")], {"q": {"d3": 1}})
    expected = embed(
        EmbeddingStore(str(tmp_path / "other"), 4), CountingEncoder(), other, 0
    ).documents.vectors.tobytes()
    embed(store, CountingEncoder(), other, 0)
    without_seals(store)
    first, second = (item for item in inventory(store) if item.texts == 10)
    if change == "renamed":
        names = [store.path / item.name for item in (first, second)]
        names[0].rename(tmp_path / "between")
        names[1].rename(names[0])
        (tmp_path / "between").rename(names[1])
    else:
        for item in (first, second):
            file = store.path / item.name / "vectors.npy"
            file.write_bytes(file.read_bytes().replace(b"<f4", b">f4", 1))
    assert all(damage(store, item) for item in inventory(store) if item.texts == 10)
    encoder = CountingEncoder()
    assert embed(store, encoder, other, 0).documents.vectors.tobytes() == expected
    assert bool(encoder.encoded) == (change == "renamed")


def test_damage_is_found(store: EmbeddingStore) -> None:
    assert not any(damage(store, i) for i in inventory(store))
    item = next(i for i in inventory(store) if i.texts == 10)
    file = store.path / item.name / "vectors.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert [i.name for i in inventory(store) if damage(store, i)] == [item.name]


def test_float16_takes_half_the_space_and_is_told_apart(tmp_path: Path, corpus: Corpus) -> None:
    full, half = (
        embed(EmbeddingStore(str(tmp_path), dtype=dtype), CountingEncoder(), corpus, 0).documents
        for dtype in ("float32", "float16")
    )
    assert (full.vectors.dtype, half.vectors.dtype) == (np.float32, np.float16)
    assert half.vectors.nbytes * 2 == full.vectors.nbytes
    np.testing.assert_array_equal(half.vectors, full.vectors.astype(np.float16))
    again = embed(EmbeddingStore(str(tmp_path), dtype="float16"), CountingEncoder(), corpus, 0).documents
    assert again.cached


def test_the_command_lists_verifies_and_prunes(store: EmbeddingStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", f"path={store.path}", "verify=true"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == str(store.path)
    assert all(i.name in captured.out for i in inventory(store))
    assert "all 2 finished entries are whole" in captured.err
    assert main(["store", f"path={store.path}", "max_gb=0"]) == 0
    assert inventory(store) == []


def test_the_command_tells_of_damage_and_exits_with_2(
    store: EmbeddingStore, capsys: pytest.CaptureFixture[str]
) -> None:
    name = inventory(store)[0].name
    (store.path / name / "vectors.npy").write_bytes(b"not an array")
    assert main(["store", f"path={store.path}", "verify=true"]) == 2
    assert f"{name} is damaged" in capsys.readouterr().err
    assert main(["store", "max_gb=-1"]) == 2


def test_a_limit_in_the_config_is_kept_after_a_run(tiny_run: list[str], tmp_path: Path) -> None:
    assert main([*tiny_run, "store.max_gb=0"]) == 0
    assert inventory(EmbeddingStore(str(tmp_path / "store"))) == []


@pytest.fixture
def read_only(store: EmbeddingStore) -> Iterator[Path]:
    """The store's folder, mounted read-only: root may write to a folder whatever its mode."""
    commands = (["mount", "--bind", store.path, store.path], ["mount", "-o", "remount,ro,bind", store.path])
    if any(subprocess.run(command, capture_output=True).returncode for command in commands):
        subprocess.run(["umount", store.path], capture_output=True)
        pytest.skip("a read-only file system can't be mounted here")
    yield store.path
    subprocess.run(["umount", store.path], check=True)


def test_a_read_only_store_is_read_and_never_written(read_only: Path, corpus: Corpus) -> None:
    encoder = CountingEncoder()
    store = EmbeddingStore(str(read_only), shard_texts=4)
    assert embed(store, encoder, corpus, 0).documents.cached
    assert encoder.encoded == []
    with pytest.raises(UserError, match=r"can't be written to and lacks.*\n.*store.path"):
        embed(store, CountingEncoder(revision="2"), corpus, 0)


def test_nothing_in_the_store_is_pickled(store: EmbeddingStore) -> None:
    for item in inventory(store):
        folder = store.path / item.name
        (timing,) = folder.glob("timing-*.json")
        others = {f.name for f in folder.iterdir()} - {timing.name}
        assert others == {"key.json", "meta.json", "shards.jsonl", "texts.bin", "vectors.npy"}
        assert json.loads(timing.read_text())["texts"] == item.texts
        assert json.loads((folder / "meta.json").read_text())["key"] == item.key
        np.load(folder / "vectors.npy", allow_pickle=False)
