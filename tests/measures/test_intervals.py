"""BCa intervals against scipy's, for means and for ratios, and how often they cover."""

import numpy as np
import pytest
from scipy import stats

from evalkit.measures.intervals import bca_intervals


def test_the_interval_of_a_mean_is_scipys_within_monte_carlo_error() -> None:
    values = np.random.default_rng(0).exponential(1, (1, 60)) - 1
    found = bca_intervals(values, np.ones(60), 0.9, 20_000)[0]
    rng = np.random.default_rng(1)
    expected = stats.bootstrap((values[0],), np.mean, confidence_level=0.9, n_resamples=20_000, method="BCa", rng=rng)
    np.testing.assert_allclose(found, expected.confidence_interval, atol=0.01)


def test_the_interval_over_clusters_of_unequal_size_is_scipys_of_the_ratio() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 9, 50).astype(np.float64)
    sums = sizes * rng.normal(-0.1, 0.3, 50)

    def ratio(total: np.ndarray, count: np.ndarray, axis: int = -1) -> np.ndarray:
        return total.sum(axis=axis) / count.sum(axis=axis)

    found = bca_intervals(sums[None], sizes, 0.9, 20_000)[0]
    expected = stats.bootstrap(
        (sums, sizes), ratio, paired=True, confidence_level=0.9, n_resamples=20_000, method="BCa", rng=rng
    )
    np.testing.assert_allclose(found, expected.confidence_interval, atol=0.004)


def test_one_moved_query_of_many_is_scipys_too() -> None:
    values = np.zeros((1, 300))
    values[0, 5] = -0.5
    found = bca_intervals(values, np.ones(300), 0.9, 20_000)[0]
    rng = np.random.default_rng(1)
    expected = stats.bootstrap((values[0],), np.mean, confidence_level=0.9, n_resamples=20_000, method="BCa", rng=rng)
    np.testing.assert_allclose(found, expected.confidence_interval, atol=1e-6)


def test_nine_in_ten_intervals_cover_the_mean_of_skewed_values() -> None:
    skewed = np.random.default_rng(0).exponential(1, (400, 40)) - 1
    low, high = bca_intervals(skewed, np.ones(40), 0.9, 1_000).T
    assert np.mean((low <= 0) & (high >= 0)) == pytest.approx(0.89, abs=0.05)
