"""evalkit from Python: the same runs, checks and errors as on the command line, as values, and nothing is printed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

import evalkit
from evalkit import api
from evalkit.__main__ import main
from evalkit.config import GROUPS, RunConfig
from tests.conftest import ROOT

Evaluate = Callable[..., evalkit.Run]


@pytest.fixture
def evaluate(colours: Path, tmp_path: Path) -> Evaluate:
    """``evalkit.run`` of BM25 on the tiny corpus, unless said otherwise."""
    own = {
        "model": "bm25",
        "corpus": {"beir": {"path": colours}},
        "results_dir": tmp_path / "results",
        "store": {"path": tmp_path / "store"},
        "top_k": 10,
        "measures": ["nDCG@10", "R@10"],
        "runtime": {"latency_calls": 5},
        "at_workload_seconds": 0,
    }

    def run(**settings: Any) -> evalkit.Run:
        return evalkit.run(**{**own, **settings})

    return run


def test_importing_evalkit_imports_nothing_heavy() -> None:
    heavy = ("numpy", "pandas", "torch", "omegaconf", "hydra", "faiss", "evalkit.api")
    code = f"import evalkit, sys; dir(evalkit); print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_offered_is_there_and_what_is_not_is_no_attribute() -> None:
    assert [name for name in evalkit.__all__ if not hasattr(evalkit, name)] == []
    assert set(evalkit.__all__) <= set(dir(evalkit))
    assert set(api.__all__) == set(evalkit.__all__) - {"__version__"}
    assert not hasattr(evalkit, "rnu")


def test_the_settings_that_are_typed_are_those_of_a_run() -> None:
    assert set(api.RunSettings.__annotations__) == {field.name for field in fields(RunConfig)} | set(GROUPS)


def test_a_run_is_evaluated_and_read_as_tables_and_prints_nothing(
    evaluate: Evaluate, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run = evaluate()
    assert capfd.readouterr().out == ""
    assert run.folder.parent == tmp_path / "results"
    assert run.points["model"].tolist() == ["bm25"]
    assert run.queries["query_id"].tolist() == [f"q{i}" for i in range(6)]
    assert set(run.rankings["document_id"]) <= {f"d{i}" for i in range(12)}
    assert run.points["nDCG@10"].item() == pytest.approx(run.queries["nDCG@10"].mean())
    assert run.sentence.answer.startswith("Use BM25: ")
    assert repr(run) == f"<evalkit.Run {run.name!r}: 1 point>"


def test_the_command_line_says_the_same_as_python(evaluate: Evaluate, tmp_path: Path) -> None:
    run = evaluate(model={"bm25": {"options": {"k1": 1.2}}})
    words = run.about["command"][3:]
    assert "model.options.k1=1.2" in words
    assert main(words) == 0
    again = evalkit.load(results_dir=tmp_path / "results")
    assert again.name != run.name
    assert again.about["config"] == run.about["config"]


def test_a_stored_run_is_loaded_by_folder_by_name_or_as_the_newest(evaluate: Evaluate, tmp_path: Path) -> None:
    first, second = evaluate(), evaluate()
    results = tmp_path / "results"
    assert evalkit.load(results_dir=results).name == second.name
    assert evalkit.load(first.name, results).folder == first.folder
    assert evalkit.load(first.folder).name == first.name
    with pytest.raises(evalkit.UserError, match="there is no run 'none'"):
        evalkit.load("none", results)


def test_runs_are_compared_gated_and_recommended(evaluate: Evaluate, tmp_path: Path) -> None:
    bm25, chance = evaluate(), evaluate(model="random")
    comparison = evalkit.compare(bm25, chance, match=["corpus"], resamples=200)
    assert [difference.measure for difference in comparison.quality] == ["nDCG@10", "R@10"]
    assert comparison.quality[0].difference < 0
    decision = chance.gate(bm25, match=["corpus"], limits=None)
    assert decision.verdict in ("regression", "inconclusive")
    best = evalkit.recommend("nDCG@10>=best", among=[bm25, chance], by="index_bytes")
    assert best.table.iloc[best.row]["model"] == "bm25"
    everything = evalkit.recommend(by="index_bytes", results_dir=tmp_path / "results")
    assert everything.settings == 2


def test_a_report_is_made_of_one_run_or_several(evaluate: Evaluate, tmp_path: Path) -> None:
    bm25, chance = evaluate(), evaluate(model="random")
    page = bm25.report(cost="index_bytes")
    assert page.table["model"].tolist() == ["bm25"]
    assert page.answer.startswith("Use BM25: ")
    (warning,) = page.at_size
    assert warning.startswith("Warning: quality was measured among ")
    assert page.at_size == bm25.sentence.at_size
    assert page.write(tmp_path / "page") == tmp_path / "page" / "index.html"
    assert (tmp_path / "page" / "index.csv").is_file()
    both = evalkit.report(bm25, chance.folder, cost="index_bytes")
    assert sorted(both.table["model"]) == ["bm25", "random"]
    assert both.problems == ()
    assert both.answer in both._repr_html_()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dimz": 3}, "there is no setting 'dimz' (in 'dimz=3'). Did you mean 'dims'?"),
        ({"model": "bm52"}, "there is no model 'bm52'. Did you mean 'bm25'?"),
        ({"model": {"bm25": {"k1": 1}}}, "there is no setting 'k1' in model"),
        ({"dims": 64}, "bm25 has no vectors and no runtime to choose: leave out dims."),
        ({"model": "minilm", "dims": 1_000}, "dims=1000 is not possible"),
        ({"corpus": {"beir": {"path": "/nowhere"}}}, "the folder /nowhere does not exist"),
        ({"top_k": object()}, "is not possible: it is of type object."),
        ({"overrides": ["bge"]}, "'bge' in overrides sets nothing."),
        ({"overrides": ["top_k=0"]}, "top_k=0 is not possible."),
        ({"config_dir": "/nowhere"}, "--config-dir /nowhere is no folder."),
    ],
)
def test_a_mistake_is_a_user_error_with_the_line_of_the_command_line(
    evaluate: Evaluate, settings: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(evalkit.UserError) as refused:
        evaluate(**settings)
    assert said in refused.value.sentences
    assert not list((tmp_path / "results").glob("*"))


def test_overrides_and_configs_of_ones_own_are_taken(evaluate: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "ours.yaml").write_text("kind: bm25\nname: ours\n")
    run = evaluate(model="ours", config_dir=tmp_path / "conf", overrides=["model.options.b=0.5", "top_k=12"])
    assert run.about["config"]["model"]["options"]["b"] == 0.5
    assert run.points[["model", "top_k"]].to_numpy().tolist() == [["ours", 12]]


def test_a_program_that_uses_hydra_itself_keeps_its_own(evaluate: Evaluate, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "app.yaml").write_text("colour: red\n")
    with initialize_config_dir(str(tmp_path / "theirs"), version_base="1.3"):
        assert len(evaluate().points) == 1
        assert compose("app").colour == "red"


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.found.add(tag)


def test_a_notebook_shows_foreign_names_as_text(evaluate: Evaluate) -> None:
    run = evaluate()
    file = run.folder / "run.json"
    about = json.loads(file.read_text())
    file.write_text(json.dumps(about).replace('"bm25"', '"<img src=x onerror=x>\\u202e<b>"'))
    shown = evalkit.load(run.folder)._repr_html_()
    assert Tags(shown).found == {"p", "b", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert "&lt;img src=x onerror=x&gt;" in shown
    assert "\u202e" not in shown


def test_folders_are_corpora_as_on_the_command_line(evaluate: Evaluate, colours: Path, tmp_path: Path) -> None:
    other = tmp_path / "other words, too"
    shutil.copytree(colours, other)
    assert evaluate(corpus=other).points["corpus"].tolist() == [other.name]
    plain = shutil.copytree(colours, tmp_path / "plain")
    assert evaluate(corpus=[colours, str(plain)]).points["corpus"].tolist() == [colours.name, "plain"]
