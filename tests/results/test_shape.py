"""A run.json that is not what it should be is refused in one line by every command that reads it."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalkit.__main__ import main
from evalkit.errors import UserError
from evalkit.results.reader import read_run, stored_runs

About = dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of BM25 on two documents."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "c" / "qrels").mkdir(parents=True)
    documents = [{"_id": "d1", "title": "", "text": "red apple"}, {"_id": "d2", "title": "", "text": "green pear"}]
    (folder / "c" / "corpus.jsonl").write_text("\n".join(map(json.dumps, documents)))
    (folder / "c" / "queries.jsonl").write_text(json.dumps({"_id": "q1", "text": "apple"}))
    (folder / "c" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    words = ["model=bm25", "corpus=beir", f"corpus.beir.path={folder / 'c'}", f"results_dir={folder / 'results'}"]
    assert main([*words, "at_workload_seconds=0", "measures=[nDCG@10]", "top_k=10", "runtime.latency_calls=5"]) == 0
    return stored_runs(folder / "results")[0]


def test_a_run_as_it_was_written_has_no_defect(made: Path) -> None:
    assert read_run(made).about["finished"]


@pytest.mark.parametrize(
    ("break_it", "problem"),
    [
        (lambda about: about.pop("points"), "points is missing"),
        (lambda about: about.update(points={}), "points is no list"),
        (lambda about: about.update(config=None), "config is no object"),
        (lambda about: about["config"].pop("measures"), "config.measures is missing"),
        (lambda about: about["config"].update(measures=[5]), "config.measures[0] is 5"),
        (lambda about: about.pop("environment"), "environment is missing"),
        (lambda about: about["environment"].update(threads=None), "environment.threads is no object"),
        (lambda about: about["environment"].update(gpu="x"), "environment.gpu is no list"),
        (lambda about: about["corpora"][0].update(queries=None), "corpora[0].queries is None"),
        (lambda about: about["points"][0].pop("revision"), "points[0].revision is missing"),
        (lambda about: about["points"][0].update(engine=[]), "points[0].engine is []"),
        (lambda about: about["points"][0].update(top_k=True), "points[0].top_k is True"),
        (lambda about: about["points"][0].update(bytes_per_vector="x"), "points[0].bytes_per_vector is 'x'"),
        (lambda about: about["points"][0].update({"nDCG@10": []}), "points[0].nDCG@10 is []"),
        (lambda about: about["points"][0].update({"nDCG@10": float("nan")}), "NaN is no finite number"),
        (lambda about: about["points"][0].update(notes="x"), "points[0].notes is no object"),
        (lambda about: about.update(finished="yes"), "finished is 'yes'"),
    ],
)
def test_what_is_missing_or_of_another_type_is_named(
    made: Path, tmp_path: Path, break_it: Callable[[About], Any], problem: str
) -> None:
    about = copy.deepcopy(read_run(made).about)
    break_it(about)
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.raises(UserError) as refused:
        read_run(tmp_path)
    assert refused.value.problem == f"{tmp_path / 'run.json'} is damaged: {problem}."


@pytest.mark.parametrize("text", ["[]", "null", "5", '"x"'])
def test_what_is_no_object_is_called_so(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(UserError, match=r"run\.json is damaged: it is no object\.$"):
        read_run(tmp_path)


@pytest.mark.parametrize("text", ["[]", "null", "5", "{}", "\0", "[" * 100_000, '{"schema_version": 2}'])
def test_what_is_no_run_at_all_is_refused_by_every_command(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / "a").mkdir(parents=True)
    (tmp_path / "results" / "a" / "run.json").write_text(text)
    for command in ("report a", "export a", "baseline accept a", "gate baseline=a candidate=a"):
        assert main(command.split()) == 2
        message = capsys.readouterr().err
        assert "results/a/run.json is damaged: " in message
        assert message.count("\n") <= 2
