"""What ends a command, whatever it is, becomes an exit code and one line; a fault of evalkit's own leaves a file."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit import pipeline
from evalkit.__main__ import main
from evalkit.commands import door
from evalkit.commands.door import exit_code
from evalkit.errors import StoppedAsAskedError, UserError, printable

KEY = "sk-very-secret-4711"


class PanicError(BaseException):
    """As extensions written in Rust raise it: no Exception."""


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message can be made")


def raising(error: BaseException) -> Callable[[], int]:
    def call() -> int:
        raise error

    return call


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UserError("no 'x'.", "Try y."), 2, "evalkit: no 'x'.\n         Try y.\n"),
        (StoppedAsAskedError("that was all"), 0, "evalkit: that was all\n"),
        (KeyboardInterrupt(), 130, "evalkit: interrupted\n"),
        (SystemExit(3), 3, ""),
        (SystemExit(), 0, ""),
        (PermissionError(13, "x", "/some/file"), 2, "evalkit: Permission denied (/some/file).\n"),
        (OSError(18, "x", "/one", None, "/two"), 2, "evalkit: Invalid cross-device link (/one and /two).\n"),
        (OSError(28, "x"), 2, "evalkit: No space left on device.\n"),
        (MemoryError("no room for 3 TiB"), 2, "evalkit: there is not enough memory: no room for 3 TiB.\n"),
        (MemoryError(), 2, "evalkit: there is not enough memory.\n"),
    ],
)  # fmt: skip
def test_what_was_foreseen_has_its_code_and_line_and_no_file(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str], temporary_folder: Path
) -> None:
    assert exit_code(raising(error)) == code
    assert capsys.readouterr().err == line
    assert list(temporary_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (ValueError("setting an array element\nwith a sequence"), "ValueError: setting an array element"),
        (KeyError("a\x1b[31m"), r"KeyError: 'a\x1b[31m'"),
        (RecursionError("maximum depth"), "RecursionError: maximum depth"),
        (OSError("can't load this"), "OSError: can't load this"),  # as libraries raise it, without a number
        (OSError("one", "two"), "OSError: [Errno one] two"),
        (SystemExit("bye"), "SystemExit: bye"),
        (PanicError("index out of bounds"), "PanicError: index out of bounds"),
        (AssertionError(), "AssertionError"),
        (SpeechlessError(), "SpeechlessError"),
        (UnicodeEncodeError("ascii", "ü", 0, 1, "ordinal not in range"), "UnicodeEncodeError: 'ascii' codec can't"),
    ],
)  # fmt: skip
def test_what_nobody_foresaw_is_one_line_that_names_a_file_with_its_traceback(
    error: BaseException, what: str, capsys: pytest.CaptureFixture[str], temporary_folder: Path
) -> None:
    assert exit_code(raising(error), ["dims=3", "model.api_key=abc"]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"evalkit: {what}")
    (file,) = temporary_folder.iterdir()
    assert f"This is a fault of evalkit: please report it with {file}, which holds its traceback." in line
    if not isinstance(error, SpeechlessError):
        story = file.read_text(encoding="utf-8")
        assert "python -m evalkit 'dims=3' 'model.api_key=<removed>'" in story
        assert "Traceback (most recent call last)" in story
        assert "in call" in story  # the function that raised
        assert "\x1b" not in story
    assert file.stat().st_mode & 0o077 == 0


def test_keys_of_the_environment_are_neither_in_the_line_nor_in_the_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, temporary_folder: Path
) -> None:
    monkeypatch.setenv("OUR_API_KEY", KEY)
    monkeypatch.setenv("WHATEVER_WE_CALL_IT", "Zq81mNb7Xw2kLp94Rt5v")
    error = ValueError(f"401 for {KEY} at https://me:pw@host/v1 and Zq81mNb7Xw2kLp94Rt5v")
    assert exit_code(raising(error)) == 70
    (file,) = temporary_folder.iterdir()
    for text in (capsys.readouterr().err, file.read_text(encoding="utf-8")):
        assert "401 for <removed> at https://<removed>@host/v1 and <removed>" in text
        assert KEY not in text


def test_where_no_file_can_be_written_the_traceback_follows_the_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert exit_code(raising(ValueError("x"))) == 70
    line, *story = capsys.readouterr().err.splitlines()
    assert line == "evalkit: ValueError: x. This is a fault of evalkit: please report it with what follows."
    assert story[-1] == "ValueError: x"


def test_a_second_ctrl_c_while_the_first_is_told_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted_again(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(door, "fail", interrupted_again)
    assert exit_code(raising(KeyboardInterrupt())) == 130


@pytest.mark.parametrize("flags", [[], ["-m"], ["-m", "serve_k=5,10"]])
def test_a_fault_within_a_run_or_a_sweep_has_the_same_code(
    flags: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(pipeline, "evaluate", broken)
    assert main(["model=bm25", f"results_dir={tmp_path / 'results'}", *flags]) == 70
    assert "\nevalkit: ZeroDivisionError: division by zero. This is a fault" in capsys.readouterr().err
    assert list((tmp_path / "results").glob("[!.]*")) == []


def test_a_full_disk_within_a_run_says_what_is_kept(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(28, "No space left on device", "vectors.npy")

    monkeypatch.setattr(pipeline, "evaluate", full)
    assert main(["model=bm25", f"results_dir={tmp_path / 'results'}"]) == 2
    loading = "evalkit: loading pydoc, bm25\n"
    expected = "evalkit: No space left on device (vectors.npy).\n         What was encoded before is kept.\n"
    assert capsys.readouterr().err == loading + expected


def test_foreign_text_in_a_message_moves_no_cursor_and_starts_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    foreign = "a\x1b[2J\r\nevalkit: pass\u202e\ud800\u2028\x9b1;"
    assert exit_code(raising(UserError(f"document '{foreign}' is judged twice.", f"Leave out {foreign}."))) == 2
    problem, hint, rest = capsys.readouterr().err.split("\n")
    safe = r"a\x1b[2J\r\nevalkit: pass\u202e\ud800\u2028\x9b1;"
    assert problem == f"evalkit: document '{safe}' is judged twice."
    assert hint == f"         Leave out {safe}."
    assert rest == ""


def test_letters_of_all_scripts_stay_as_they_are_and_long_texts_keep_both_ends() -> None:
    assert printable("Größe 语料 ключ مرحبا 🙂 'q'") == "Größe 语料 ключ مرحبا 🙂 'q'"
    cut = printable("start" + "x" * 1_000_000 + "end", most=300)
    assert re.fullmatch(r"startx+…x+end", cut)
    assert len(cut) == 300


@pytest.mark.parametrize("word", ["corpus.beir.path=a\udcff", "a\udcff", "--config-dir=\udce8"])
def test_a_word_that_is_no_text_is_refused(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 2
    shown = word.encode("ascii", "backslashreplace").decode()
    assert capsys.readouterr().err.startswith(f"evalkit: '{shown}' can't be read as utf-8.\n")


def test_a_working_folder_that_is_gone_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here, gone = Path.cwd(), tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    try:
        assert main(["report"]) == 2
    finally:
        os.chdir(here)
    assert capsys.readouterr().err.startswith("evalkit: the folder that this was called in is gone.\n")


def shell(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """``command`` in bash, where $E is the command and its exit code is what ``echo`` of the command prints last."""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "E": f"{sys.executable} -m evalkit", **variables}
    return subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("$E --help | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}", 0, ""),
        ("$E modl=x 2>&1 | true; exit ${PIPESTATUS[0]}", 2, ""),
        ("$E store | true; exit ${PIPESTATUS[0]}", 0, ""),  # a table of rich's, which would exit with 1
        ("$E --version >/dev/full", 2, "evalkit: No space left on device (standard output).\n"),
        ("$E --version >&-", 0, ""),
        ("$E modl=x 2>&-", 2, ""),
        ("$E modl=x 2>/dev/full", 2, ""),
        ("$E modl=x >&- 2>&- <&-", 2, ""),
    ],
)
def test_streams_that_nobody_reads_or_that_are_full_or_closed_change_no_code(
    command: str, code: int, message: str
) -> None:
    done = shell(command)
    assert (done.returncode, done.stderr) == (code, message)


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}])
def test_what_a_stream_can_not_encode_is_escaped(variables: dict[str, str]) -> None:
    done = shell("$E --help", **variables)
    assert done.returncode == 0
    assert r"every dims \xd7 quantization \xd7 index." in done.stdout


def test_names_that_the_locale_can_not_read_are_refused_with_the_way_out() -> None:
    done = shell("$E corpus=beir corpus.beir.path=语料", LC_ALL="C", PYTHONUTF8="0")
    assert done.returncode == 2
    assert "can't be read as ascii.\n         Set PYTHONUTF8=1" in done.stderr
    assert "can't be read" not in shell("$E modl=语料", LC_ALL="C", PYTHONUTF8="1").stderr


def test_a_file_opened_by_a_command_never_takes_the_place_of_a_closed_stream() -> None:
    code = (
        "import os, sys; from evalkit.commands.streams import take_streams; take_streams();"
        "sys.stdout.write('x'); file = open(os.devnull); sys.exit(file.fileno() > 2)"
    )
    done = shell(f'{sys.executable} -c "{code}" <&- >&- 2>&-')
    assert done.returncode == 1


@pytest.mark.parametrize("most_bytes", [700, 2_000, 5_000])
def test_where_results_no_longer_fit_the_file_is_named_and_nothing_is_left(
    most_bytes: int, colours: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["model=bm25", "corpus=beir", f"corpus.beir.path={colours}", f"results_dir={tmp_path / 'results'}"]
    quick = ["top_k=10", "measures=[nDCG@10]", "runtime.latency_calls=5", "at_workload_seconds=0"]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, limits[1]))
    try:
        assert main([*words, *quick]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    *_, problem, hint = capsys.readouterr().err.splitlines()
    assert re.fullmatch(rf"evalkit: File too large \({tmp_path}/results/.*\.(parquet|json)\)\.", problem)
    assert hint == "         What was encoded before is kept."
    assert list((tmp_path / "results").iterdir()) == []


def test_a_run_whose_last_line_nobody_reads_is_done(colours: Path, tmp_path: Path) -> None:
    words = f"model=bm25 corpus=beir corpus.beir.path={colours} results_dir={tmp_path / 'results'} top_k=10"
    done = shell(f"$E {words} 'measures=[nDCG@10]' at_workload_seconds=0 | true; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "results").glob("*/run.json"))) == 1


@pytest.mark.parametrize("word", ["+model={}", "model={}", "nope={}", "dims=[{}]", "~{}", "corpus=[{}", "top_k={}"])
def test_a_word_of_any_length_makes_a_short_message(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word.format("9" * 5_000)]) == 2
    assert len(capsys.readouterr().err) < 3_000
