"""How well groups found in vectors agree with labels: by k-means as mteb does it, and by density where k isn't known.

The algorithms and scores are scikit-learn's.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from sklearn.cluster import HDBSCAN, MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, v_measure_score
from threadpoolctl import threadpool_limits

from evalkit.arrays import FloatMatrix, Floats, Rows
from evalkit.measures.influence import of_adjusted_rand, of_v_measure

SEED = 42  # mteb's, of every task
BATCH = 512  # mteb's, of mini-batch k-means
DRAWS, DRAW_TEXTS = 10, 16_384  # mteb's, where a task's class does not say otherwise
DIMS_BY_DENSITY = 50  # principal components that HDBSCAN reads: distances in more of them say little of density
SMALLEST_GROUP = 5  # texts; scikit-learn's own

Labels = npt.NDArray[np.str_ | np.int64]


@dataclass(frozen=True)
class Grouping:
    """``labels`` and found ``groups`` of the same texts; -1 is a text in no group, each one on its own when scored."""

    labels: Labels
    groups: Rows

    @cached_property
    def scored_groups(self) -> Rows:
        alone = self.groups < 0
        return np.where(alone, self.groups.max(initial=0) + np.cumsum(alone), self.groups)

    @property
    def measures(self) -> dict[str, Floats]:
        """Each measure as a value for each text, whose mean it is: see measures.influence."""
        return {
            "v_measure": self.v_measure + of_v_measure(self.labels, self.scored_groups),
            "adjusted_rand": self.adjusted_rand + of_adjusted_rand(self.labels, self.scored_groups),
        }

    @property
    def v_measure(self) -> float:
        return float(v_measure_score(self.labels, self.scored_groups))

    @property
    def adjusted_rand(self) -> float:
        return float(adjusted_rand_score(self.labels, self.scored_groups))


def seeded(sampled: int = 0, sampled_from: int = 0, seed: int = SEED) -> random.Random:
    """The generator of all draws, as mteb has it after it drew the ``sampled`` texts of a corpus from so many."""
    generator = random.Random(seed)  # noqa: S311
    generator.sample(range(sampled_from), sampled)
    return generator


def draws(generator: random.Random, texts: int, size: int = DRAW_TEXTS, count: int = DRAWS) -> list[Rows]:
    """``count`` times ``size`` rows of ``texts``, with replacement, as mteb draws them (abstasks/clustering.py)."""
    return [np.array(generator.choices(range(texts), k=size)) for _ in range(count)]


def by_k_means(vectors: FloatMatrix, labels: Labels, drawn: Sequence[Rows], seed: int = SEED) -> list[Grouping]:
    """One for each of ``drawn``, by mini-batch k-means into as many groups as there are labels.

    One thread does it: several are slower by far on such batches.
    """
    model = MiniBatchKMeans(len(np.unique(labels)), batch_size=BATCH, init="k-means++", n_init=1, random_state=seed)
    with threadpool_limits(1):
        return [Grouping(labels[rows], model.fit_predict(vectors[rows]).astype(np.int64)) for rows in drawn]


def over_draws(groupings: Sequence[Grouping], drawn: Sequence[Rows], texts: int) -> dict[str, Floats]:
    """Each measure's mean over draws as a value for each of ``texts``, whose mean it is. One that no draw has is as
    the mean.
    """
    values = [grouping.measures for grouping in groupings]
    per_text: dict[str, Floats] = {}
    for name in values[0]:
        mean = float(np.mean([each[name].mean() for each in values]))
        moved = np.zeros(texts)
        for each, rows in zip(values, drawn, strict=True):
            moved += np.bincount(rows, each[name] - each[name].mean(), texts) / len(rows)
        per_text[name] = mean + moved * texts / len(drawn)
    return per_text


def over_levels(levels: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    """Each measure's values for each text, the mean over levels of labels."""
    return {name: np.mean([measures[name] for measures in levels], axis=0) for name in levels[0]}


def by_density(vectors: FloatMatrix, seed: int = SEED) -> Rows:
    """The group of each by HDBSCAN on the leading principal components: nobody says how many there are. -1 is none."""
    with threadpool_limits(1), np.errstate(divide="ignore", invalid="ignore"):  # of shares of no spread: not read
        shown = PCA(min(DIMS_BY_DENSITY, *vectors.shape), random_state=seed).fit_transform(vectors)
        return np.asarray(HDBSCAN(SMALLEST_GROUP, copy=True).fit_predict(shown), dtype=np.int64)


def most_typical(vectors: FloatMatrix, rows: Rows, count: int) -> Rows:
    """Those ``count`` of ``rows`` whose vectors are nearest to the mean of all, nearest first: what names a topic."""
    nearness = vectors[rows] @ vectors[rows].mean(axis=0)
    return rows[np.argsort(-nearness, kind="stable")[:count]]
