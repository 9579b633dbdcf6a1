"""Draws against mteb's own, classifiers against scikit-learn called by hand, and a case that can be counted."""

import numpy as np
import pytest

from evalkit.measures.classification import (
    Labelled,
    by_centre,
    by_logistic_regression,
    by_neighbours,
    draws,
)


def labelled(texts: int, classes: int = 4, dims: int = 8, spread: float = 0.5, seed: int = 0) -> Labelled:
    generator = np.random.default_rng(seed)
    codes = generator.integers(classes, size=texts)
    centres = np.random.default_rng(9).standard_normal((classes, dims))
    vectors = centres[codes] + spread * generator.standard_normal((texts, dims))
    return Labelled(vectors.astype(np.float32), np.array([f"c{code}" for code in codes]))


def test_draws_are_mteb_s() -> None:
    datasets = pytest.importorskip("datasets")
    from mteb.tasks import Banking77Classification

    labels = labelled(300, classes=7).labels
    task = Banking77Classification()
    data, order, expected = datasets.Dataset.from_dict({"label": labels, "text": labels}), None, []
    for number in range(4):
        _, order, rows = task._undersample_data(data, number, order)
        expected.append(list(rows))
    assert [rows.tolist() for rows in draws(labels, task.samples_per_label, 4)] == expected
    assert len({tuple(rows) for rows in expected}) == 4


def test_a_rare_label_gives_all_its_texts() -> None:
    (drawn,) = draws(["a", "b", "a", "a", "a"], 3, 1)
    assert (drawn == 1).sum() == 1
    assert len(drawn) == 4


def test_logistic_regression_is_scikit_learn_s() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, f1_score

    train, test = labelled(400), labelled(90, seed=1)
    drawn = draws(train.labels, 8, 3)
    told = [
        LogisticRegression(max_iter=100).fit(train.vectors[r], train.labels[r]).predict(test.vectors) for r in drawn
    ]
    found = by_logistic_regression(train, test, drawn)
    assert found.accuracy == pytest.approx(np.mean([accuracy_score(test.labels, each) for each in told]), abs=1e-12)
    f1 = np.mean([f1_score(test.labels, each, average="macro") for each in told])
    assert found.f1_macro == pytest.approx(f1, abs=1e-12)
    assert 0.25 < found.accuracy < 1
    np.testing.assert_array_equal(found.right, np.mean([each == test.labels for each in told], axis=0))


def test_neighbours_by_plain_numpy() -> None:
    train, test = labelled(60, spread=1.5), labelled(40, spread=1.5, seed=1)
    unit = [each.vectors / np.linalg.norm(each.vectors, axis=1, keepdims=True) for each in (train, test)]
    nearest = np.argsort(-(unit[1] @ unit[0].T), axis=1)[:, :5]
    votes = [sorted(train.labels[rows].tolist()) for rows in nearest]
    told = [max(sorted(set(each)), key=each.count) for each in votes]
    assert by_neighbours(train, test, 5).accuracy == pytest.approx(np.mean(told == test.labels))
    assert by_neighbours(train, test, 1000).accuracy == by_neighbours(train, test, 60).accuracy


def test_centres_by_plain_numpy() -> None:
    train, test = labelled(60, spread=1.5), labelled(40, spread=1.5, seed=1)
    names = sorted(set(train.labels))
    centres = np.array([train.vectors[train.labels == name].mean(axis=0) for name in names])
    distances = np.linalg.norm(test.vectors[:, None] - centres, axis=2)
    told = np.array(names)[distances.argmin(axis=1)]
    found = by_centre(train, test)
    assert found.accuracy == pytest.approx(np.mean(told == test.labels))
    assert 0.25 < found.accuracy < 1


@pytest.mark.filterwarnings("error")
def test_one_text_of_each_label_and_a_dimension_of_one_value_are_no_warning() -> None:
    vectors = np.array([[1, 1, 0], [1, 0, 1], [1, 0.9, 0.1]], dtype=np.float32)
    train, test = Labelled(vectors[:2], np.array(["a", "b"])), Labelled(vectors[2:], np.array(["a"]))
    of_each = [
        by_centre(train, test),
        by_neighbours(train, test, 5),
        by_logistic_regression(train, test, [np.arange(2)]),
    ]
    assert [each.accuracy for each in of_each] == [1, 1, 1]
