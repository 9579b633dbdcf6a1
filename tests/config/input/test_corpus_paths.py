"""``corpus=<folder>`` and lists of them: accepted, told apart, recorded so that a run can be made again, and gated."""

import json
import shlex
from pathlib import Path

import pytest

from evalkit.__main__ import main
from evalkit.commands.arguments import HYDRA_FLAGS, split
from evalkit.commands.sweep import check_sweep
from evalkit.config import BeirCorpus
from evalkit.config.compose import compose
from evalkit.errors import UserError
from evalkit.results.reader import read_run

BM25 = ["model=bm25", "measures=[nDCG@10]", "top_k=10", "at_workload_seconds=0", "results_dir=results"]
NOT_COMPARABLE = 2


def beir_folder(folder: Path, word: str) -> Path:
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": f"d{i}", "text": f"{word} number {i} of many pumps"} for i in range(4)]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    (folder / "queries.jsonl").write_text("".join(f'{{"_id": "q{i}", "text": "number {i}"}}\n' for i in range(3)))
    rows = "".join(f"q{i}\td{i}\t1\n" for i in range(3))
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def corpora(line: str) -> dict[str, tuple[str, str | None]]:
    """key → path and name of the folders that ``line`` gives."""
    composed = compose("run", split("run", shlex.split(line), HYDRA_FLAGS).settings).corpus
    return {key: (c.path, c.name) for key, c in composed.items() if isinstance(c, BeirCorpus)}


@pytest.mark.parametrize("path", ["{here}/docs", "./docs", "docs", "sub/docs", "sub/../docs/", "../{here.name}/docs"])
def test_a_folder_is_the_corpus(path: str, here: Path) -> None:
    beir_folder(here / "docs", "valve")
    beir_folder(here / "sub" / "docs", "pump")
    given = path.format(here=here)
    assert corpora(f"corpus={given}") == corpora(f"corpus=[{given}]") == {"beir": (given, None)}


def test_the_working_folder_and_the_home_folder_are_paths_too(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    beir_folder(here / "docs", "valve")
    monkeypatch.setenv("HOME", str(here))
    assert corpora("corpus='~/docs'") == {"beir": (str(here / "docs"), None)}
    monkeypatch.chdir(here / "docs")
    assert corpora("corpus=.") == {"beir": (".", None)}


def test_names_with_spaces_commas_and_letters_of_any_script_are_folders(here: Path) -> None:
    for name in ("my docs", "a,b", "语料"):
        beir_folder(here / name, "valve")
        assert corpora(f"corpus='{name}'") == {"beir": (name, None)}
    assert [path for path, _ in corpora("corpus='[my docs,语料]'").values()] == ["my docs", "语料"]


def test_a_name_of_a_config_stays_a_name_whatever_folder_is_there(here: Path) -> None:
    beir_folder(here / "cranfield", "valve")
    assert corpora("corpus=cranfield data_dir=data") == {"cranfield": ("data/cranfield", "cranfield")}
    assert corpora("corpus=./cranfield") == {"beir": ("./cranfield", None)}


def test_several_folders_have_names_of_their_own_that_do_not_meet_those_of_configs(here: Path) -> None:
    for folder in ("a/docs", "b/docs", "b/scifact", "2024 notes"):
        beir_folder(here / folder, "valve")
    assert corpora("corpus=[a/docs,b/scifact]") == {"docs": ("a/docs", None), "b-scifact": ("b/scifact", None)}
    assert corpora("corpus=[cranfield,a/docs,b/docs] data_dir=data") == {
        "cranfield": ("data/cranfield", "cranfield"),
        "docs": ("a/docs", "docs"),
        "b-docs": ("b/docs", "b-docs"),
    }
    assert list(corpora("'corpus=[a/docs,2024 notes]'")) == ["docs", "folder-2024-notes"]
    assert corpora("corpus=[scifact,a/docs]") == {"beir": ("a/docs", None)}  # beside one of mteb
    assert corpora("corpus=[a/docs,b/docs] corpus.docs.name=first")["docs"] == ("a/docs", "first")


def test_a_sweep_takes_folders_one_by_one(here: Path) -> None:
    for folder in ("a", "b"):
        beir_folder(here / folder, "valve")
    words = split("run", ["-m", "model=bm25", "corpus=./a,./b"], HYDRA_FLAGS)
    assert words.overrides == ("model=bm25", "corpus=beir", "corpus.beir.path=./a,./b")
    check_sweep(words)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("corpus=./dcos", "there is no folder './dcos' (in 'corpus=./dcos'). Did you mean 'docs'?"),
        ("corpus=[./docs,docs]", "corpus=./docs is given twice. Leave out one of them."),
        ("-m corpus=./docs,pydoc", "'corpus=./docs,pydoc' sweeps over folders and over 'pydoc', which is none. "
         "Write 'corpus=[./docs,pydoc]' for one run with all, or sweep over the folders alone."),
        ("corpus=docs/corpus.jsonl", "corpus=docs/corpus.jsonl is a file of a corpus. Give its folder: corpus=docs."),
        ("corpus=./note", "corpus=./note is no folder. Give one with corpus.jsonl, queries.jsonl and qrels/test.tsv."),
    ],
)  # fmt: skip
def test_a_path_that_is_no_folder_gets_its_line(line: str, said: str, here: Path) -> None:
    beir_folder(here / "docs", "valve")
    (here / "note").write_text("x")
    with pytest.raises(UserError) as refused:
        split("run", shlex.split(line), HYDRA_FLAGS)
    assert refused.value.sentences == said


def test_a_folder_that_is_no_corpus_says_what_it_lacks_and_where_one_may_be(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("bm25s")
    (here / "empty").mkdir()
    (here / "texts").mkdir()
    (here / "texts" / "a.md").write_text("# A")
    beir_folder(here / "around" / "docs", "valve")
    half = beir_folder(here / "half", "valve")
    (half / "queries.jsonl").unlink()
    lacks = "holds no corpus.jsonl, queries.jsonl and qrels/"
    for name, said in {
        "empty": f"empty {lacks}. Give one that has them (docs/corpora.md).",
        "texts": f"texts {lacks}, but 'a.md'. Make a corpus of the texts in it first: python -m evalkit new-corpus",
        "around": f"around {lacks}, but 'docs'. Did you mean around/docs?",
        "half": "half holds no queries.jsonl, but 'corpus.jsonl', 'qrels'. It may also be",
    }.items():
        assert main(["corpus=" + name, *BM25]) == 2
        assert f"evalkit: {said}" in " ".join(capsys.readouterr().err.split())


def test_a_fresh_corpus_asks_for_questions_and_then_for_judgments(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("bm25s")
    folder = beir_folder(here / "docs", "valve")
    header, question = "query-id\tcorpus-id\tscore\n", '{"_id": "q1", "text": "how often is it greased?"}'
    (folder / "queries.jsonl").write_text("")
    (folder / "qrels" / "test.tsv").write_text(header)
    assert main(["corpus=docs", *BM25]) == 2
    assert capsys.readouterr().err == (
        "evalkit: loading docs, bm25\n"
        "evalkit: corpus 'beir': docs/queries.jsonl is empty.\n"
        f"         Write your questions into docs/queries.jsonl first, one line each: {question}\n"
    )
    (folder / "queries.jsonl").write_text(f"{question}\n")
    assert main(["corpus=docs", *BM25]) == 2
    assert "docs/qrels/test.tsv has no judgments.\n" in (said := capsys.readouterr().err)
    assert 'first, one line each: "q1<tab>document id<tab>1".\n' in said
    (folder / "qrels" / "test.tsv").write_text(f"{header}q1\td1\t1\n")
    assert main(["corpus=docs", *BM25]) == 0


def test_a_run_over_two_folders_can_be_made_again_and_is_a_baseline(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("bm25s")
    beir_folder(here / "a" / "docs", "valve")
    beir_folder(here / "b" / "docs", "pump")
    assert main(["corpus=[a/docs,b/docs]", *BM25]) == 0
    run = read_run(here / capsys.readouterr().out.splitlines()[-1])
    assert set(run.table("points")["corpus"]) == {"docs", "b-docs"}
    assert main(run.about["command"][3:]) == 0
    again = read_run(here / capsys.readouterr().out.splitlines()[-1])
    assert again.about["config"] == run.about["config"]
    assert [c["fingerprint"] for c in again.about["corpora"]] == [c["fingerprint"] for c in run.about["corpora"]]
    assert main(["gate", f"baseline={run.folder}", "model=bm25", "results_dir=results"]) != NOT_COMPARABLE
    capsys.readouterr()


def test_a_baseline_over_folders_elsewhere_is_gated_with_the_words_that_its_line_offers(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("bm25s")
    one, two = beir_folder(here / "a", "valve"), beir_folder(here / "b", "pump")
    (here / "work").mkdir()
    monkeypatch.chdir(here / "work")
    assert main([f"corpus=[{one},{two}]", *BM25]) == 0
    gate = ["gate", f"baseline={capsys.readouterr().out.splitlines()[-1]}", "model=bm25", "results_dir=results"]
    assert main(gate) == NOT_COMPARABLE
    words = shlex.split(capsys.readouterr().err.partition("If you trust it, add: ")[2])
    assert words == [f"corpus.a.path={one}", f"corpus.b.path={two}"]
    assert main([*gate, *words]) != NOT_COMPARABLE
    assert main([*gate, f"corpus=[{one},{two}]"]) != NOT_COMPARABLE
    capsys.readouterr()
