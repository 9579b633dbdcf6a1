"""Published figures of all-MiniLM-L6-v2, by whole runs: mteb's of Banking77 and of STSBenchmark."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from evalkit.__main__ import main
from evalkit.results.reader import StoredRun, read_run

MINILM = "sentence-transformers/all-MiniLM-L6-v2@8b3219a9"
Published = Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]


def minilm(store: Path, results: Path, *settings: str) -> StoredRun:
    places = [f"store.path={store}", f"results_dir={results}", "runtime.timing_seconds=0"]
    assert main(["model=minilm", "corpus=table", *places, *settings]) == 0
    (folder,) = results.iterdir()
    return read_run(folder)


def test_stsbenchmark(shared_data: Path, published: Published, session_store: Path, tmp_path: Path) -> None:
    path = shared_data / "stsb" / "sts-test.csv"
    table = [f"corpus.table.pairs={path}", "corpus.table.first=6", "corpus.table.second=7", "corpus.table.score=5"]
    grid = ["dims=[192,384]", "quantization=[float32,int8,binary]"]
    points = minilm(session_store, tmp_path / "results", "task=pairs", *table, *grid).points()
    by_cell = points.set_index(["dims", "quantization"])["spearman"]
    figure = published["STSBenchmark"][MINILM]["default/test"]["main_score"]
    assert figure == pytest.approx(0.82032, abs=5e-6)
    assert by_cell[384, "float32"] == pytest.approx(figure, abs=0.0005)
    assert by_cell[384, "int8"] == pytest.approx(figure, abs=0.005)
    assert figure - 0.08 < by_cell[384, "binary"] < figure
    assert by_cell[192, "binary"] < by_cell[384, "binary"]


@pytest.mark.verify
def test_banking77(shared_data: Path, published: Published, session_store: Path, tmp_path: Path) -> None:
    files = [f"corpus.table.{split}={shared_data / 'banking77' / split}.csv" for split in ("train", "test")]
    settings = ["task=[classification,clustering]", *files, "corpus.table.label=category"]
    run = minilm(session_store, tmp_path / "results", *settings)
    points = run.points().set_index("task")
    figures = published["Banking77Classification"][MINILM]["default/test"]
    assert figures["accuracy"] == pytest.approx(0.80042, abs=5e-6)
    assert points.loc["classification", "accuracy"] == pytest.approx(figures["accuracy"], abs=0.01)
    assert points.loc["classification", "f1_macro"] == pytest.approx(figures["f1"], abs=0.01)
    ladder = [float(points.loc["classification", f"accuracy_shots_{shots}"]) for shots in (1, 2, 4, 8, 16, 32)]
    assert ladder == sorted(ladder)
    assert ladder[3] == points.loc["classification", "accuracy"]
    assert points.loc["clustering", "v_measure"] == pytest.approx(0.783, abs=0.01)
    assert points.loc["clustering", "v_measure_hdbscan"] == pytest.approx(0.780, abs=0.01)
    notes = next(point["notes"] for point in run.about["points"] if point["task"] == "clustering")
    labels = pd.read_csv(shared_data / "banking77" / "test.csv")["category"]
    typical = [note.rpartition("': ")[2].split(", ") for note in notes.values()]
    of_topics = [{labels[int(id_.removeprefix("test-")) - 1] for id_ in ids} for ids in typical]
    assert len(of_topics) == 20
    assert sum(len(of_topic) == 1 for of_topic in of_topics) >= 15
