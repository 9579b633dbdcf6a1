"""Correlations against scipy, thresholds against trying every one, influences against leaving pairs out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalkit.measures.pairs import average_precision, best_f1, pearson, spearman

SEEDS = st.integers(0, 10_000)


def a_sample(seed: int, pairs: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, 6, pairs).astype(float)
    return np.round(scores / 5 + generator.standard_normal(pairs), 1), scores  # with ties on both sides


@settings(deadline=None)
@given(SEEDS)
def test_correlations_are_scipy_s_and_the_mean_over_pairs(seed: int) -> None:
    cosines, scores = a_sample(seed)
    assert spearman(cosines, scores).value == pytest.approx(stats.spearmanr(cosines, scores).statistic)
    assert pearson(cosines, scores).value == pytest.approx(stats.pearsonr(cosines, scores).statistic)
    for found in (spearman(cosines, scores), pearson(cosines, scores)):
        assert found.per_pair.mean() == pytest.approx(found.value)


def test_pairs_vary_as_the_correlation_does() -> None:
    """The spread of values over pairs is that of Pearson's r over samples, (1 - r²)² / n for normal ones."""
    generator = np.random.default_rng(0)
    a = generator.standard_normal(200_000)
    b = 0.6 * a + 0.8 * generator.standard_normal(len(a))
    assert pearson(a, b).per_pair.var() == pytest.approx((1 - 0.6**2) ** 2, rel=0.02)


@settings(deadline=None)
@given(SEEDS)
def test_the_threshold_is_the_best_of_all(seed: int) -> None:
    cosines, scores = a_sample(seed)
    is_match = scores >= 3
    found = best_f1(cosines, is_match)
    by_threshold = {}
    for threshold in np.unique(cosines):
        accepted = cosines >= threshold
        by_threshold[threshold] = 2 * (accepted & is_match).sum() / (accepted.sum() + is_match.sum())
    best = max(by_threshold.values())
    assert found.f1 == pytest.approx(best)
    assert found.cosine == max(t for t, f1 in by_threshold.items() if np.isclose(f1, best))


def test_average_precision_by_hand() -> None:
    found = average_precision(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False]))
    assert found.mean() == pytest.approx((1 / 1 + 2 / 3) / 2)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("scale", "origin"), [(1e308, 0.0), (-1e300, 0.0), (2.0**-1060, 0.0), (2.0, 1e16)])
def test_scores_of_any_size_correlate_as_small_ones_do(scale: float, origin: float) -> None:
    cosines, scores = np.array([0.1, 0.5, 0.3, 0.9, 0.2]), np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    theirs = np.corrcoef(cosines, scores)[0, 1]
    ours = pearson(cosines, scores * scale + origin)
    assert np.allclose([ours.value, ours.per_pair.mean()], np.sign(scale) * theirs)
