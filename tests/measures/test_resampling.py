"""Sign flips, cluster sums and bootstrap weights against enumeration and plain NumPy."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from evalkit.measures.resampling import bootstrap_weights, cluster_sums, sign_flips


def test_few_clusters_are_flipped_in_every_way_once() -> None:
    flips = sign_flips([3, 2], 100)
    assert flips.exact
    assert sorted(map(tuple, flips.signs.tolist())) == sorted(product((-1.0, 1.0), repeat=5))
    assert flips.smallest_p == pytest.approx(1 / 32)


def test_exact_flips_give_the_p_of_scipys_permutation_test() -> None:
    differences = np.array([0.3, -0.1, 0.25, 0.4, 0.05, -0.02, 0.2])
    flips = sign_flips([7], 1_000)
    sums = np.concatenate(list(flips.products([differences[None]])))[:, 0]
    expected = stats.permutation_test((differences,), np.mean, permutation_type="samples", alternative="greater")
    assert flips.p((sums >= differences.sum() - 1e-6).sum()) == pytest.approx(expected.pvalue)


def test_sampled_flips_never_give_a_p_of_zero() -> None:
    flips = sign_flips([30], 500)
    assert not flips.exact
    assert flips.signs.shape == (500, 30)
    assert set(np.unique(flips.signs)) == {-1.0, 1.0}
    assert flips.p(0) == flips.smallest_p == pytest.approx(1 / 501)


def test_products_are_the_same_in_blocks_and_each_corpus_has_its_own_flips(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(7, 20)), rng.normal(size=(3, 5))
    flips = sign_flips([20, 5], 100)
    monkeypatch.setattr("evalkit.measures.resampling.BLOCK_CELLS", 50)
    blocks = list(flips.products([first, second]))
    assert len(blocks) > 1
    expected = np.hstack([flips.signs[:, :20] @ first.T, flips.signs[:, 20:] @ second.T])
    np.testing.assert_allclose(np.concatenate(blocks), expected, rtol=1e-4, atol=1e-5)


def test_cluster_sums_add_the_queries_of_each_cluster() -> None:
    values = np.array([[1.0, 2.0, 4.0, 8.0], [0.5, 0.0, 1.0, 1.5]])
    np.testing.assert_allclose(cluster_sums(values, np.array([1, 0, 1, 2])), [[2, 5, 8], [0, 1.5, 1.5]])


def test_bootstrap_weights_draw_as_many_clusters_as_there_are() -> None:
    weights = bootstrap_weights(40, 2_000)
    assert weights.shape == (2_000, 40)
    assert (weights.sum(axis=1) == 40).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(40), abs=0.1)
    assert weights.var() == pytest.approx(1 - 1 / 40, abs=0.03)
