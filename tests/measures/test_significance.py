"""Statistics against published examples, statsmodels and enumeration by hand."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.measures.significance import detectable_drop, holm, intervals, sign_flip_p, slower_p, weigh

# Darwin's maize: crossed minus self-fertilised height, in eighths of an inch (Fisher, The Design of Experiments, 1935).
DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=np.float64)


def test_the_randomisation_test_gives_fishers_figure_for_darwins_maize() -> None:
    drop, rise = sign_flip_p(DARWIN[None], resamples=2**15 + 1)[0]
    assert rise == pytest.approx(863 / 32768)  # section 21: 863 of 32,768 arrangements reach the observed sum
    assert drop == pytest.approx((32768 - 863 + 26) / 32768, abs=0.002)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(-3, 3), min_size=3, max_size=8))
def test_few_queries_are_enumerated(differences: list[int]) -> None:
    d = np.array(differences, dtype=np.float64)
    means = [np.mean(d * signs) for signs in product((-1, 1), repeat=len(d))]
    by_hand = [np.mean([m <= d.mean() + 1e-12 for m in means]), np.mean([m >= d.mean() - 1e-12 for m in means])]
    np.testing.assert_allclose(sign_flip_p(d[None], resamples=2_000)[0], by_hand, atol=1e-9)


def test_trap_16_a_p_value_is_never_0() -> None:
    certain = np.full((1, 200), -0.5)
    assert sign_flip_p(certain, resamples=1_000)[0, 0] == pytest.approx(1 / 1_000)
    assert sign_flip_p(-certain, resamples=1_000)[0, 1] == pytest.approx(1 / 1_000)


def test_no_difference_is_p_1_and_an_interval_of_nothing() -> None:
    (found,) = weigh([np.zeros(50)], [0.0], alpha=0.05, resamples=1_000)
    assert (found.mean, found.low, found.high, found.p_drop, found.p_safe) == (0, 0, 0, 1, 1)
    assert found.detectable_drop is None


def test_a_tolerance_shifts_the_differences_first() -> None:
    d = np.random.default_rng(0).normal(-0.02, 0.02, 100)
    strict, lenient = weigh([d, d], [0.0, 0.05], alpha=0.05, resamples=2_000)
    assert strict.p_drop < 0.01 < lenient.p_drop
    assert lenient.p_safe < 0.01 < strict.p_safe
    assert (strict.mean, strict.low) == (lenient.mean, lenient.low)
    assert (lenient.detectable_drop or 0) - (strict.detectable_drop or 0) == pytest.approx(0.05)


def test_comparisons_of_different_sizes_keep_their_order() -> None:
    rng = np.random.default_rng(1)
    differences = [rng.normal(m, 1, n) for m, n in ((3, 20), (-3, 30), (0, 20), (3, 30))]
    together = weigh(differences, [0.0] * 4, 0.05, 1_000)
    assert [e.mean for e in together] == [float(d.mean()) for d in differences]
    assert [e.p_drop < 0.05 for e in together] == [False, True, False, False]


def test_holm_is_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    rng = np.random.default_rng(0)
    for count in (1, 2, 5, 30):
        p_values = np.round(rng.random(count) ** 3, 2)  # some equal, some 0
        np.testing.assert_allclose(holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-12)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(("queries", "slack"), [(150, 0.015), (20_000, 0.001)])
def test_the_detectable_drop_is_statsmodels_but_for_what_sign_flips_take_for_spread(queries: int, slack: float) -> None:
    from statsmodels.stats.power import normal_power

    d = np.random.default_rng(0).normal(0, 0.3, queries)
    drop = detectable_drop(d, 0.0, 0.05)
    assert drop is not None
    assert 0 <= normal_power(drop / d.std(ddof=1), queries, 0.05, alternative="larger") - 0.8 < slack


def test_a_drop_of_the_detectable_size_is_shown_in_four_of_five_samples() -> None:
    rng = np.random.default_rng(0)
    spread = 0.3
    drop = detectable_drop(np.array([-spread, spread] * 20) * np.sqrt(39 / 40), 0.0, 0.05)
    assert drop is not None
    samples = rng.normal(-drop, spread, (1_000, 40))
    assert np.mean(sign_flip_p(samples, 1_000)[:, 0] <= 0.05) == pytest.approx(0.8, abs=0.04)


def test_so_few_queries_can_show_no_drop_at_all() -> None:
    assert detectable_drop(np.array([0.1, -0.1, 0.2, -0.3]), 0.0, 0.01) is None


def test_the_interval_is_the_bca_interval_and_covers_as_often_as_it_says() -> None:
    from scipy import stats

    rng = np.random.default_rng(0)
    skewed = rng.exponential(1, (400, 40)) - 1
    bounds = intervals(skewed, 0.9, 1_000)
    one = stats.bootstrap((skewed[0],), np.mean, confidence_level=0.9, n_resamples=20_000, method="BCa", rng=rng)
    np.testing.assert_allclose(bounds[0], one.confidence_interval, atol=0.06)
    assert 0.83 < np.mean((bounds[:, 0] <= 0) & (bounds[:, 1] >= 0)) < 0.95


def test_mann_whitney_by_hand() -> None:
    assert slower_p([1, 2, 3], [4, 5, 6]) == pytest.approx(1 / 20)  # one of 20 arrangements
    assert slower_p([4, 5, 6], [1, 2, 3]) == 1
