"""K-means and scores against mteb's own evaluation, density and typical texts by hand."""

import random

import numpy as np
import pytest

from evalkit.measures.clustering import Grouping, by_density, by_k_means, draws, most_typical, seeded


def groups(texts: int, spread: float = 0.6) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    codes = generator.integers(5, size=texts)
    vectors = generator.standard_normal((5, 8))[codes] + spread * generator.standard_normal((texts, 8))
    return vectors.astype(np.float32), np.array([f"c{code}" for code in codes])


def test_v_measure_is_mteb_s() -> None:
    from mteb.abstasks.clustering import _evaluate_clustering_bootstrapped

    vectors, labels = groups(300)
    scores, _ = _evaluate_clustering_bootstrapped(
        vectors,
        [[label] for label in labels],
        n_clusters=4,
        cluster_size=500,
        kmean_batch_size=512,
        max_depth=None,
        rng_state=random.Random(42),  # noqa: S311
        seed=42,
    )
    found = by_k_means(vectors, labels, draws(seeded(), len(labels), 500, 4))
    assert [each.v_measure for each in found] == pytest.approx(scores["v_measure"]["Level 0"])
    assert 0.2 < found[0].v_measure < 1


def test_density_finds_groups_that_lie_apart() -> None:
    vectors, labels = groups(300, spread=0.05)
    found = Grouping(labels, by_density(vectors))
    assert found.adjusted_rand > 0.99
    assert found.v_measure > 0.99


def test_texts_in_no_group_are_no_group() -> None:
    labels = np.array(["a", "a", "b", "b"])
    together, alone = Grouping(labels, np.zeros(4, dtype=np.int64)), Grouping(labels, np.full(4, -1))
    assert together.v_measure == 0
    assert alone.scored_groups.tolist() == [1, 2, 3, 4]


def test_the_most_typical_are_nearest_to_the_mean() -> None:
    vectors = np.array([[1, 0], [0, 1], [0.7, 0.7], [9, 9]], dtype=np.float32)
    assert most_typical(vectors, np.array([0, 1, 2]), 1).tolist() == [2]


@pytest.mark.filterwarnings("error")
def test_vectors_in_one_place_are_grouped_without_a_warning() -> None:
    assert len(by_density(np.ones((12, 4), dtype=np.float32))) == 12
