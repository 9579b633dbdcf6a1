"""Ctrl-C, SIGTERM and SIGHUP end a command once: what is finished is kept, whatever comes meanwhile."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit import pipeline
from evalkit.__main__ import main
from evalkit.commands.door import exit_code
from evalkit.commands.interrupts import SIGNALS, Interrupt, interrupts
from evalkit.measures.ranking import Ranking
from evalkit.results import writer
from evalkit.results.reader import read_run, stored_runs
from evalkit.results.record import CorpusRecord, Point, PointRecord
from evalkit.results.setting import Setting
from tests.encoders.hosted.embedding_server import Fault, serve
from tests.fuzz.rule import no_hang

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
BY = {signal.SIGINT: "", signal.SIGTERM: " by SIGTERM", signal.SIGHUP: " by SIGHUP"}
Call = Callable[[], object]


def send(number: int) -> int:
    os.kill(os.getpid(), number)
    return 0


def corpus_record() -> CorpusRecord:
    passes = ({"corpus": "colours", "side": "document", "seconds": 1.5, "texts": 3, "runtime": {}},)
    return CorpusRecord(
        {"name": "m", "revision": "r"}, {"name": "colours", "fingerprint": "f", "documents": 3}, (), passes, ()
    )


def point_record(number: int) -> PointRecord:
    setting = Setting("retrieval", "m", "r", "", "colours", "f", "none", 8 + number, "int8", "e", "flat", "", "", 9, 9)
    return PointRecord(
        Point(setting, True, "inner_product", None, 2, "a machine", {"nDCG@10": 0.5}, {}),
        query_ids=("q0", "q1"),
        per_query={"nDCG@10": np.full(2, 0.5)},
        first_relevant_rank=np.ones(2, dtype=np.int64),
        latencies_ms={"search_ms": np.ones(3), "encode_query_ms": np.ones(3)},
        ranking=Ranking(np.array([[2, 0], [1, -1]]), np.array([[0.1, 0.1], [3.5, 0.0]], dtype=np.float32)),
        document_ids=("d0", "d1", "d2"),
    )


@pytest.fixture(autouse=True)
def signals_as_a_terminal_has_them() -> Iterator[None]:
    """None is ignored, as Ctrl-C is in what a script starts in its background."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Call], int]:
    """The exit code of a run of four points, between the second and the third of which ``happens`` is called."""

    def of(happens: Call) -> int:
        def evaluate(*_: Any) -> Iterator[CorpusRecord | PointRecord]:
            yield corpus_record()
            yield from map(point_record, range(2))
            happens()
            yield from map(point_record, range(2, 4))

        monkeypatch.setattr(pipeline, "evaluate", evaluate)
        return main(["model=bm25", "measures=[nDCG@10]", f"results_dir={tmp_path / 'results'}"])

    return of


def assert_kept(results_dir: Path, points: int) -> None:
    """There is one run, all of its tables have the same points, and nothing is beside it."""
    (folder,) = results_dir.iterdir()
    stored = read_run(folder)
    assert stored.about["finished"] is (points == 4)
    assert stored.points()["dims"].tolist() == [8, 9, 10, 11][:points]
    for table in (stored.queries(), stored.rankings(), stored.latencies()):
        assert sorted(table["dims"].unique()) == [8, 9, 10, 11][:points]


@pytest.mark.parametrize("number", CODES)
def test_each_signal_keeps_the_finished_points_and_has_its_code(
    run: Callable[[Call], int], number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = [signal.getsignal(each) for each in SIGNALS]
    assert run(lambda: send(number)) == CODES[number]
    assert_kept(tmp_path / "results", points=2)
    out, err = capsys.readouterr()
    assert out == f"{stored_runs(tmp_path / 'results')[0]}\n"
    assert err.endswith(f"evalkit: interrupted{BY[number]}; the finished points are kept\n")
    assert [signal.getsignal(each) for each in SIGNALS] == handlers


@pytest.mark.parametrize("step", ["points_frame", "sync", "rankings_tables"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_one_while_results_are_written_breaks_nothing(
    run: Callable[[Call], int], step: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = getattr(writer, step)

    def interrupted(*arguments: Any) -> Any:
        send(number)
        return whole(*arguments)

    def happens() -> None:
        monkeypatch.setattr(writer, step, interrupted)
        if step != "rankings_tables":  # whose first comes while a point is written
            send(signal.SIGINT)

    code = run(happens)
    assert code == (CODES[number] if step == "rankings_tables" else 130)
    assert_kept(tmp_path / "results", points=3 if step == "rankings_tables" else 2)


def test_one_while_the_last_results_are_written_ends_the_command_behind_them(
    run: Callable[[Call], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "points_frame", lambda points, whole=writer.points_frame: send(15) or whole(points))
    assert run(lambda: None) == 143
    assert_kept(tmp_path / "results", points=4)


def test_before_the_first_point_nothing_is_written_and_a_line_says_what_is_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipeline, "evaluate", lambda *_: iter([send(15)]))
    assert main(["model=bm25", f"results_dir={tmp_path / 'results'}"]) == 143
    said = "evalkit: interrupted by SIGTERM\n         What was encoded before is kept.\n"
    assert capsys.readouterr().err == f"evalkit: loading pydoc, bm25\n{said}"
    assert list((tmp_path / "results").iterdir()) == []


def test_a_library_that_makes_another_error_of_it_or_none_changes_nothing(
    run: Callable[[Call], int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def swallowed() -> None:
        try:
            send(signal.SIGTERM)
        except BaseException:
            return

    def converted() -> int:
        try:
            send(signal.SIGTERM)
        except BaseException as error:
            raise ImportError("numpy.core.multiarray failed to import") from error
        return 0

    assert run(converted) == 143
    assert_kept(tmp_path / "results", points=2)
    (tmp_path / "results").rename(tmp_path / "before")
    assert run(swallowed) == 143
    assert_kept(tmp_path / "results", points=3)
    assert exit_code(converted) == 143
    assert "fault of evalkit" not in capsys.readouterr().err


def test_signals_that_are_ignored_stay_so(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert exit_code(lambda: send(signal.SIGHUP)) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_command_in_another_thread_leaves_signals_alone() -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(exit_code(lambda: 0)))
    thread.start()
    thread.join()
    assert codes == [0]
    assert interrupts.first is None


def test_later_ones_are_not_raised_while_the_first_is_on_its_way() -> None:
    steps = []

    def call() -> int:
        try:
            send(signal.SIGINT)
        finally:
            steps.append("begun")
            send(signal.SIGTERM)
            send(signal.SIGINT)
            steps.append("done")
        return 0

    assert exit_code(call) == 130
    assert steps == ["begun", "done"]
    with pytest.raises(KeyboardInterrupt):
        raise Interrupt(signal.SIGTERM)


def test_a_request_that_is_on_its_way_is_not_waited_for(
    colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answered, is_over = [], threading.Event()

    def refuse(texts: list[str]) -> Fault | None:
        answered.append(texts)
        if len(answered) == 5:
            send(signal.SIGTERM)
        if len(answered) >= 5:
            is_over.wait()
        return None

    with serve() as server:
        server.refuse = refuse
        command = [
            *("model=openai_compatible", f"model.url={server.url}/v1", "model.name=m", "model.native_dims=8"),
            *("model.api.batch_texts=2", "model.api.parallel=2", "model.api.timeout_seconds=600"),
            *("store.shard_texts=4", f"store.path={tmp_path / 'store'}", f"results_dir={tmp_path / 'results'}"),
            *("corpus=beir", f"corpus.beir.path={colours}", "at_workload_seconds=0"),
        ]
        try:
            with no_hang(120):
                assert main(command) == 143
        finally:
            is_over.set()
    assert capsys.readouterr().err.endswith("interrupted by SIGTERM\n         What was encoded before is kept.\n")


STOPPED_IN_AN_IMPORT = """
import os, signal, sys
class Sender:
    def find_spec(self, name, *rest):
        if name == {name!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.{signal})
sys.meta_path.insert(0, Sender())
from evalkit.__main__ import main
main()
"""


@pytest.mark.parametrize(("name", "by"), [("hydra", "SIGTERM"), ("numpy._core._multiarray_umath", "SIGINT")])
def test_one_within_an_import_ends_the_process_with_its_code_and_a_line(name: str, by: str, tmp_path: Path) -> None:
    code = STOPPED_IN_AN_IMPORT.format(name=name, signal=by)
    words = [sys.executable, "-c", code, "model=bm25", f"results_dir={tmp_path}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    number = getattr(signal, by)
    assert done.returncode == CODES[number], done.stderr
    assert done.stderr.startswith(f"evalkit: interrupted{BY[number]}\n")
    assert list(tmp_path.iterdir()) == []
