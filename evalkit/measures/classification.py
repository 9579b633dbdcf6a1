"""How well labels are told from vectors: by logistic regression as mteb trains it, by neighbours, by class centres.

Every classifier is scikit-learn's. Labelled texts are drawn as mteb draws them, so that its published accuracies are
met, and two settings are trained on the same texts.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from threadpoolctl import threadpool_limits

from evalkit.arrays import FloatMatrix, Floats, Rows
from evalkit.measures.influence import of_macro_f1

SEED = 42  # mteb's, of every task
ITERATIONS = 100  # mteb's, at most
DRAWS, PER_LABEL = 10, 8  # mteb's, where a task's class does not say otherwise

Labels = npt.NDArray[np.str_ | np.int64]


@dataclass(frozen=True)
class Labelled:
    """``vectors`` (n × dims, float32) and the label of each (n)."""

    vectors: FloatMatrix
    labels: Labels

    def take(self, rows: Rows) -> "Labelled":
        return Labelled(self.vectors[rows], self.labels[rows])


@dataclass(frozen=True)
class Classified:
    """``right`` is per text the share of draws in which its label was told.

    ``f1_per_text`` has the macro F1 as its mean, that over draws: see measures.influence.
    """

    right: Floats
    f1_per_text: Floats

    @property
    def f1_macro(self) -> float:
        return float(self.f1_per_text.mean())

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())


def draws(labels: Sequence[str], per_label: int, count: int, seed: int = SEED) -> list[Rows]:
    """``count`` times the rows of ``per_label`` texts of each label (of a rarer one all), in the order of drawing.

    The first texts of each label that a shuffle brings, each draw shuffling the order of the last one anew from
    ``seed``: as mteb does it (AbsTaskClassification._undersample_data).
    """
    order = list(range(len(labels)))
    drawn = []
    for _ in range(count):
        np.random.RandomState(seed).shuffle(order)
        drawn.append(first_of_each(labels, np.array(order), per_label))
    return drawn


def first_of_each(labels: Sequence[str], rows: Rows, per_label: int) -> Rows:
    """Of ``rows``, in their order, the first ``per_label`` of each label."""
    taken: Counter[str] = Counter()
    kept = []
    for row in rows.tolist():
        if taken[labels[row]] < per_label:
            taken[labels[row]] += 1
            kept.append(row)
    return np.array(kept, dtype=np.int64)


def by_logistic_regression(train: Labelled, test: Labelled, drawn: Sequence[Rows], seed: int = SEED) -> Classified:
    """Trained on each of the ``drawn`` rows of ``train``; by one thread, as several are slower by far on so few."""
    model = LogisticRegression(max_iter=ITERATIONS, random_state=seed)
    with threadpool_limits(1):
        told = [predicted(model, train.take(rows), test) for rows in drawn]
    return scored(told, test.labels)


def by_neighbours(train: Labelled, test: Labelled, neighbours: int) -> Classified:
    """The commonest label among the nearest ``neighbours`` of ``train`` by cosine; of equally common ones the first."""
    model = KNeighborsClassifier(min(neighbours, len(train.labels)), metric="cosine", algorithm="brute")
    return scored([predicted(model, train, test)], test.labels)


def by_centre(train: Labelled, test: Labelled) -> Classified:
    """The label whose mean vector is nearest, of equally near ones the first: nothing is trained."""
    if not np.ptp(train.vectors, axis=0).any():  # all means are equal, which scikit-learn refuses
        return scored([np.full(len(test.labels), np.unique(train.labels)[0])], test.labels)
    return scored([predicted(NearestCentroid(), train, test)], test.labels)


def predicted(model: Any, train: Labelled, test: Labelled) -> Labels:
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):  # of spreads, which nobody reads
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)  # with few texts of each label
        warnings.filterwarnings("ignore", "self.within_class_std_dev_", UserWarning)  # a dimension of one value alone
        told: Labels = model.fit(train.vectors, train.labels).predict(test.vectors)
    return told


def scored(told: Sequence[Labels], labels: Labels) -> Classified:
    right = np.mean([each == labels for each in told], axis=0)
    f1 = [f1_score(labels, each, average="macro") + of_macro_f1(labels, each) for each in told]
    return Classified(right, np.mean(f1, axis=0))
