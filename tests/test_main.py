"""The front door: what it prints, what it refuses, and what it does not import."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.__main__ import COMMANDS, main
from evalkit.config import GROUPS
from evalkit.config.compose import compose
from evalkit.config.input.files import group_choices

ROOT = Path(__file__).resolve().parent.parent
RESCORED = "quantization=int8_rescore quantization.int8_rescore.rescore"
LOADING = "evalkit: loading "  # is said before what only a look into models and corpora can tell
HEAVY = ("torch", "faiss", "transformers", "sentence_transformers", "datasets", "mteb", "pandas", "matplotlib", "scipy")


def test_help_lists_every_command_and_every_choice_of_every_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    names = [*COMMANDS, *(name for group in GROUPS for name in group_choices(group))]
    assert [name for name in names if f"  {name} " not in text] == []


def test_help_shows_choices_of_the_users_own_config_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "ours.yaml").write_text("# ours — the one we trained\nkind: sentence_transformers\n")
    main(["--help", "--config-dir", str(tmp_path)])
    assert "the one we trained" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["--help", "export --help"])
def test_trap_24_help_imports_nothing_heavy(command: str) -> None:
    code = (
        "import sys; from evalkit.__main__ import main; main(sys.argv[1:]);"
        f"print(*[m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *command.split()], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("model=bgee", "no model 'bgee'. Did you mean 'bge'?"),
        ("corpus=scifac", "no corpus 'scifac'. Did you mean 'scifact'?"),
        ("quantization=[int8,int9]", "no quantization 'int9'. Did you mean 'int8'?"),
        ("quantization=null", "quantization needs a name"),
        ("index=", "index needs a name"),
        ("quantization=[]", "quantization=[] leaves nothing to measure"),
        ("dimz=3", "no setting 'dimz' (in 'dimz=3'). Did you mean 'dims'?"),
        ("+dimz=3", "no setting 'dimz' (in '+dimz=3'). Did you mean 'dims'?"),
        ("model.revison=x", "no setting 'revison' in model (kind sentence_transformers). Did you mean 'revision'?"),
        ("quantization.float32.fais=x", "no setting 'fais' in quantization.float32. Did you mean 'faiss'?"),
        ("corpus=beir corpus.beir.pth=x", "no setting 'pth' in corpus.beir (source beir). Did you mean 'path'?"),
        ("corpus=beir +corpus.beir.pth=x corpus.beir.path=.", "no setting 'pth' in corpus.beir (source beir)."),
        ("corpus=beir", "corpus.beir.path is not set"),
        ("corpus=beir corpus.beir.path=/nowhere", "the folder /nowhere does not exist"),
        ("corpus=cranfield data_dir=/nowhere", "the folder /nowhere/cranfield does not exist"),
        ("dims=385", "dims=385 is not possible: sentence-transformers/all-MiniLM-L6-v2 has 384 dimensions"),
        ("dims=0", "dims=0 is not possible"),
        ("dims=[64,-1]", "dims=-1 is not possible"),
        ("dims=2.5", "dims=2.5 is not possible"),
        ("dims=true", "dims=True is not possible"),
        ("dims=many", "dims=many is not possible"),
        ("dims=[]", "dims=[] leaves nothing to measure"),
        ("dims=[", "can't read 'dims=['"),
        ("measures=[P(rel=2)@10]", "and quotes around what has ( or = in it"),
        ("top_k=0", "top_k=0 is not possible"),
        ("top_k=ten", "top_k=ten"),
        ("measures=[]", "measures=[] leaves nothing to measure"),
        ("measures=[nDGC@10]", "measure 'nDGC@10' can't be computed. Did you mean 'nDCG@10'?"),
        ("measures=[R@1000]", "R@1000 looks deeper than top_k=100. Set top_k=1000, or keep it and write 'measures="),
        ("model=local", "model.path is not set"),
        ("model=local model.path=/nowhere", "model.path=/nowhere is no folder"),
        ("runtime.precision=fp8", "runtime.precision=fp8 is unknown. Known: bf16, float32, fp16."),
        ("quantization=int8_rescore quantization.int8_rescore.rescore.store=int4", "store=int4 is unknown"),
        (f"{RESCORED}.factor=0", "rescore.factor=0 is not possible. Give a whole number from 1 to 100,000 (times"),
        (f"{RESCORED}.factor=[4,1.5]", "rescore.factor=1.5 is not possible"),
        (f"{RESCORED}.factor=[]", "rescore.factor=[] is not possible"),
        (f"{RESCORED}.candidates=9", "candidates=9 is not possible. Give a whole number of at least 10"),
        (f"{RESCORED}.candidates=40 {RESCORED.split()[1]}.factor=4", "has both factor=4 and candidates=40. Give one"),
        ("serve_k=0", "serve_k=0 is not possible. Give a whole number from 1 to 100,000"),
        ("serve_k=101", "serve_k=101 looks deeper than top_k=100. Set top_k=101, or keep it and write serve_k=100."),
        ("quantization.float32.faiss=SQ5", "FAISS can't build 'SQ5' for 384 dimensions"),
        ("model.weights_sha256=abc", "expected abc"),
        ("evaluate", "no command 'evaluate'"),
        ("--frob", "no flag '--frob'"),
        ("dims=64 frob", "'frob' sets nothing"),
    ],
)  # fmt: skip
def test_a_mistake_gets_one_message_with_the_way_out_and_exit_code_2(
    arguments: str, expected: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = arguments.split()
    where = [f"results_dir={tmp_path / 'results'}", f"store.path={tmp_path / 'store'}"]
    assert main(words if words[0] in ("evaluate", "--frob") else [*words, *where]) == 2
    captured = capsys.readouterr()
    assert expected in " ".join(captured.err.split())
    assert captured.err.startswith("evalkit: ")
    assert len([line for line in captured.err.splitlines() if not line.startswith(LOADING)]) <= 2
    assert captured.out == ""
    assert not list(tmp_path.glob("results/*"))


def test_a_model_that_is_neither_cached_nor_reachable_names_both_ways_out(
    tiny_run: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    rest = [a for a in tiny_run if not a.startswith("model")]
    assert main(["model=bge", *rest]) == 2
    message = capsys.readouterr().err
    assert "bge (BAAI/bge-small-en-v1.5) is neither in the hub's cache nor available from the hub" in message
    assert "hub in reach" in message
    assert "model.path=<folder>" in message


def test_a_results_folder_that_can_not_be_made_is_one_line(
    tiny_run: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*(a for a in tiny_run if not a.startswith("results_dir")), "results_dir=/proc/evalkit"]) == 2
    assert "/proc/evalkit" in capsys.readouterr().err


SIX_WAYS = ["float32", "float16", "int8", "int8_rescore", "binary", "binary_rescore"]


@pytest.mark.parametrize(
    ("overrides", "dims", "quantizations"),
    [
        ([], [64, 128, 256, 384], SIX_WAYS),
        (["dims=64"], 64, SIX_WAYS),
        (["quantization=int8"], [64, 128, 256, 384], ["int8"]),
    ],
)
def test_an_experiment_sets_a_combination_and_what_stands_beside_it_wins(
    overrides: list[str], dims: object, quantizations: list[str]
) -> None:
    config = compose("run", ["experiment=demo", *overrides])
    assert config.dims == dims
    assert list(config.quantization) == quantizations
    assert replace(config, dims="native", quantization={}) == replace(compose("run", []), quantization={})


def test_make_demo_runs_the_experiment_of_that_name() -> None:
    (line,) = (line for line in (ROOT / "Makefile").read_text().splitlines() if "-m evalkit" in line)
    assert line.split("-m evalkit ")[1] == "experiment=demo"
