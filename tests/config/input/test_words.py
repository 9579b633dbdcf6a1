"""Words of a command line: a text needs no quotes but the shell's; lists, references and sweeps stay what they are."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.__main__ import main
from evalkit.commands.arguments import HYDRA_FLAGS, split
from evalkit.config.compose import compose
from evalkit.config.input.words import quoted, readable, takes_text
from evalkit.results.reader import find_run

PATHS = [
    "语料", "Größe", "a b", " a", "a ", "a,b", "it's", 'say "x"', "a(b)", "choice(a,b)", "[old] x", "[x]", "{a}", "a=b",
    "$HOME/x", "a&b;c!", "#1", "a\\", "C:\\data", "a'b'c", "x^y", "<x>", "`x`", "007", "1e5", "0x10", "1_000", "true",
    "None", "a: b", "'a' and 'b'", "~x", "%20+@?*|",
]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_a_path_is_read_as_it_is_written(path: str) -> None:
    keys = ("corpus.beir.path", "results_dir", "data_dir", "store.path")
    words = split("run", ["corpus=beir", *(f"{key}={path}" for key in keys)], HYDRA_FLAGS).settings
    config = compose("run", words)
    read = (vars(config.corpus["beir"])["path"], config.results_dir, config.data_dir, config.store.path)
    assert read == (path,) * len(keys)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_every_text_in_quotes_is_itself(text: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    assert OverridesParser.create().parse_override(f"name={quoted(text)}").value() == text


@pytest.mark.parametrize("word", [f"results_dir={path}" for path in PATHS])
def test_a_word_that_has_its_quotes_is_left_alone(word: str) -> None:
    once = readable(word, ["run"])
    assert readable(once, ["run"]) == once


def test_a_prompt_keeps_the_space_at_its_end() -> None:
    (word,) = split("run", ["model.prompts.query=query: "]).overrides
    assert compose("run", [word]).model.prompts.query == "query: "


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("'a b'", "a b"),
        ('"a,b"', "a,b"),
        ("a\\,b", "a,b"),
        ("${data_dir}/x", "data/x"),
        ("${data_dir}/a(b)", "data/a(b)"),
    ],
)
def test_what_hydra_reads_otherwise_on_purpose_stays_so(written: str, value: str) -> None:
    (word,) = split("run", [f"results_dir={written}"]).overrides
    assert compose("run", [word]).results_dir == value


@pytest.mark.parametrize(
    "word",
    [
        "dims=[64,128]",
        "stages=[bm25,minilm]",
        "pricing.machines={}",
        "dims=64",
        "store.path=null",
        "measures=[nDCG@10]",
    ],
)
def test_lists_numbers_and_null_stay_what_they_are(word: str) -> None:
    assert readable(word, ["run"]) == word


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("model=minilm,bge", "model=minilm,bge"),
        ("results_dir=a,b", "results_dir=a,b"),
        ("corpus.beir.path=语料,data/b", "corpus.beir.path='语料',data/b"),
        ("corpus.beir.path=语料", "corpus.beir.path='语料'"),
        ("dims=choice(64,128)", "dims=choice(64,128)"),
    ],
)
def test_in_a_sweep_commas_stand_between_values(word: str, read: str) -> None:
    assert split("run", ["-m", word], HYDRA_FLAGS).overrides == (read,)


def test_a_sweep_that_is_also_the_name_of_a_folder_is_pointed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a,b").mkdir()
    split("run", ["-m", "results_dir=a,b"], HYDRA_FLAGS)
    assert "one that is called so needs quotes: results_dir='a,b'" in capsys.readouterr().err


def test_the_home_folder_may_be_written_as_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert readable("results_dir=~/runs", ["run"]) == "results_dir=/home/me/runs"
    assert readable("results_dir=~", ["run"]) == "results_dir=/home/me"
    assert readable("corpus.beir.path=~/语料", ["run"]) == "corpus.beir.path='/home/me/语料'"


def test_which_settings_take_a_text_is_read_from_the_schemas() -> None:
    assert all(takes_text(key, ["run"]) for key in ("model.path", "corpus.x.documents", "runtime.device", "store.path"))
    assert not any(takes_text(key, ["run"]) for key in ("dims", "model", "top_k", "measures", "corpus.x", "nope.x"))
    assert takes_text("baseline", ["gate", "run"])
    assert takes_text("model.name", ["gate", "run"])


def test_a_corpus_and_results_in_folders_of_any_name_and_the_recorded_command_again(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "语料 (neu), it's a=b ~$x"
    shutil.copytree(colours, name)
    words = ["model=bm25", "corpus=beir", f"corpus.beir.path={name}", f"results_dir=r {name}", "at_workload_seconds=0"]
    assert main([*words, "top_k=10", "measures=[nDCG@10]", "runtime.latency_calls=5"]) == 0
    folder = Path(capsys.readouterr().out.rstrip("\n"))
    assert folder.parent == Path(f"r {name}")
    recorded = find_run(None, folder.parent).about["command"]
    assert main(recorded[3:]) == 0
    again = Path(capsys.readouterr().out.rstrip("\n"))
    assert again.parent == folder.parent
    assert again != folder

    assert main(["report", str(folder), f"results_dir=r {name}", f"reports_dir=s {name}"]) == 0
    assert (Path(f"s {name}") / "index.html").is_file()
    assert main(["export", str(folder), f"output_dir=e {name}"]) == 0
    assert (Path(f"e {name}") / "trec").is_dir()
    assert main(["baseline", "accept", str(folder), f"results_dir=r {name}", f"name=b {name}"]) == 0
    gated = main(
        ["gate", f"baseline=b {name}", f"candidate={folder}", f"results_dir=r {name}", f"reports_dir=g {name}"]
    )
    assert gated in (0, 3)
    Path(f"store {name}").mkdir()
    assert main(["store", f"path=store {name}"]) == 0
    assert capsys.readouterr().out.endswith(f"store {name}\n")


def test_own_configs_may_lie_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "meine, (Größe)=1"
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "größe.yaml").write_text("kind: random\nname: ours\noptions: {seed: 1}\n", encoding="utf-8")
    words = split("report", ["--config-dir", str(folder)])
    assert words.flags == ("--config-dir", str(folder))
    of_run = split("run", ["model=größe", "--config-dir", str(folder)], HYDRA_FLAGS)
    assert compose("run", of_run.settings).model.name == "ours"


def test_a_text_with_a_reference_that_was_escaped_stays_a_text() -> None:
    (word,) = split("run", ["model.prompts.query=a\\${b}"]).overrides
    assert compose("run", [word]).model.prompts.query == "a${b}"
