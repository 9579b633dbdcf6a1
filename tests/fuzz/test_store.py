"""A damaged store: a run gives the figures of the sound one and encodes nothing that is still whole.

``store`` lists, checks and empties it, and never calls whole what is not; nothing outside is touched.
"""

import itertools
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.corpora.corpus import Corpus, build_corpus
from evalkit.embeddings import CorpusEmbeddings, Embeddings, EmbeddingStore, embed
from evalkit.embeddings.inventory import damage, inventory
from evalkit.embeddings.pruning import prune
from evalkit.errors import printable
from evalkit.system.plain_files import MOST_BYTES
from tests.embeddings.test_passes import CountingEncoder
from tests.fuzz.rule import ended, fuzz, no_hang

SHARD_TEXTS = 4
REVISIONS = ("1", "2")
SECONDS = 30.0


class Shard(NamedTuple):
    """One shard of an entry, where both are sound: its line, its bytes and its texts."""

    line: bytes
    first: int
    data: bytes
    texts: tuple[str, ...]


class Sound:
    """The store before anything happens to it, what it gives, and the shards of each entry."""

    def __init__(
        self, path: Path, corpus: Corpus, embeddings: dict[str, CorpusEmbeddings], shards: dict[str, list[Shard]]
    ) -> None:
        self.path, self.corpus, self.embeddings, self.shards = path, corpus, embeddings, shards


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    path = tmp_path_factory.mktemp("sound") / "store"
    documents = [(f"d{i}", f"document {i}" + "!" * (i % 3)) for i in range(10)]
    corpus = build_corpus("c", documents, [("q", "question"), ("r", "which?")], {"q": {"d3": 1}, "r": {"d1": 1}})
    for revision in REVISIONS:
        encoded(path, corpus, revision)
    embeddings = {revision: encoded(path, corpus, revision)[0] for revision in REVISIONS}
    texts = {side.texts.fingerprint: list(side.texts.texts) for side in sides(embeddings["1"])}
    shards = {file.parent.name: shards_of(file, texts) for file in path.glob("*/key.json")}
    assert sorted(map(len, shards.values())) == [1, 1, 3, 3]
    return Sound(path, corpus, embeddings, shards)


def encoded(path: Path, corpus: Corpus, revision: str) -> tuple[CorpusEmbeddings, list[str]]:
    """What a run has of ``corpus``, and the texts that it encoded."""
    encoder = CountingEncoder(revision=revision)
    with no_hang(SECONDS):
        return embed(EmbeddingStore(str(path), SHARD_TEXTS), encoder, corpus, 0, timing_seconds=0), encoder.encoded


def sides(embeddings: CorpusEmbeddings) -> tuple[Embeddings, Embeddings]:
    return embeddings.documents, embeddings.queries


def shards_of(key_file: Path, texts: dict[str, list[str]]) -> list[Shard]:
    """By plain NumPy's layout of a .npy file of version 1: 128 bytes, then the rows."""
    of_entry = texts[json.loads(key_file.read_text())["texts"]]
    lines = (key_file.parent / "shards.jsonl").read_bytes().splitlines(keepends=True)
    content = (key_file.parent / "vectors.npy").read_bytes()
    row = (len(content) - 128) // len(of_entry)
    shards = []
    for index, line in enumerate(lines):
        some = tuple(of_entry[index * SHARD_TEXTS : (index + 1) * SHARD_TEXTS])
        first = 128 + index * SHARD_TEXTS * row
        shards.append(Shard(line, first, content[first : first + len(some) * row], some))
    return shards


def still_whole(path: Path, sound: Sound, revision: str) -> set[str]:
    """The texts of ``revision`` whose vectors lie in ``path`` where they did, with the line that says so."""
    kept: set[str] = set()
    for name, shards in sound.shards.items():
        folder = path / name
        is_of_revision = json.loads((sound.path / name / "key.json").read_text())["revision"] == revision
        files = [folder / "vectors.npy", folder / "shards.jsonl"]
        if not is_of_revision or folder.is_symlink() or any(f.is_symlink() or not f.is_file() for f in files):
            continue
        if files[1].stat().st_size > MOST_BYTES:
            continue
        vectors, lines = (beginning(file) for file in files)
        for shard in shards:
            if shard.line in lines.splitlines(keepends=True) and vectors[shard.first :].startswith(shard.data):
                kept |= {*shard.texts}
    return kept


def beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(2**20)


# What may happen to a file: Random, its path and the folder outside → None.
Mutation = Callable[[Random, Path, Path], None]


def content(change: Callable[[Random, bytes], bytes]) -> Mutation:
    def write(random: Random, file: Path, outside: Path) -> None:
        file.write_bytes(change(random, file.read_bytes()))

    return write


def flipped(random: Random, data: bytes) -> bytes:
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << random.randrange(8))]) + data[place + 1 :]


def inserted(random: Random, data: bytes) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + random.choice([b"\0", b"\n", b"\xff", b"{", b"[" * 100_000, b"null\n"]) + data[place:]


def without_a_line(random: Random, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    lines.pop(random.randrange(len(lines)))
    return b"".join(lines)


BYTES: dict[str, Callable[[Random, bytes], bytes]] = {
    "flip": flipped,
    "flip in the first bytes": lambda random, data: flipped(random, data[:128]) + data[128:],
    "cut": lambda random, data: data[: random.randrange(len(data))],
    "cut at the end": lambda random, data: data[: -random.randrange(1, 9)],
    "extend": lambda random, data: data + random.randbytes(random.randrange(1, 200)),
    "insert": inserted,
    "empty": lambda random, data: b"",
    "random": lambda random, data: random.randbytes(len(data)),
    "zeros": lambda random, data: bytes(len(data)),
    "twice": lambda random, data: data + data,
    "without a line": without_a_line,
}
HEADERS = {
    **{f"descr {d}": (b"'<f4'", f"'{d}'".encode()) for d in (">f4", "<f8", "<f2", "<i4", "|O", "<U1", "=f4", "f4")},
    "by columns": (b"False", b"True "),
    "swapped": (b"(10, 96)", b"(96, 10)"),
    "fewer": (b"(10, 96)", b"(9, 96) "),
    "more": (b"(10, 96)", b"(11, 96)"),
    "narrower": (b"(10, 96)", b"(10, 95)"),
    "halved": (b"(10, 96)", b"(20, 48)"),
    "one row": (b"(10, 96)", b"(960,)  "),
    "huge": (b"(10, 96), }          ", b"(9999999999999, 96), }"),
    "negative": (b"(10, 96)", b"(-1, 96)"),
    "version 2": (b"NUMPY\x01\x00", b"NUMPY\x02\x00"),
    "version 9": (b"NUMPY\x01\x00", b"NUMPY\x09\x09"),
    "long": (b"\x76\x00{", b"\xff\xff{"),
    "short": (b"\x76\x00{", b"\x10\x00{"),
    "code": (b"{'descr'", b"__import"),
}
JUNK: list[Any] = [
    *(None, True, -1, 0, 7, 1.5, 1e308, 10**30, float("nan")),
    *("", "x", "\x1b[31m\n", [], {}, [[]], {"a": {}}),
]


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in items:
        yield from paths_in(part, (*path, name))


def junk_in(random: Random, value: Any) -> Any:
    """``value`` with something of another kind at one of its places, or without it."""
    *above, last = random.choice([path for path in paths_in(value) if path] or [("whole",)])
    parent = value = value if isinstance(value, dict | list) else {"whole": value}
    for name in above:
        parent = parent[name]
    if random.random() < 0.2:
        del parent[last]
    else:
        parent[last] = random.choice([junk for junk in JUNK if junk != parent[last]])
    return value


def junk_in_a_line(random: Random, data: bytes) -> bytes:
    lines = data.splitlines()
    place = random.randrange(len(lines))
    lines[place] = json.dumps(junk_in(random, json.loads(lines[place]))).encode()
    return b"\n".join(lines) + b"\n"


def other_kind(make: Callable[[Path, Path], None]) -> Mutation:
    """Something else in the place of a file or a folder."""

    def replace(random: Random, path: Path, outside: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        make(path, outside)

    return replace


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{os.open(path.parent, os.O_RDONLY)}/{path.name}")


def full_folder(path: Path, outside: Path) -> None:
    (path / "deep").mkdir(parents=True)
    (path / "deep" / "file").write_bytes(b"content")
    (path / "link").symlink_to(outside)


KINDS: dict[str, Mutation] = {
    "missing": other_kind(lambda path, outside: None),
    "link to a file": other_kind(lambda path, outside: path.symlink_to(outside / "file")),
    "link to a folder": other_kind(lambda path, outside: path.symlink_to(outside)),
    "link upwards": other_kind(lambda path, outside: path.symlink_to("..")),
    "link to nothing": other_kind(lambda path, outside: path.symlink_to(outside / "nothing")),
    "link to itself": other_kind(lambda path, outside: path.symlink_to(path)),
    "folder": other_kind(lambda path, outside: path.mkdir()),
    "full folder": other_kind(full_folder),
    "pipe": other_kind(lambda path, outside: os.mkfifo(path)),
    "socket": other_kind(lambda path, outside: bound(path)),
    "file": other_kind(lambda path, outside: path.write_bytes(b"?") and None),
}


def moved_outside(random: Random, path: Path, outside: Path) -> None:
    """Still whole, behind a link."""
    path.rename(outside / path.name)
    path.symlink_to(outside / path.name)


KINDS["moved outside and linked"] = moved_outside
NOTES = ("key.json", "meta.json", "timing")
FILES = (*NOTES, "shards.jsonl", "vectors.npy")
OF_A_FILE: dict[str, tuple[tuple[str, ...], Mutation]] = {
    **{name: (FILES, content(change)) for name, change in BYTES.items()},
    "junk": (NOTES, content(lambda random, data: json.dumps(junk_in(random, json.loads(data))).encode())),
    "junk in a line": (("shards.jsonl",), content(junk_in_a_line)),
    "header": (
        ("vectors.npy",),
        content(lambda random, data: data.replace(*HEADERS[random.choice(sorted(HEADERS))], 1)),
    ),
    "very long": (("vectors.npy", "shards.jsonl"), lambda random, file, outside: os.truncate(file, 2**42)),
    **{f"{name} in its place": (FILES, mutation) for name, mutation in KINDS.items()},
}


def of_a_file(kind: str, name: str, random: Random, path: Path, outside: Path) -> None:
    folder = path / random.choice(entries(path))
    (file,) = folder.glob(f"{name}*") if name == "timing" else [folder / name]
    OF_A_FILE[kind][1](random, file, outside)


def entries(path: Path) -> list[str]:
    return sorted(file.parent.name for file in path.glob("*/key.json"))


def exchanged(one: Path, other: Path) -> None:
    between = one.with_name("between")
    one.rename(between)
    other.rename(one)
    between.rename(other)


def two(random: Random, path: Path) -> list[Path]:
    folders = [path / name for name in random.sample(entries(path), 2)]
    if any(file.stat().st_size > 2**20 for folder in folders for file in folder.iterdir()):
        raise ValueError("nobody copies terabytes of nothing")
    return folders


def exchange_entries(random: Random, path: Path, outside: Path) -> None:
    exchanged(*two(random, path))


def exchange_files(random: Random, path: Path, outside: Path) -> None:
    one, other = two(random, path)
    for name in random.sample(["key.json", "meta.json", "shards.jsonl", "vectors.npy"], random.randrange(1, 4)):
        exchanged(one / name, other / name)


def copy_entry(random: Random, path: Path, outside: Path) -> None:
    one, other = two(random, path)
    shutil.rmtree(other)
    shutil.copytree(one, other)


def copy_file(random: Random, path: Path, outside: Path) -> None:
    one, other = two(random, path)
    name = random.choice(["key.json", "meta.json", "shards.jsonl", "vectors.npy"])
    shutil.copy(one / name, other / name)


def rename_entry(random: Random, path: Path, outside: Path) -> None:
    name = random.choice(["0" * 32, "backup", "-", "a b\n", "x.damaged-1", f"{'0' * 32}.damaged-7"])
    (path / random.choice(entries(path))).rename(path / name)


def of_an_entry(random: Random, path: Path, outside: Path) -> None:
    KINDS[random.choice(sorted(KINDS))](random, path / random.choice(entries(path)), outside)


def of_a_lock(random: Random, path: Path, outside: Path) -> None:
    KINDS[random.choice(sorted(KINDS))](random, path / f"{random.choice(entries(path))}.lock", outside)


def leave_over(random: Random, path: Path, outside: Path) -> None:
    """What a kill leaves: half a note, half a matrix, a folder half-removed."""
    folder = path / random.choice(entries(path))
    (folder / ".meta.json.1.tmp").write_bytes((folder / "meta.json").read_bytes()[:50])
    (folder / "vectors.tmp").write_bytes(b"\x93NUMPY")
    going = path / f".evalkit-removed-{folder.name}"
    going.mkdir()
    (going / "vectors.npy").symlink_to(outside / "file")


def unfinish(random: Random, path: Path, outside: Path) -> None:
    """As a kill in the midst of a pass leaves it: no meta, and the last line cut."""
    folder = path / random.choice(entries(path))
    (folder / "meta.json").unlink()
    lines = folder / "shards.jsonl"
    os.truncate(lines, random.randrange(lines.stat().st_size))


def beside(random: Random, path: Path, outside: Path) -> None:
    """Things that are nobody's in the store's folder."""
    KINDS[random.choice(sorted(set(KINDS) - {"moved outside and linked"}))](random, path / "thing", outside)
    KINDS[random.choice(sorted(set(KINDS) - {"moved outside and linked"}))](random, path / ("f" * 32), outside)


OF_A_STORE: dict[str, Mutation] = {
    "entries exchanged": exchange_entries,
    "files exchanged": exchange_files,
    "entry copied": copy_entry,
    "file copied": copy_file,
    "entry renamed": rename_entry,
    "something else in an entry's place": of_an_entry,
    "something else in a lock's place": of_a_lock,
    "left over": leave_over,
    "unfinished": unfinish,
    "beside": beside,
}
CASES = [
    *((kind, name) for kind, (names, _) in OF_A_FILE.items() for name in names),
    *((kind, "") for kind in OF_A_STORE for _ in range(6)),
]
number = itertools.count()


SPOILED = st.lists(st.sampled_from(CASES), min_size=1, max_size=2)
SEED = st.integers(0, 2**32)


@contextmanager
def spoiled(sound: Sound, tmp_path: Path, cases: list[tuple[str, str]], random: Random) -> Iterator[Path]:
    """A copy of the sound store after ``cases``; whatever is done to it changes nothing outside."""
    place = tmp_path / str(next(number))
    path, outside = place / "store", place / "outside"
    shutil.copytree(sound.path, path)
    outside.mkdir()
    (outside / "file").write_bytes(b"of somebody else")
    spoil(cases[0], random, path, outside)
    for case in cases[1:]:
        with suppress(OSError, ValueError, IndexError):  # where the first one left nothing for it
            spoil(case, random, path, outside)
    before = everything(outside)
    yield path
    assert everything(outside) == before
    shutil.rmtree(place)


@fuzz(whole=1000, sample=20)
@given(cases=SPOILED, seed=SEED)
def test_a_damaged_store_gives_the_sound_figures(
    sound: Sound, tmp_path: Path, cases: list[tuple[str, str]], seed: int
) -> None:
    with spoiled(sound, tmp_path, cases, Random(seed)) as path:  # noqa: S311
        check_runs(sound, path)
        store = EmbeddingStore(str(path))
        with no_hang(SECONDS):
            assert {damage(store, item) for item in inventory(store) if item.name in sound.shards} == {""}
            prune(store, max_bytes=0)
        assert inventory(store) == []


@fuzz(whole=100, sample=2)
@given(cases=SPOILED, seed=SEED)
def test_the_command_lists_checks_and_empties_a_damaged_store(
    sound: Sound, tmp_path: Path, cases: list[tuple[str, str]], seed: int
) -> None:
    """``verify=true`` goes on past what is damaged, and names all of it."""
    with spoiled(sound, tmp_path, cases, Random(seed)) as path:  # noqa: S311
        listed = ended(["store", f"path={path}"])
        listed.assert_told()
        assert listed.code == 0
        store = EmbeddingStore(str(path))
        items = inventory(store)
        bad = [item.name for item in items if damage(store, item)]
        checked = ended(["store", f"path={path}", "verify=true"])
        checked.assert_told()
        assert checked.code == (2 if bad else 0)
        assert all(f"evalkit: {printable(name)} is damaged" in checked.err for name in bad)
        emptied = ended(["store", f"path={path}", "max_gb=0"])
        emptied.assert_told()
        assert emptied.code == 0
        assert all(f"removed {printable(item.name)} " in emptied.err for item in items)
        assert inventory(store) == []


def spoil(case: tuple[str, str], random: Random, path: Path, outside: Path) -> None:
    kind, name = case
    if name:
        of_a_file(kind, name, random, path, outside)
    else:
        OF_A_STORE[kind](random, path, outside)


def check_runs(sound: Sound, path: Path) -> None:
    """Both models' runs give what they gave, and encode nothing that is whole; what is said to be whole is."""
    with no_hang(SECONDS):
        store = EmbeddingStore(str(path))
        said_whole = {item.name for item in inventory(store) if item.finished and not damage(store, item)}
    for revision in REVISIONS:
        kept = still_whole(path, sound, revision)
        embeddings, texts = encoded(path, sound.corpus, revision)
        assert not kept & {*texts}
        assert_same(embeddings, sound.embeddings[revision], is_new=bool(texts))
        for name in said_whole & set(sound.shards):
            if json.loads((path / name / "key.json").read_text())["revision"] == revision:
                assert not {text for shard in sound.shards[name] for text in shard.texts} & {*texts}
        again, nothing = encoded(path, sound.corpus, revision)
        assert nothing == []
        assert_same(again, sound.embeddings[revision], is_new=bool(texts))
        assert (again.documents.cached, again.queries.cached) == (True, True)


def assert_same(found: CorpusEmbeddings, expected: CorpusEmbeddings, is_new: bool) -> None:
    for one, other in zip(sides(found), sides(expected), strict=True):
        assert (one.vectors.dtype, one.vectors.shape) == (other.vectors.dtype, other.vectors.shape)
        assert one.vectors.tobytes() == other.vectors.tobytes()
        unlike = {"created_at"} if is_new else set()
        assert {**one.meta, **dict.fromkeys(unlike)} == {**other.meta, **dict.fromkeys(unlike)}
        if one.timing:  # of a millisecond a text, whoever is asked
            assert one.timing.texts_per_second == pytest.approx(1000)
            assert one.timing.conditions == other.timing.conditions


def everything(folder: Path) -> dict[str, Any]:
    """Each file below ``folder`` with its content; what a link leads to is the link's."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[name] = path.readlink() if path.is_symlink() else beginning(path) if path.is_file() else None
    return found
