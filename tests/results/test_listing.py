"""What a folder of results holds, in one line each."""

import json
import shutil
from pathlib import Path

import pytest

from evalkit.results.listing import best_of, listed
from evalkit.results.reader import read_run
from evalkit.results.stored_points import points_of
from tests.conftest import ROOT

EXAMPLES = ROOT / "results" / "examples"


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES, tmp_path / "results"))


def test_runs_are_listed_the_newest_first_and_baselines_behind_them(results: Path) -> None:
    runs = sorted(folder.name for folder in EXAMPLES.iterdir())
    shutil.copytree(results / runs[0], results / "baselines" / "main")
    listing = listed(results)
    assert [run.name for run in listing] == [*reversed(runs), "main"]
    assert [run.is_baseline for run in listing] == [False] * len(runs) + [True]


def test_a_run_is_listed_with_its_models_corpora_points_and_best_quality(results: Path) -> None:
    (bm25,) = (run for run in listed(results) if run.models == ("bm25",))
    points = json.loads((bm25.folder / "run.json").read_text())["points"]
    assert (bm25.points, bm25.corpora, bm25.measure) == (2, ("cranfield", "xquad-en"), "nDCG@10")
    assert bm25.best == {point["corpus"]: point["nDCG@10"] for point in points}
    assert bm25.finished
    assert bm25.problem == ""


def test_a_damaged_run_is_listed_with_the_reason(results: Path) -> None:
    name = max(folder.name for folder in EXAMPLES.iterdir())
    (results / name / "run.json").write_text("{")
    damaged = next(run for run in listed(results) if run.name == name)
    assert "run.json is damaged" in damaged.problem
    assert damaged.points == 0
    assert len([run for run in listed(results) if not run.problem]) == 3


@pytest.mark.parametrize("folder", sorted(EXAMPLES.iterdir()), ids=lambda folder: folder.name)
def test_points_of_a_stored_run_are_those_of_its_run_json(folder: Path) -> None:
    run = read_run(folder)
    for point, entry in zip(points_of(run), run.about["points"], strict=True):
        assert {name: point.entry()[name] for name in entry} == entry


def test_what_a_filter_leaves_is_not_the_best_of_a_corpus() -> None:
    points = [{"corpus": "c", "filter": name, "nDCG@10": mean} for name, mean in (("", 0.5), ("lang=de", 0.9))]
    assert best_of([*points, {"corpus": "c", "nDCG@10": 0.4}], "c", "nDCG@10") == 0.5


def test_the_best_is_of_the_whole_corpus_or_its_largest_sample() -> None:
    def at(size: str, mean: float | None, added: str = "") -> dict[str, object]:
        return {"corpus": "c", "filter": "", "corpus_size": size, "distractors": added, "nDCG@10": mean}

    samples = [at("100", 0.9), at("1000", 0.6), at("1000", 0.7), at("5000", 0.8, "scifact"), at("20", None)]
    assert best_of([*samples, at("full", 0.5)], "c", "nDCG@10") == 0.5
    assert best_of(samples, "c", "nDCG@10") == 0.7
    assert best_of([at("5000", 0.8, "scifact"), at("9000", 0.3, "scifact")], "c", "nDCG@10") == 0.3
