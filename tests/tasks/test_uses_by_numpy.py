"""Tasks on given vectors beside an independent script: NumPy's own codes, scikit-learn and scipy on what they keep.

int8: 256 steps between the least and the greatest value of each dimension among documents, read back at the middle of a
step. binary: the sign, ±1 over the root of the width. Both of vectors that are cut and of unit length again.
"""

import csv
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr, spearmanr
from sklearn.cluster import MiniBatchKMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    adjusted_rand_score,
    average_precision_score,
    f1_score,
    precision_recall_curve,
    v_measure_score,
)

from evalkit.__main__ import main
from evalkit.config import PairsTask, TableCorpus
from evalkit.config.compose import compose
from evalkit.results.reader import read_run
from evalkit.tasks.items import Judged
from evalkit.tasks.pairs import Pairs

DIMS, TOPICS, WIDTHS = 16, 5, (8, 16)
Matrix = np.ndarray


def unit(vectors: Matrix) -> Matrix:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def as_float32(documents: Matrix, vectors: Matrix) -> Matrix:
    return vectors


def as_int8(documents: Matrix, vectors: Matrix) -> Matrix:
    low, width = documents.min(axis=0), np.ptp(documents, axis=0)
    codes = np.floor(255 * np.clip((vectors - low) / width, 0, 1))
    return (low + width * (codes + 0.5) / 255).astype(np.float32)


def as_binary(documents: Matrix, vectors: Matrix) -> Matrix:
    return np.where(vectors > 0, 1, -1).astype(np.float32) / np.float32(np.sqrt(vectors.shape[1]))


KEPT: dict[str, Callable[[Matrix, Matrix], Matrix]] = {"float32": as_float32, "int8": as_int8, "binary": as_binary}


def kept(quantization: str, dims: int, documents: Matrix, vectors: Matrix) -> Matrix:
    return KEPT[quantization](unit(documents[:, :dims]), unit(vectors[:, :dims]))


def made(count: int, seed: int) -> tuple[Matrix, list[str]]:
    """Vectors around the centres of topics, and the topic of each."""
    topics = np.random.default_rng(seed).integers(TOPICS, size=count)
    centres = np.random.default_rng(0).standard_normal((TOPICS, DIMS))
    noise = np.random.default_rng(seed + 1).standard_normal((count, DIMS))
    return (centres[topics] + 0.9 * noise).astype(np.float32), [f"topic {topic}" for topic in topics]


def points(folder: Path, documents: Matrix, queries: Matrix, task: str, *settings: str) -> pd.DataFrame:
    """The points of a run of given vectors, at both widths and all three quantizations."""
    for name, vectors in (("documents", documents), ("queries", queries)):
        np.save(folder / f"{name}.npy", vectors)
    model = ["model=vectors", *(f"model.{name}={folder / name}.npy" for name in ("documents", "queries"))]
    places = [f"results_dir={folder / task}", f"store.path={folder / 'store'}", "corpus=table"]
    grid = ["dims=[8,16]", "quantization=[float32,int8,binary]"]
    assert main([*model, f"task={task}", *places, *grid, *settings]) == 0
    return read_run(next((folder / task).iterdir())).points()


def write(path: Path, header: list[str], rows: list[list[Any]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("labelled")
    (train, learned), (test, given) = made(240, 1), made(150, 3)
    files = [
        write(
            folder / f"{name}.csv", ["text", "label"], [[f"{name} text {i}", label] for i, label in enumerate(labels)]
        )
        for name, labels in (("train", learned), ("test", given))
    ]
    table = [f"corpus.table.train={files[0]}", f"corpus.table.test={files[1]}", "corpus.table.label=label"]
    settings = {
        "classification": ["task.classification.draws=4"],
        "clustering": ["task.clustering.draw_texts=200", "task.clustering.draws=3"],
    }
    frames = [points(folder, train, test, task, *table, *own) for task, own in settings.items()]
    return {
        "points": pd.concat(frames),
        "train": train,
        "test": test,
        "learned": np.array(learned),
        "given": np.array(given),
    }


CELLS = pytest.mark.parametrize("quantization", KEPT)
WIDE = pytest.mark.parametrize("dims", WIDTHS)


def point(frame: pd.DataFrame, task: str, dims: int, quantization: str) -> pd.Series:
    of_task = frame[(frame["task"] == task) & (frame["dims"] == dims) & (frame["quantization"] == quantization)]
    assert len(of_task) == 1
    return of_task.iloc[0]


@WIDE
@CELLS
def test_classification(labelled: dict[str, Any], dims: int, quantization: str) -> None:
    train, test = (kept(quantization, dims, labelled["train"], labelled[side]) for side in ("train", "test"))
    learned, given = labelled["learned"], labelled["given"]
    order, told = list(range(len(learned))), []
    for _ in range(4):
        np.random.RandomState(42).shuffle(order)
        rows = np.concatenate([[row for row in order if learned[row] == topic][:8] for topic in sorted(set(learned))])
        told.append(LogisticRegression(max_iter=100, random_state=42).fit(train[rows], learned[rows]).predict(test))
    found = point(labelled["points"], "classification", dims, quantization)
    assert found["accuracy"] == pytest.approx(np.mean([accuracy_score(given, each) for each in told]), abs=0.002)
    assert found["f1_macro"] == pytest.approx(np.mean([f1_score(given, e, average="macro") for e in told]), abs=0.002)
    assert found["accuracy_shots_8"] == found["accuracy"]
    centres = np.array([train[learned == topic].mean(axis=0) for topic in sorted(set(learned))])
    nearest = np.linalg.norm(test[:, None] - centres, axis=2).argmin(axis=1)
    assert found["accuracy_centroid"] == pytest.approx(np.mean(np.array(sorted(set(learned)))[nearest] == given))
    cosines = unit(test) @ unit(train).T
    votes = [learned[np.argsort(-row, kind="stable")[:5]].tolist() for row in cosines]
    majority = [max(sorted(set(vote)), key=vote.count) for vote in votes]
    if quantization != "binary":  # whose cosines tie, so that the fifth neighbour is one of several
        assert found["accuracy_knn"] == pytest.approx(np.mean(np.array(majority) == given), abs=1e-9)


@WIDE
@CELLS
def test_clustering(labelled: dict[str, Any], dims: int, quantization: str) -> None:
    vectors, given = kept(quantization, dims, labelled["train"], labelled["test"]), labelled["given"]
    generator, scores = random.Random(42), []  # noqa: S311
    for _ in range(3):
        rows = np.array(generator.choices(range(len(given)), k=200))
        groups = MiniBatchKMeans(TOPICS, batch_size=512, n_init=1, random_state=42).fit_predict(vectors[rows])
        scores.append((v_measure_score(given[rows], groups), adjusted_rand_score(given[rows], groups)))
    found = point(labelled["points"], "clustering", dims, quantization)
    assert (found["v_measure"], found["adjusted_rand"]) == pytest.approx(np.mean(scores, axis=0), abs=0.002)


@pytest.fixture(params=["score", "label"])
def paired(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    count = 120
    texts, topics = made(2 * count, 5)
    first, second = texts[:count], texts[count:]
    is_same = np.array([a == b for a, b in zip(topics[:count], topics[count:], strict=True)])
    noise = np.random.default_rng(8).random(count)
    scores = is_same.astype(int) if request.param == "label" else np.round(2 * is_same + noise, 1)  # which tie
    rows = [[f"first {i}", f"second {i}", score] for i, score in enumerate(scores.tolist())]
    path = write(tmp_path / "pairs.csv", ["a", "b", "judged"], rows)
    source = TableCorpus(pairs=str(path), first="a", second="b", **{request.param: "judged"})
    in_order = unit(np.stack([first, second], axis=1).reshape(-1, DIMS))
    return {"source": source, "texts": in_order, "scores": scores, "kind": request.param}


def judged(paired: dict[str, Any], dims: int, quantization: str) -> Judged:
    config = compose("run", ["corpus=pydoc", "quantization=[float32,int8,binary]"])
    task = Pairs(config, PairsTask(), lambda *_: lambda _: None)
    sides = {"documents": paired["texts"], "queries": paired["texts"][:0]}
    embeddings = SimpleNamespace(**{side: SimpleNamespace(vectors=vectors) for side, vectors in sides.items()})
    vectors, _ = task.kept(SimpleNamespace(embeddings=embeddings), dims, config.quantization[quantization])
    return task.judge(vectors, task.load("mine", paired["source"], task.settings))


@WIDE
@CELLS
def test_pairs(paired: dict[str, Any], dims: int, quantization: str) -> None:
    texts = unit(kept(quantization, dims, paired["texts"], paired["texts"])).astype(np.float64)
    cosines, scores = np.round((texts[0::2] * texts[1::2]).sum(axis=1), 6), paired["scores"]
    found = judged(paired, dims, quantization)
    means = {name: values.mean() for name, values in found.per_item.items()}
    if paired["kind"] == "score":
        assert means["spearman"] == pytest.approx(spearmanr(cosines, scores).statistic, abs=1e-4)
        assert means["pearson"] == pytest.approx(pearsonr(cosines, scores).statistic, abs=1e-5)
        return
    assert means["average_precision"] == pytest.approx(average_precision_score(scores, cosines), abs=1e-4)
    precision, recall, thresholds = precision_recall_curve(scores, cosines)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    assert means["f1"] == pytest.approx(f1.max(), abs=1e-6)
    best = thresholds[np.flatnonzero(f1 >= f1.max() - 1e-12)[-1]]
    assert found.decisions.threshold == pytest.approx(best, abs=1e-5)
    assert found.decisions.low <= found.decisions.threshold <= found.decisions.high
