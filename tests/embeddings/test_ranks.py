"""Several processes on one store, each told its rank: every text once, whoever dies, and only whole parts count."""

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from evalkit.__main__ import main
from evalkit.api import load
from evalkit.config import ExecutorConfig, RunConfig
from evalkit.corpora import Texts
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.entries.claims import GIVEN_UP, Claims, is_in_use, processes_of
from evalkit.embeddings.entries.parts import Parts, part_name
from evalkit.embeddings.executors.local import Local
from evalkit.embeddings.inventory import OF_RANKS, damage, inventory
from evalkit.embeddings.passes import embed_sides, entry_key
from evalkit.embeddings.pruning import prune
from evalkit.embeddings.ranks import Ranks
from evalkit.embeddings.timing import TimingPlan
from evalkit.encoders import Advance, Encoded, Side
from evalkit.errors import UserError
from tests.embeddings.executors.logged import (
    REFUSED,
    SHARD_TEXTS,
    LoggedEncoder,
    logged,
    shards_of,
    some_texts,
    times_encoded,
)
from tests.embeddings.forks import ended, forked, on_full_disk

TEXTS = some_texts()
LONG_AGO = 1_000.0


def ranks(store: Path, rank: int, world_size: int = 2, lapse_seconds: float = 60.0) -> Ranks:
    config = RunConfig(rank=rank, world_size=world_size, executor=ExecutorConfig("local", lapse_seconds=lapse_seconds))
    return Ranks(config, Local(), EmbeddingStore(str(store), SHARD_TEXTS))


def help_with(store: Path, rank: int, encoder: LoggedEncoder, texts: Texts = TEXTS, lapse_seconds: float = 60) -> Ranks:
    helper = ranks(store, rank, lapse_seconds=lapse_seconds)
    helper.help(encoder, "document", texts)
    return helper


def gather(store: Path, encoder: LoggedEncoder, texts: Texts = TEXTS, rank: Ranks | None = None) -> np.ndarray:
    """What rank 0 does, and the vectors that it has then."""
    rank = rank or ranks(store, 0)
    made = embed_sides(rank.store, encoder, rank, "c", {"document": texts}, TimingPlan(0, 0.0))["document"]
    return np.array(made.vectors)


def alone(folder: Path, texts: Texts = TEXTS) -> np.ndarray:
    store = EmbeddingStore(str(folder), SHARD_TEXTS)
    sides: dict[Side, Texts] = {"document": texts}
    return np.array(
        embed_sides(store, logged(folder / "l"), Local(), "c", sides, TimingPlan(0, 0.0))["document"].vectors
    )


def parts_of(store: Path, encoder: LoggedEncoder, texts: Texts = TEXTS) -> Parts:
    return Parts.of(store, entry_key(EmbeddingStore(str(store), SHARD_TEXTS), encoder, "document", texts))


def check_gathered(store: Path, tmp_path: Path, vectors: np.ndarray) -> None:
    """As one process would have made it, with nothing left of the ranks."""
    assert vectors.tobytes() == alone(tmp_path / "alone").tobytes()
    assert list(store.glob("*.parts")) == list(store.glob(".evalkit-*")) == []
    made = EmbeddingStore(str(store))
    assert [damage(made, item) for item in inventory(made)] == [""]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def test_three_ranks_at_once_encode_each_text_once(store: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    helpers = [forked(partial(help_with, store, rank, logged(log, 0.1))) for rank in (1, 2)]
    vectors = gather(store, logged(log, 0.1))
    assert [ended(helper) for helper in helpers] == [0, 0]
    check_gathered(store, tmp_path, vectors)
    assert times_encoded(log) == dict.fromkeys(TEXTS.texts, 1)


def test_rank_0_started_last_encodes_nothing(store: Path, tmp_path: Path) -> None:
    log, other = tmp_path / "log", tmp_path / "other"
    helper = help_with(store, 1, logged(log))
    assert helper.encoded == "7 shards encoded (26 texts)"
    assert help_with(store, 1, logged(log)).encoded == "0 shards encoded (0 texts)"
    store_of_parts = EmbeddingStore(str(store))
    assert [item.state for item in inventory(store_of_parts)] == [OF_RANKS]
    vectors = gather(store, replace_log(logged(log), other))
    assert times_encoded(other) == {}
    check_gathered(store, tmp_path, vectors)
    assert help_with(store, 1, logged(log)).texts == 0
    assert list(store.glob("*.parts")) == []


def replace_log(encoder: LoggedEncoder, log: Path) -> LoggedEncoder:
    return LoggedEncoder(replace(encoder.config, url=str(log)), encoder.runtime)


def test_ranks_encode_what_is_new_of_a_changed_corpus_and_nothing_else(store: Path, tmp_path: Path) -> None:
    log, other = tmp_path / "log", tmp_path / "other"
    gather(store, logged(tmp_path / "before"))
    new = {text: f"{text} anew" for text in TEXTS.texts[::2]}
    changed = Texts(TEXTS.ids, [new.get(text, text) for text in TEXTS.texts])
    assert help_with(store, 1, logged(log), changed).texts == len(new)
    vectors = gather(store, replace_log(logged(log), other), changed)
    assert times_encoded(log) == dict.fromkeys(new.values(), 1)
    assert times_encoded(other) == {}
    assert vectors.tobytes() == alone(tmp_path / "alone", changed).tobytes()
    assert list(store.glob("*.parts")) == list(store.glob(".evalkit-*")) == []
    assert help_with(store, 1, logged(log), changed).texts == 0


@pytest.mark.parametrize("dies", ["rank 0", "rank 1"])
def test_a_rank_that_is_killed_loses_the_shard_in_hand_and_no_more(store: Path, tmp_path: Path, dies: str) -> None:
    """It is killed in the middle of its third shard: two are whole, and the other rank makes the third and the rest."""
    log = tmp_path / "log"

    class Dying(LoggedEncoder):
        def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
            encoded = super().encode(texts, side, advance)
            if len(times_encoded(log)) > 2 * SHARD_TEXTS:
                os.kill(os.getpid(), signal.SIGKILL)
            return encoded

    dying = Dying(logged(log).config, logged(log).runtime)
    killed = forked(lambda: gather(store, dying) if dies == "rank 0" else help_with(store, 1, dying))
    assert ended(killed) == -signal.SIGKILL
    if dies == "rank 0":
        assert help_with(store, 1, logged(log)).shards == 5
    vectors = gather(store, logged(log))
    check_gathered(store, tmp_path, vectors)
    times = times_encoded(log)
    assert set(times) == set(TEXTS.texts)
    assert sum(times.values()) == len(TEXTS) + SHARD_TEXTS


def test_a_claim_of_another_machine_lapses_when_nobody_touches_it(store: Path, tmp_path: Path) -> None:
    """By the folder's own clock: this machine's doesn't matter."""
    encoder = logged(tmp_path / "log")
    parts, claims = claimed_elsewhere(store, encoder, LONG_AGO)
    name = part_name(encoder.identity("document"), shards_of(TEXTS)[0])
    assert claims.latest()[name].is_lapsed
    fresh = claimed_elsewhere(store, encoder, 0.0, place=1)[1]
    assert not fresh.latest()[part_name(encoder.identity("document"), shards_of(TEXTS)[1])].is_lapsed
    for file in parts.folder.glob("*.claim-*"):
        os.utime(file, (1, 1))
    check_gathered(store, tmp_path, gather(store, encoder))


def claimed_elsewhere(store: Path, encoder: LoggedEncoder, seconds_ago: float, place: int = 0) -> tuple[Parts, Claims]:
    parts = parts_of(store, encoder)
    parts.make(entry_key(EmbeddingStore(str(store), SHARD_TEXTS), encoder, "document", TEXTS))
    claims = Claims(parts.folder, 0, 60.0)
    name = part_name(encoder.identity("document"), shards_of(TEXTS)[place])
    file = parts.folder / f"{name}.claim-0"
    file.write_text(json.dumps({"rank": 3, "node": "another", "process": 1}))
    then = claims.now() - seconds_ago
    os.utime(file, (then, then))
    return parts, claims


def test_a_rank_that_lives_and_gets_nowhere_is_overtaken(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its claim is touched all the time; the others wait for a multiple of what a shard takes them."""
    monkeypatch.setattr("evalkit.embeddings.shared_pass.LEAST_LATE_SECONDS", 0.2)
    encoder = logged(tmp_path / "log")
    claimed_elsewhere(store, encoder, -LONG_AGO)
    check_gathered(store, tmp_path, gather(store, encoder))
    assert times_encoded(tmp_path / "log") == dict.fromkeys(TEXTS.texts, 1)


def test_ranks_of_other_models_or_texts_never_meet(store: Path, tmp_path: Path) -> None:
    other = logged(tmp_path / "log")
    other.config = replace(other.config, name="other")
    help_with(store, 1, other)
    help_with(store, 1, logged(tmp_path / "log"), some_texts(25))
    encoder = logged(tmp_path / "own")
    assert gather(store, encoder).tobytes() == alone(tmp_path / "alone").tobytes()
    assert times_encoded(tmp_path / "own") == dict.fromkeys(TEXTS.texts, 1)
    assert len(list(store.glob("*.parts"))) == 2
    prune(EmbeddingStore(str(store)), max_bytes=0)
    assert list(store.glob("*.parts")) == []


@pytest.mark.parametrize("damage_to", ["vectors", "note", "another's note", "a link"])
def test_a_part_that_is_not_as_it_was_written_is_made_again(
    store: Path, tmp_path: Path, damage_to: str, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = logged(tmp_path / "log")
    help_with(store, 1, encoder)
    parts = parts_of(store, encoder)
    first, second = (part_name(encoder.identity("document"), shard) for shard in list(shards_of(TEXTS))[:2])
    (file,) = parts.folder.glob(f"{first}.*.npy")
    note = parts.folder / f"{first}.json"
    if damage_to == "vectors":
        file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    elif damage_to == "note":
        note.write_text(note.read_text().replace('"dims": 8', '"dims": 4'))
    elif damage_to == "a link":
        file.rename(tmp_path / "elsewhere.npy")
        file.symlink_to(tmp_path / "elsewhere.npy")
    else:
        note.write_text((parts.folder / f"{second}.json").read_text())
    check_gathered(store, tmp_path, gather(store, replace_log(encoder, tmp_path / "again")))
    assert set(times_encoded(tmp_path / "again")) == set(TEXTS.texts[:SHARD_TEXTS])
    assert "is not as it was written: it is made again" in capsys.readouterr().err


def test_a_rank_whose_disk_is_full_ends_and_another_takes_its_shard(store: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    encoder = logged(log)
    parts_of(store, encoder).make(entry_key(EmbeddingStore(str(store), SHARD_TEXTS), encoder, "document", TEXTS))
    assert on_full_disk(200, lambda: help_with(store, 1, replace_log(encoder, tmp_path / "full")))
    assert not list(store.rglob("*.npy"))
    check_gathered(store, tmp_path, gather(store, encoder))


def test_a_refused_text_ends_every_rank_with_the_same_line(store: Path, tmp_path: Path) -> None:
    texts = some_texts(last=REFUSED)
    with pytest.raises(UserError, match=f"the text '{REFUSED}' is refused"):
        help_with(store, 1, logged(tmp_path / "log"), texts)
    with pytest.raises(UserError, match=f"the text '{REFUSED}' is refused"):
        gather(store, logged(tmp_path / "log"), texts)


def test_a_shard_at_which_rank_after_rank_ends_stops_the_others(store: Path, tmp_path: Path) -> None:
    encoder = logged(tmp_path / "log")
    parts, _ = claimed_elsewhere(store, encoder, LONG_AGO)
    (first,) = parts.folder.glob("*.claim-0")
    for number in range(1, 5):
        os.link(first, first.with_suffix(f".claim-{number}"))
    with pytest.raises(UserError, match="5 ranks ended at the document side's texts 'd0' to 'd3'"):
        help_with(store, 1, encoder)
    check_gathered(store, tmp_path, gather(store, encoder))  # rank 0 counts anew


def test_ranks_that_let_go_of_a_shard_are_not_counted(store: Path, tmp_path: Path) -> None:
    encoder = logged(tmp_path / "log")
    parts, _ = claimed_elsewhere(store, encoder, LONG_AGO)
    (first,) = parts.folder.glob("*.claim-0")
    for number in range(1, 9):
        os.link(first, first.with_suffix(f".claim-{number}"))
    os.utime(first, (GIVEN_UP, GIVEN_UP))
    assert help_with(store, 1, encoder).texts == len(TEXTS)


@pytest.mark.parametrize(("elsewhere", "is_lapsed"), [("", True), (" another", False)])
def test_only_processes_of_the_same_machine_and_container_are_known_to_be_dead(
    store: Path, tmp_path: Path, elsewhere: str, is_lapsed: bool
) -> None:
    encoder = logged(tmp_path / "log")
    parts, claims = claimed_elsewhere(store, encoder, 0.0)
    (file,) = parts.folder.glob("*.claim-0")
    dead = ended_process()
    file.write_text(json.dumps({"rank": 3, "processes_of": processes_of() + elsewhere, "process": dead}))
    assert [claim.is_lapsed for claim in claims.latest().values()] == [is_lapsed]


def ended_process() -> int:
    process = forked(lambda: None)
    assert ended(process) == 0
    return process.pid or 0


def test_the_first_whole_part_counts(store: Path, tmp_path: Path) -> None:
    encoder = logged(tmp_path / "log")
    parts = parts_of(store, encoder)
    parts.make({})
    first, second = (next(Local().run(encoder, shards_of(TEXTS)[:1])) for _ in range(2))
    name = part_name(encoder.identity("document"), shards_of(TEXTS)[0])
    assert (parts.keep(name, first), parts.keep(name, second)) == (True, False)
    assert len(list(parts.folder.glob("*.npy"))) == 1
    read = parts.read(name, shards_of(TEXTS)[0])
    np.testing.assert_array_equal(read.encoded.vectors, first.encoded.vectors)
    np.testing.assert_array_equal(read.encoded.tokens, first.encoded.tokens)
    np.testing.assert_array_equal(read.encoded.truncated, first.encoded.truncated)
    assert (read.worker, read.busy_seconds) == (first.worker, first.busy_seconds)


def test_parts_that_ranks_are_at_are_not_pruned(store: Path, tmp_path: Path) -> None:
    encoder = logged(tmp_path / "log")
    parts, claims = claimed_elsewhere(store, encoder, 0.0)
    claims.now()
    assert is_in_use(parts.folder, 60)
    assert [item.state for item in prune(EmbeddingStore(str(store)), max_bytes=0).in_use] == [OF_RANKS]
    os.utime(claims.clock, (1, 1))
    assert not is_in_use(parts.folder, 60)
    assert prune(EmbeddingStore(str(store)), max_bytes=0).removed
    assert not parts.folder.exists()


def test_a_pass_that_was_begun_alone_goes_on_with_ranks(store: Path, tmp_path: Path) -> None:
    """Two shards of seven are in the entry already; helpers leave them out."""
    log = tmp_path / "log"

    class Stopping(LoggedEncoder):
        def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
            if "text 8" in texts:
                raise KeyboardInterrupt
            return super().encode(texts, side, advance)

    begun = EmbeddingStore(str(store), SHARD_TEXTS)
    with pytest.raises(KeyboardInterrupt):
        embed_sides(
            begun,
            Stopping(logged(log).config, logged(log).runtime),
            Local(),
            "c",
            {"document": TEXTS},
            TimingPlan(0, 0.0),
        )
    assert help_with(store, 1, logged(log)).shards == 5
    check_gathered(store, tmp_path, gather(store, logged(log)))
    assert times_encoded(log) == dict.fromkeys(TEXTS.texts, 1)


def test_what_ranks_took_is_told_by_the_clock_of_their_folder(store: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    helper = forked(lambda: help_with(store, 1, logged(log, 0.2)))
    began = time.time()
    rank = ranks(store, 0)
    made = embed_sides(rank.store, logged(log, 0.2), rank, "c", {"document": TEXTS}, TimingPlan(0, 0.0))["document"]
    assert ended(helper) == 0
    took = made.throughput
    assert took.texts == len(TEXTS)
    assert took.busy_seconds >= 7 * 0.2
    assert 0 < took.wall_seconds <= time.time() - began + 60


def run_of(folder: Path, colours: Path, *words: str) -> list[str]:
    return [
        *("model=wordllama", "corpus=beir", f"corpus.beir.path={colours}", "top_k=10", "measures=[nDCG@10]"),
        *(f"store.path={folder / 'store'}", f"results_dir={folder / 'results'}", "store.shard_texts=4"),
        *("runtime.latency_calls=5", "runtime.timing_seconds=0.1", "at_workload_seconds=0", *words),
    ]


def test_one_command_by_rank_measures_what_it_measures_alone(
    tmp_path: Path, colours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("wordllama")
    together, alone = tmp_path / "together", tmp_path / "alone"
    assert main(run_of(together, colours, "rank=1", "world_size=2")) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[-1] == "evalkit: rank 1 of 2: 5 shards encoded (18 texts)"
    assert not (together / "results").exists()
    assert main(run_of(together, colours, "rank=0", "world_size=2")) == 0
    assert main(run_of(alone, colours)) == 0
    with_help, without = (load(results_dir=folder / "results") for folder in (together, alone))
    assert with_help.points["nDCG@10"].tolist() == without.points["nDCG@10"].tolist()
    passes = {row["side"]: row for row in with_help.about["embeddings"]}
    assert (passes["document"]["workers"], passes["document"]["cached"]) == (1, False)
    assert passes["document"]["texts_per_second"] is not None  # of a sample that rank 0 has timed
    assert main(run_of(together, colours)) == 0
    again = load(results_dir=together / "results").about["embeddings"][0]
    assert again["workers"] is None
    assert "in the store" in again["unmeasured"]["workers"]


@pytest.mark.parametrize(
    ("model", "why"), [("voyage", "is behind an API, which rank 0 alone asks"), ("bm25", "encodes nothing")]
)
def test_a_rank_that_can_do_nothing_says_so_and_ends(
    tmp_path: Path, colours: Path, model: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"model={model}", "corpus=beir", f"corpus.beir.path={colours}", "rank=1", "world_size=2"]
    assert main([*words, f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path / 'store'}"]) == 0
    said = capsys.readouterr()
    assert (said.out, why in said.err.splitlines()[-1]) == ("", True)
    assert not (tmp_path / "store").exists()
