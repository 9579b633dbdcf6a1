"""Stored runs that somebody or something changed: read as data, refused in a line, or left out of a report by name."""

import copy
import json
import math
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.results.reader import read_run, stored_runs
from tests.conftest import ROOT
from tests.fuzz.rule import Ending, ended, fuzz
from tests.results.test_version1 import written_today

SECRET = "sk-only-the-environment-knows-4711"  # noqa: S105
EXAMPLE = next(run for run in stored_runs(ROOT / "results" / "examples") if "bef9b0" in run.name)
SEEDS = st.integers(0, 2**32).map(Random)  # not st.randoms: what is drawn depends on what a run of this machine holds
TABLES = ("queries", "latencies", "canary")
WORDS = "red green blue apple pear house tree river stone cloud bird fish".split()
MEASURES = ("nDCG@10", "R@10")
RUN = ["model=bm25", "at_workload_seconds=0", "measures=[nDCG@10,R@10]", "top_k=10", "runtime.latency_calls=5"]


@dataclass(frozen=True)
class Ground:
    """Where runs lie that cases spoil copies of, and what none of them may reach."""

    base: Path
    runs: dict[str, Path]
    sound: Path
    figures: pd.DataFrame
    listener: socket.socket

    @property
    def planted(self) -> Path:
        """The file that planted code would make."""
        return self.base / "planted"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/v1"


def corpus(folder: Path, words: list[str]) -> None:
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": f"d{i}", "text": f"{a} {b}"} for i, (a, b) in enumerate(pairwise(words))]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)))
    (folder / "queries.jsonl").write_text("\n".join(json.dumps({"_id": f"q{i}", "text": words[i]}) for i in range(10)))
    (folder / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\n" + "".join(f"q{i}\td{i}\t1\n" for i in range(10))
    )


def of_two_points(run: Path, folder: Path) -> Path:
    """The example with two points of one corpus: what a run of version 1 with vectors looks like, and quick to read."""
    shutil.copytree(run, folder)
    about = json.loads((folder / "run.json").read_text())
    about["points"] = about["points"][:2]
    kept = pd.DataFrame(about["points"])[["corpus", "dims", "quantization", "index"]]
    for name in ("points", "queries", "latencies"):
        table = pd.read_parquet(folder / f"{name}.parquet")
        table.merge(kept).to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "run.json").write_text(json.dumps(about))
    return folder


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    base = tmp_path_factory.mktemp("runs")
    before = Path.cwd()
    os.chdir(base)
    try:
        runs = {}
        for name, words in (("words", WORDS), ("sound", WORDS[::-1])):
            corpus(Path("data") / name, words)
            done = ended([*RUN, "corpus=beir", f"corpus.beir.path=data/{name}", f"results_dir=made/{name}"])
            assert done.code == 0, done
            runs[name] = base / stored_runs(Path("made") / name)[0]
        runs["version 1"] = of_two_points(EXAMPLE, base / "made" / "version1")
        runs["vectors"] = base / written_today(read_run(runs["version 1"]), base / "made" / "vectors")
        sound = runs.pop("sound")
        shutil.copytree(sound, "alone/sound")
        assert ended(["report", "results_dir=alone", "reports_dir=alone/reports"]).code == 0
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            yield Ground(base, runs, sound, pd.read_csv("alone/reports/index.csv"), listener)
    finally:
        os.chdir(before)


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of nested dicts and lists."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield (*above, key)
        yield from places(below, (*above, key))


def at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        value = value[key]
    return value


def deep(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def junk(random: Random, ground: Ground) -> Any:
    """What a place may hold instead."""
    return random.choice(
        (
            *(None, True, False, 0, -1, 1, 7, 1.5, -0.5, 10**20, -(10**400), 1e308, math.nan, math.inf),
            *("", "x", "5", "???", "../../x", "/etc", "\ud800", "\x1b[2J\n", "x" * 5_000, "\0", "${", "${b} {"),
            *("${oc.env:OWN_SECRET}", "${model.name}", ground.url, "OWN_SECRET", str(ground.planted)),
            *([], {}, [[]], [None], {"a": {}}, {"*": 1}, deep(40)),
            {"_target_": "pathlib.Path.touch", "self": str(ground.planted)},
        )
    )


About = dict[str, Any]
Mutation = Callable[[About, Random, Ground], None]


def put_junk(about: About, random: Random, ground: Ground) -> None:
    place = random.choice(list(places(about)))
    at(about, place[:-1])[place[-1]] = junk(random, ground)


def put_junk_early(about: About, random: Random, ground: Ground) -> None:
    """Where few places are: the tables of a run.json are mostly prices and packages."""
    first = random.choice(("config", "models", "corpora", "embeddings", "points"))
    place = random.choice([(), *places(about[first])])
    if place:
        at(about[first], place[:-1])[place[-1]] = junk(random, ground)
    else:
        about[first] = junk(random, ground)


def remove(about: About, random: Random, ground: Ground) -> None:
    place = random.choice(list(places(about)))
    del at(about, place[:-1])[place[-1]]


def rename(about: About, random: Random, ground: Ground) -> None:
    place = random.choice([place for place in places(about) if isinstance(place[-1], str)])
    around = at(about, place[:-1])
    around[random.choice(("x", "nDCG@10", "run", "documents", f"{place[-1]} "))] = around.pop(place[-1])


def double(about: About, random: Random, ground: Ground) -> None:
    place = random.choice([place for place in places(about) if isinstance(at(about, place), list)])
    items = at(about, place)
    items.extend(copy.deepcopy(items))


def swap(about: About, random: Random, ground: Ground) -> None:
    first, second = random.sample([place for place in places(about) if len(place) > 1], 2)
    if first[: len(second)] == second or second[: len(first)] == first:
        return
    values = at(about, first), at(about, second)
    at(about, first[:-1])[first[-1]], at(about, second[:-1])[second[-1]] = values[1], values[0]


def plant(about: About, random: Random, ground: Ground) -> None:
    """Settings that lead out of the run."""
    config = about["config"]
    touch = {"_target_": "pathlib.Path.touch", "self": str(ground.planted)}
    random.choice(
        (
            lambda: config.update(quantization={"x": {"faiss": "", **touch, "options": touch}}),
            lambda: config.update(quantization={"x": {"faiss": "Flat", "options": touch}}),
            lambda: config.update(
                model={
                    **{"kind": "openai_compatible", "name": "m", "url": ground.url, "native_dims": 3},
                    "api": {"key_variable": "OWN_SECRET"},
                }
            ),
            lambda: config["model"].update(url=ground.url, name="${oc.env:OWN_SECRET}"),
            lambda: config["model"].update(kind="sentence_transformers", name="x/y", trust_remote_code=True),
            lambda: config["model"].update(prompts={"query": "${oc.env:OWN_SECRET}", "document": "${b}"}),
            lambda: config.update(corpus={"beir": {"source": "beir", "path": "/"}}),
            lambda: config.update(corpus={"pydoc": {"source": "pydoc", "root": str(ground.base.parent)}}),
            lambda: config.update(corpus={"${oc.env:OWN_SECRET}": {"source": "beir", "path": "data/words"}}),
            lambda: config.update(stages={"x": {"kind": "cross_encoder", "path": "/", "trust_remote_code": True}}),
            lambda: config.update(data_dir="${oc.env:OWN_SECRET}", results_dir="/", store={"path": "/"}),
            lambda: config.update(allow_code=["pathlib", "os"]),
            lambda: config.update(measures=["${oc.env:OWN_SECRET}"]),
        )
    )()


MUTATIONS: dict[str, Mutation] = {
    each.__name__: each for each in (put_junk, put_junk_early, remove, rename, double, swap, plant)
}
BREAKS: dict[str, Callable[[bytes, Random], bytes]] = {
    "cut short": lambda text, random: text[: random.randrange(len(text))],
    "flipped": lambda text, random: flipped(text, random),
    "with a long number": lambda text, random: text.replace(b"1", b"1" * 5_000, 1),
    "deep": lambda text, random: b"[" * 100_000,
    "empty": lambda text, random: b"",
}


def flipped(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << random.randrange(8))]) + content[place + 1 :]


COMMANDS = {
    "report": ["report", "results_dir=results", "reports_dir=out"],
    "baseline of a gate": ["gate", "baseline=damaged", "candidate=sound", "resamples=1000"],
    "gated with itself": ["gate", "baseline=damaged", "candidate=damaged", "resamples=1000"],
    "candidate of a gate": ["gate", "baseline=sound", "candidate=damaged", "resamples=1000"],
    "made again": ["gate", "baseline=damaged", "top_k=9", "resamples=1000", "runtime.latency_calls=3"],
    "export": ["export", "damaged", "results_dir=results", "formats=[mteb]", "output_dir=out"],
    "accepted": ["baseline", "accept", "damaged", "results_dir=results"],
    "shown": ["show", "damaged", "results_dir=results"],
    "shown as JSON": ["show", "damaged", "results_dir=results", "--json"],
    "listed": ["list", "results_dir=results"],
    "compared": ["compare", "sound", "damaged", "results_dir=results", "resamples=200", "match=[corpus]"],
    "compared with itself": ["compare", "damaged", "damaged", "results_dir=results", "resamples=200"],
    "among others": ["recommend", "nDCG@10>=0.5*best", "by=bytes_per_document", "results_dir=results"],
}
LEFT_OUT = "damaged is left out"
NAMED_BY = {"report": LEFT_OUT, "among others": LEFT_OUT, "listed": "damaged can't be read"}
CHECK_ALL_TABLES = ("baseline of a gate", "gated with itself", "candidate of a gate", "accepted")
IN_RESULTS = ["results_dir=results", "reports_dir=out"]


def ending_of(command: str, ground: Ground) -> Ending:
    """How a command ends over results/damaged and results/sound in the working folder; nothing of it may get out."""
    words = COMMANDS[command]
    ending = ended([*words, *(IN_RESULTS if words[0] == "gate" else [])])
    if words[0] == "gate" and ending.code in (1, 3):  # a verdict
        assert "Traceback" not in ending.out + ending.err, ending
    else:
        ending.assert_told()
    assert not ground.planted.exists()
    with pytest.raises(BlockingIOError):
        ground.listener.accept()
    written = [file for file in Path().rglob("*") if file.is_file() and not file.is_relative_to("results/damaged")]
    assert not [file for file in written if SECRET.encode() in file.read_bytes()]
    assert SECRET not in ending.out + ending.err
    if command == "report":
        assert_sound(ending, ground)
    return ending


def assert_sound(ending: Ending, ground: Ground) -> None:
    """A report is made, with the figures of the run that nobody changed; the other is in it, or named."""
    assert ending.code == 0, ending
    points = pd.read_csv("out/index.csv")
    (fingerprint,) = ground.figures["corpus_fingerprint"]
    own = points[points["corpus_fingerprint"] == fingerprint]
    for column in ("nDCG@10", "R@10", "index_bytes", "search_ms_p50", "documents", "queries"):
        assert own[column].tolist() == ground.figures[column].tolist(), column
    assert len(points) > 1 or "damaged is left out" in ending.err, ending


@fuzz(whole=1000, sample=6)
@given(
    st.sampled_from(("words", "vectors", "version 1")),
    st.sampled_from(sorted(MUTATIONS)),
    st.sampled_from(sorted(COMMANDS)),
    SEEDS,
)
def test_a_changed_run_json(ground: Ground, run: str, kind: str, command: str, random: Random) -> None:
    with in_copy(ground, run) as folder:
        about = json.loads((folder / "run.json").read_text())
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            MUTATIONS[kind](about, random, ground)
        written = json.dumps(about)
        (folder / "run.json").write_text(written)
        ending_of(command, ground)
        assert (folder / "run.json").read_text() == written


@fuzz(whole=60, sample=2)
@given(st.sampled_from(sorted(BREAKS)), st.sampled_from(sorted(COMMANDS)), SEEDS)
def test_a_broken_run_json(ground: Ground, kind: str, command: str, random: Random) -> None:
    with in_copy(ground, "words") as folder:
        file = folder / "run.json"
        file.write_bytes(BREAKS[kind](file.read_bytes(), random))
        ending = ending_of(command, ground)
        assert is_json(file.read_bytes()) or is_refused(command, ending), ending


def is_json(content: bytes) -> bool:
    """Whether nobody can see that it isn't what was written: a bit that flips may make another word."""
    with suppress(ValueError, RecursionError):
        json.loads(content)
        return True
    return False


def is_refused(command: str, ending: Ending) -> bool:
    """The damaged run is named by a command that goes on with others, and any other command ends."""
    return NAMED_BY[command] in ending.err if command in NAMED_BY else ending.code == 2


Table = Callable[[pa.Table, Random], pa.Table]


def column_of(table: pa.Table, random: Random) -> int:
    return random.randrange(table.num_columns)


def with_value(table: pa.Table, random: Random, value: float) -> pa.Table:
    """``value`` in one row of a measure, or of a time."""
    name = random.choice([name for name in table.column_names if name in (*MEASURES, "search_ms")])
    values = table[name].to_pylist()
    values[random.randrange(len(values))] += value
    return table.set_column(table.column_names.index(name), name, pa.array(values, table[name].type))


def doubled(table: pa.Table, random: Random) -> pa.Table:
    return pa.concat_tables([table, table.slice(0, random.randrange(1, table.num_rows))])


def retyped(table: pa.Table, random: Random) -> pa.Table:
    place = column_of(table, random)
    kind = random.choice((pa.string(), pa.float64(), pa.int64(), pa.bool_(), pa.null()))
    return table.set_column(place, table.column_names[place], pa.nulls(table.num_rows, kind))


def renamed(table: pa.Table, random: Random) -> pa.Table:
    names = list(table.column_names)
    names[column_of(table, random)] = random.choice(("x", names[0], names[-1]))
    return table.rename_columns(names)


CHANGES: dict[str, Table] = {
    "without a column": lambda table, random: table.remove_column(column_of(table, random)),
    "with a column renamed": renamed,
    "with a column of nulls": retyped,
    "without some rows": lambda table, random: table.slice(random.randrange(1, table.num_rows)),
    "with rows twice": doubled,
    "without rows": lambda table, random: table.slice(0, 0),
    "with NaN": lambda table, random: with_value(table, random, math.nan),
    "with inf": lambda table, random: with_value(table, random, math.inf),
    "with another score": lambda table, random: with_value(table, random, 0.25),
}


@fuzz(whole=300, sample=4)
@given(
    st.sampled_from(("words", "vectors", "version 1")),
    st.sampled_from(("queries", "latencies")),
    st.sampled_from(sorted(CHANGES)),
    st.booleans(),
    st.sampled_from(sorted(COMMANDS)),
    SEEDS,
)
def test_a_changed_table(
    ground: Ground, run: str, table: str, kind: str, has_digests: bool, command: str, random: Random
) -> None:
    with in_copy(ground, run) as folder:
        file = folder / f"{table}.parquet"
        before = pq.read_table(file)
        after = CHANGES[kind](before, random)
        pq.write_table(after, file)
        if not has_digests:
            without_digests(folder)
        ending = ending_of(command, ground)
        if table == "queries" and kind.startswith(("with NaN", "with inf", "with another", "with rows", "without")):
            assert_noticed(command, ending, after.equals(before) or not measured(before, after))


def measured(before: pa.Table, after: pa.Table) -> bool:
    """Whether what a run is measured by differs between the two."""
    names = [*("query_id", "nDCG@10"), "corpus"]
    return not set(names) <= set(after.column_names) or not before.select(names).equals(after.select(names))


def assert_noticed(command: str, ending: Ending, is_unchanged: bool) -> None:
    """Scores that are not those of the run are refused where they are read."""
    if is_unchanged or command in ("export", "made again"):
        return
    if command == "report":
        assert "damaged" in ending.err, ending
    else:
        assert ending.code == 2, ending


BYTES: dict[str, Callable[[bytes, Random], bytes]] = {
    "cut short": lambda content, random: content[: random.randrange(len(content))],
    "flipped": flipped,
    "empty": lambda content, random: b"",
    "no table": lambda content, random: b"PAR1" + random.randbytes(200) + b"PAR1",
}


@fuzz(whole=150, sample=2)
@given(
    st.sampled_from(("words", "vectors", "version 1")),
    st.sampled_from(TABLES),
    st.sampled_from(sorted(BYTES)),
    st.sampled_from(sorted(COMMANDS)),
    SEEDS,
)
def test_a_broken_table(ground: Ground, run: str, table: str, kind: str, command: str, random: Random) -> None:
    with in_copy(ground, run) as folder:
        file = folder / f"{table}.parquet"
        file.write_bytes(BYTES[kind](file.read_bytes(), random))
        ending = ending_of(command, ground)
        if command in CHECK_ALL_TABLES and run != "version 1":  # which had no checksums
            assert is_refused(command, ending), ending


@pytest.mark.parametrize("has_digests", [True, False])
@pytest.mark.parametrize("table", ["queries", "latencies"])
def test_tables_of_another_run_are_noticed(ground: Ground, table: str, has_digests: bool) -> None:
    with in_copy(ground, "words") as folder:
        shutil.copyfile(ground.sound / f"{table}.parquet", folder / f"{table}.parquet")
        if not has_digests:
            without_digests(folder)
        assert ending_of("accepted", ground).code == 2
        assert ending_of("gated with itself", ground).code == 2


def without_digests(folder: Path) -> None:
    """As runs were written before they had them."""
    about = json.loads((folder / "run.json").read_text())
    about.pop("files", None)
    (folder / "run.json").write_text(json.dumps(about))


class in_copy:  # noqa: N801
    """A folder of its own to work in, with a copy of ``run`` as results/damaged beside results/sound."""

    def __init__(self, ground: Ground, run: str) -> None:
        self.ground, self.run = ground, run

    def __enter__(self) -> Path:
        self.own = TemporaryDirectory(dir=self.ground.base)
        self.patch = pytest.MonkeyPatch()
        self.patch.setenv("OWN_SECRET", SECRET)
        self.patch.chdir(self.own.name)
        shutil.copytree(self.ground.base / "data" / "words", "data/words")
        shutil.copytree(self.ground.sound, "results/sound")
        return Path(shutil.copytree(self.ground.runs[self.run], "results/damaged"))

    def __exit__(self, *_: object) -> None:
        self.patch.undo()
        self.own.cleanup()
