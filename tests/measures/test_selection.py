"""The choice among many settings: against scipy, by simulation, and by laws that must hold."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from evalkit.measures.selection import (
    LargestDifference,
    largest_difference,
    loss_bounds,
    optimism,
    statistics,
    weighted_sums,
)

Scores = Callable[[np.random.Generator, int], np.ndarray]


def p_worse(values: np.ndarray, clusters: np.ndarray | None = None, alpha: float = 0.05) -> np.ndarray:
    """p of "as good as the best" of each row."""
    sums = weighted_sums([values], [np.arange(values.shape[1]) if clusters is None else clusters])
    best = int(np.argmax(values.mean(axis=1)))
    return largest_difference(sums, alpha).p(statistics(sums, np.arange(len(values)), best))


def exchangeable(rng: np.random.Generator, settings: int, queries: int = 100) -> np.ndarray:
    """Scores as nDCG has them, of equally good settings: a common difficulty and noise, in few values."""
    noisy = rng.normal(size=queries) + 0.6 * rng.normal(size=(settings, queries))
    return np.select([noisy > 0.5, noisy > -0.2, noisy > -0.5], [1, 0.63, 0.39], 0.0)


def test_of_two_settings_it_is_scipys_paired_permutation_test() -> None:
    values = exchangeable(np.random.default_rng(1), 2, 10)
    expected = stats.permutation_test((values[0] - values[1],), np.sum, permutation_type="samples").pvalue
    assert p_worse(values).max() == pytest.approx(1)
    assert p_worse(values).min() == pytest.approx(expected)


@pytest.mark.parametrize("settings", [2, 10, 40])
def test_equal_settings_are_rarely_called_worse_than_the_best(settings: int) -> None:
    rng = np.random.default_rng(2)
    trials = 120
    alarms = sum(p_worse(exchangeable(rng, settings)).min() <= 0.05 for _ in range(trials))
    assert alarms / trials <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / trials)


def test_a_test_that_forgets_the_choice_calls_them_worse_far_too_often() -> None:
    """What this replaces: each setting against the sample's own best, as if that had been named beforehand."""
    rng = np.random.default_rng(2)
    wrong = 0
    for _ in range(60):
        values = exchangeable(rng, 40)
        best = values[np.argmax(values.mean(axis=1))]
        wrong += np.nanmin(stats.ttest_rel(values, best, axis=1).pvalue) * 39 <= 0.05
    assert wrong / 60 > 0.15


def test_dependent_queries_are_flipped_as_clusters() -> None:
    rng = np.random.default_rng(3)
    clusters = np.arange(100) // 5
    alarms = {True: 0, False: 0}
    for _ in range(100):
        values = exchangeable(rng, 5, 20).repeat(5, axis=1)
        for modelled in alarms:
            alarms[modelled] += p_worse(values, clusters if modelled else None).min() <= 0.05
    assert alarms[True] / 100 <= 0.05 + 3 * 0.022
    assert alarms[False] / 100 > 0.15


def test_settings_that_never_differ_count_once() -> None:
    values = exchangeable(np.random.default_rng(4), 3)
    alone, copied = p_worse(values), p_worse(np.concatenate([values] * 10))
    assert copied[:3] == pytest.approx(alone)


def test_the_bound_for_very_many_settings_is_never_below_what_resampling_gives() -> None:
    values = exchangeable(np.random.default_rng(5), 30)
    sums = weighted_sums([values], [np.arange(100)])
    resampled, bound = largest_difference(sums, 0.05), LargestDifference(30, None, None)
    asked = np.linspace(1, 6, 30)
    assert (bound.p(asked) >= resampled.p(asked) - 1 / 2_000).all()
    assert bound.critical(0.05) >= resampled.critical(0.05)
    assert bound.p(bound.critical(0.05)) == pytest.approx(0.05)


def test_two_corpora_weigh_alike_whatever_their_size() -> None:
    rng = np.random.default_rng(6)
    small, large = exchangeable(rng, 2, 20), exchangeable(rng, 2, 300)
    sums = weighted_sums([small, large], [np.arange(20), np.arange(300)])
    assert sums.means == pytest.approx((small.mean(axis=1) + large.mean(axis=1)) / 2)
    assert largest_difference(sums, 0.05).p(statistics(sums, [0], 1))[0] > 0


@pytest.mark.parametrize("share", [0.003, 0.05])
def test_the_loss_is_rarely_larger_than_its_bound(share: float) -> None:
    """Settings that lose a query in so many: the bounds must hold for all of them together."""
    rng = np.random.default_rng(7)
    broken, trials = 0, 100
    for _ in range(trials):
        best = np.where(rng.random(200) < 0.7, 1.0, 0.0)
        others = np.where(rng.random((6, 200)) < share, 0.0, best)
        sums = weighted_sums([np.concatenate([best[None], others])], [np.arange(200)])
        bounds = loss_bounds(sums, 0, largest_difference(sums, 0.05).critical(0.05))
        broken += (bounds[1:] < share).any()
    assert broken / trials <= 0.05 + 3 * 0.022
    assert bounds[0] == 0


def test_a_setting_that_never_differed_may_still_lose_a_little() -> None:
    values = np.ones((2, 50))
    values[:, :10] = 0
    sums = weighted_sums([values], [np.arange(50)])
    assert 0.01 < loss_bounds(sums, 0, 1.645)[1] < 0.2


def test_the_best_of_equal_settings_looks_as_much_too_good_as_is_said() -> None:
    rng = np.random.default_rng(8)
    lead, said = [], []
    for _ in range(60):
        values = exchangeable(rng, 20)
        lead.append(values.mean(axis=1).max() - values.mean())
        said.append(optimism(weighted_sums([values], [np.arange(100)]), 200))
    assert np.mean(said) == pytest.approx(np.mean(lead), rel=0.15)
