"""Command lines that are wrong somewhere: refused in a line and a hint before any work, or done exactly as written."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.commands.arguments import split
from evalkit.config import (
    GROUPS,
)
from evalkit.config.compose import compose
from evalkit.results.reader import read_run
from tests.fuzz.command_lines import ANYTHING, JUNK, LINES, RUN_LINES, Junk, Line, possible
from tests.fuzz.rule import Ending, ended, fuzz

PREFIXES = ("", "", "", "+", "++")
FLAGS = ("-m", "--multirun", "--cfg", "--cfg job", "--cfg=x", "--info", "--info x", "--resolve", "--package", "-p x",
         "--config-dir", "--config-dir=", "--config-dir nowhere", "--config-name x", "--config-path=/", "--hydra-help",
         "--run", "--shell-completion install=bash", "--experimental-rerun x", "--version=3", "-x", "--", "-",
         "--multirun=1", "--resolve=1")  # fmt: skip
HYDRAS = ("hydra.run.dir=x", "hydra.x=1", "+hydra.x=1", "hydra.launcher._target_=os.abort", "hydra.mode=MULTIRUN",
          "hydra.job_logging={_target_:os.abort}", "+hydra.job_logging._target_=os.abort", "hydra/launcher=x",
          "hydra/job_logging=default", "hydra.searchpath=[/]", "hydra.sweeper={_target_:os.abort}", "hydra=1", "~hydra",
          "hydra.callbacks={x:{_target_:os.abort}}", "hydra.verbose=true", "hydra.job.chdir=true")  # fmt: skip
BAD_SWEEPS = ("top_k=10,x", "top_k=10,0", "top_k=[10", "top_k=", "top_k=range(1,100000000)", "top_k=range(1,5,0)",
              "top_k=glob(*)", "model=glob(zz*)", "top_k=interval(1,2)", "model=bm25,nope", "top_k=10,null",
              "results_dir=a,", "runtime.latency_calls=0,5")  # fmt: skip
ALPHABET = "=[]{}()',\"\\$#~+-@/.:* \x1b\n\0éa0"


QUALITY = ("model", "corpus", "measures", "top_k", "serve_k", "stages", "index", "quantization", "dims", "chunking")


class Called(NamedTuple):
    """How a line ended, in a folder of its own, and what it wrote there."""

    ending: Ending
    folder: Path

    def problem(self) -> str:
        lines = self.ending.err.splitlines()
        return next((line for line in reversed(lines) if line.startswith("evalkit: ")), "")

    def run(self) -> dict[str, Any]:
        (stored,) = (read_run(file.parent).about for file in self.folder.rglob("run.json"))
        return dict(stored)


class World:
    """A folder with a corpus of twelve documents and a stored run; each call has a working folder of its own in it."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.monkeypatch, self.numbers = home, monkeypatch, count()
        for variable in ("COHERE_API_KEY", "CO_API_KEY", "NOPE"):
            monkeypatch.delenv(variable, raising=False)
        qrels, texts = home / "corpus" / "qrels", home / "texts"
        for folder in (qrels, texts, home / "empty"):
            folder.mkdir(parents=True)
        documents = [{"_id": f"d{i}", "text": f"red word{i} apple river"} for i in range(12)]
        queries = [{"_id": f"q{i}", "text": f"word{i} river"} for i in range(3)]
        for name, rows in (("corpus", documents), ("queries", queries)):
            (home / "corpus" / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        judged = "".join(f"q{i}\td{i}\t1\n" for i in range(3))
        (qrels / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
        (texts / "a.txt").write_text("Red apples grow on trees by the river.\n")
        self.name = "<none>"
        folder = self.call([*self.words(LINES[0]), f"results_dir={home / 'results'}"]).ending.out.strip()
        self.name = Path(folder).name
        self.sound: dict[Line, list[float]] = {}

    def words(self, line: Line) -> list[str]:
        return [word.format(home=self.home, run=self.name) for word in line.words]

    def call(self, words: Sequence[str]) -> Called:
        """``words`` called in an empty folder: done, or told; nothing is written where they are refused."""
        folder = self.home / f"call{next(self.numbers)}"
        folder.mkdir()
        self.monkeypatch.chdir(folder)
        self.monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        self.monkeypatch.setenv("HOME", str(folder / "home"))
        ending = ended(words)
        is_verdict = words[:1] == ["gate"] and (ending.code in (1, 3) or "evalkit: not comparable" in ending.err)
        called = Called(replace(ending, code=0) if is_verdict else ending, folder)
        called.ending.assert_told()
        if called.ending.code == 2:
            assert called.ending.out == "", called
            assert [file for file in folder.rglob("*") if file.is_file()] == [], called
        return called

    def figures(self, line: Line) -> list[float]:
        """The quality of every point of a sound ``line``."""
        if line not in self.sound:
            self.sound[line] = quality(self.call(self.words(line)).run())
        return self.sound[line]


def quality(run: Mapping[str, Any]) -> list[float]:
    return [point["nDCG@10"] for point in run["points"]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    pytest.importorskip("bm25s")
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield World(tmp_path_factory.mktemp("lines"), monkeypatch)


def value_at(path: str, config: Any) -> Any:
    for key in path.split("."):
        config = config[key] if isinstance(config, Mapping) else getattr(config, key)
    return config


@fuzz(whole=520, sample=4)
@given(line=st.sampled_from(LINES), random=st.randoms(use_true_random=False))
def test_junk_behind_a_setting_is_refused_or_recorded_as_it_is(world: World, line: Line, random: Random) -> None:
    setting, junk, prefix = random.choice(line.settings), random.choice(JUNK), random.choice(PREFIXES)
    words = [*world.words(line), f"{prefix}{setting.path}={junk.text}"]
    if setting.path == "model.api.dry_run":  # which keeps the line from calling anybody
        return
    called = world.call(words)
    if called.ending.code == 2:
        return
    values = possible(setting, junk)
    assert values, words
    is_run = line.command == "run" and line.words[0] != "model=cohere"
    if setting.path != "run":
        config = (
            called.run()["config"]
            if is_run
            else compose(line.command, split(line.command, words[line.command != "run" :]).settings)
        )
        recorded = value_at(setting.path, config)
        same = [value is ANYTHING or (value == recorded and type(value) is type(recorded)) for value in values]
        is_widened = isinstance(recorded, float) and recorded in values
        assert any(same) or is_widened, (words, recorded)
    if is_run and setting.path.partition(".")[0] not in QUALITY:
        assert quality(called.run()) == world.figures(line)


@fuzz(whole=140, sample=2)
@given(
    line=st.sampled_from([*RUN_LINES, LINES[5]]),
    group=st.sampled_from(GROUPS),
    prefix=st.sampled_from((*PREFIXES, "~")),
    junk=st.sampled_from(JUNK),
)
def test_junk_for_a_group_is_refused(world: World, line: Line, group: str, prefix: str, junk: Junk) -> None:
    called = world.call([*world.words(line), f"{prefix}{group}={junk.text}"])
    is_none = junk.text in ("[]", "null") and group in ("stages", "experiment") and line.command == "run"
    assert called.ending.code == 2 or is_none, called


@fuzz(whole=140, sample=2)
@given(line=st.sampled_from(LINES), random=st.randoms(use_true_random=False))
def test_a_misspelt_setting_is_refused_and_what_is_offered_is_there(world: World, line: Line, random: Random) -> None:
    setting = random.choice(line.settings)
    parent, dot, name = setting.path.rpartition(".")
    place = random.randrange(len(name))
    wrong = random.choice([name[:place] + name[place + 1 :], name[:place] + name[place] + name[place:], name.upper()])
    known = {other.path.rpartition(".")[2] for other in line.settings if other.path.rpartition(".")[0] == parent}
    if wrong in known or not wrong:
        return
    words = [*world.words(line), f"{random.choice(PREFIXES)}{parent}{dot}{wrong}=1"]
    called = world.call(words)
    assert called.ending.code == 2, called
    if offered := re.search(r"Did you mean '([^']+)'\?", called.ending.err):
        key = f"{parent}{dot}{offered[1]}" if offered[1] in known else offered[1]
        assert world.call([*words[:-1], f"{key}=[{{}}]"]).problem() != called.problem(), called


@fuzz(whole=160, sample=2)
@given(line=st.sampled_from(LINES), random=st.randoms(use_true_random=False))
def test_a_spoilt_word_is_refused_or_read_as_it_stands(world: World, line: Line, random: Random) -> None:
    words = world.words(line)
    place = random.randrange(len(words))
    word = words[place]
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(word) + 1)
        word = random.choice([word[:at], word[at:], word[:at] + random.choice(ALPHABET) + word[at:], word * 2])
    called = world.call([*words[:place], word, *words[place + 1 :]])
    if called.ending.code == 0 and line in RUN_LINES and words[place].partition("=")[0] not in QUALITY:
        assert quality(called.run()) == world.figures(line)


@fuzz(whole=60, sample=2)
@given(line=st.sampled_from(RUN_LINES), random=st.randoms(use_true_random=False))
def test_words_in_any_order_and_twice_are_the_same_run(world: World, line: Line, random: Random) -> None:
    words = world.words(line)
    groups, others = [w for w in words if "." not in w], [w for w in words if "." in w]
    random.shuffle(words)
    called = world.call([*words, *random.sample(others, len(others)), *[w for w in groups if "_" in w]])
    assert called.ending.code == 0
    assert quality(called.run()) == world.figures(line)


@fuzz(whole=120, sample=3)
@given(line=st.sampled_from(LINES), more=st.sampled_from((*FLAGS, *HYDRAS)), random=st.randoms(use_true_random=False))
def test_flags_and_hydras_settings_are_refused_or_print(world: World, line: Line, more: str, random: Random) -> None:
    words = world.words(line)
    place = random.randint(line.command != "run", len(words))
    called = world.call([*words[:place], *more.split(" "), *words[place:]])
    is_sound = line.command == "run" and more in ("-m", "--multirun", "--cfg job", "--info")
    assert (called.ending.code == 2) != is_sound, called


@fuzz(whole=40, sample=1)
@given(line=st.sampled_from(RUN_LINES), sweep=st.sampled_from(BAD_SWEEPS))
def test_a_sweep_of_which_one_run_can_not_be_makes_none(world: World, line: Line, sweep: str) -> None:
    assert world.call(["-m", *world.words(line), sweep]).ending.code == 2
