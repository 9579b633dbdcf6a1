"""Tests of many comparisons at once, against published examples, scipy and enumeration by hand."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalkit.measures.significance import Comparisons, Evidence, weigh

# Darwin's maize: crossed minus self-fertilised height, in eighths of an inch (Fisher, The Design of Experiments, 1935).
DARWIN = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48], dtype=np.float64)


def weighed(
    differences: Sequence[np.ndarray], resamples: int = 2_000, alpha: float = 0.05, tolerance: float = 0.0
) -> list[Evidence]:
    """The evidence of these differences to a baseline of 1 everywhere, on one corpus without dependent queries."""
    together = np.stack(differences)
    ones = np.ones_like(together)
    tolerances = np.full(len(together), tolerance)
    corpus = Comparisons(ones, ones + together, tolerances, np.arange(together.shape[1]))
    return weigh([corpus], alpha, resamples)[0]


def test_the_randomisation_test_gives_fishers_figure_for_darwins_maize() -> None:
    (found,) = weighed([DARWIN], resamples=2**15)
    assert found.p_safe == pytest.approx(863 / 32768)  # section 21: 863 of 32,768 arrangements reach the observed sum
    assert found.p_drop == pytest.approx((32768 - 863 + 26) / 32768, abs=0.002)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(-3, 3), min_size=3, max_size=8))
def test_few_queries_are_enumerated(differences: list[int]) -> None:
    d = np.array(differences, dtype=np.float64)
    sums = [np.sum(d * signs) for signs in product((-1, 1), repeat=len(d))]
    (found,) = weighed([d])
    assert found.p_drop == pytest.approx(np.mean([s <= d.sum() + 1e-9 for s in sums]))
    assert found.p_safe == pytest.approx(np.mean([s >= d.sum() - 1e-9 for s in sums]))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(st.integers(-3, 2), min_size=6, max_size=6), min_size=2, max_size=4))
def test_the_step_down_maximum_is_that_of_all_64_flips_by_hand(rows: list[list[int]]) -> None:
    """Westfall and Young (1993): each statistic against the largest of those that are no more significant."""
    d = np.array(rows, dtype=np.float64)
    lengths = np.where((d != 0).any(axis=1), np.sqrt((d**2).sum(axis=1)), 1)
    falls = -d / lengths[:, None]
    observed = falls.sum(axis=1)
    order = sorted(range(len(d)), key=lambda i: -observed[i])
    expected, so_far = np.empty(len(d)), 0.0
    for step, i in enumerate(order):
        flipped = [(falls[order[step:]] @ signs).max() for signs in product((-1, 1), repeat=6)]
        so_far = max(so_far, float(np.mean([value >= observed[i] - 1e-9 for value in flipped])))
        expected[i] = so_far
    np.testing.assert_allclose([e.p_drop_adjusted for e in weighed(list(d))], expected)


def test_trap_16_a_p_value_is_never_0() -> None:
    (found,) = weighed([np.full(200, -0.5)], resamples=999)
    assert found.p_drop == found.p_drop_adjusted == pytest.approx(1 / 1_000)
    (found,) = weighed([np.full(200, 0.5)], resamples=999)
    assert found.p_safe == pytest.approx(1 / 1_000)


@pytest.mark.parametrize("comparisons", [1, 20, 101, 1_000])
def test_trap_28_no_number_of_comparisons_hides_that_everything_is_lost(comparisons: int) -> None:
    scores = np.random.default_rng(0).beta(0.5, 0.5, (comparisons, 20))
    corpus = Comparisons(scores, np.zeros_like(scores), np.zeros(comparisons), np.arange(20))
    evidence = weigh([corpus], 0.05, 2_000)[0]
    assert max(e.p_drop_adjusted for e in evidence[:1]) <= 0.05
    assert np.median([e.p_drop_adjusted for e in evidence]) <= 0.05


def test_one_loss_among_a_thousand_noisy_comparisons_is_found() -> None:
    rng = np.random.default_rng(1)
    scores = rng.beta(2, 2, (1_000, 100))
    candidate = np.clip(scores + rng.normal(0, 0.1, scores.shape), 0, 1)
    candidate[500] = 0
    evidence = weigh([Comparisons(scores, candidate, np.zeros(1_000), np.arange(100))], 0.05, 2_000)[0]
    assert evidence[500].p_drop_adjusted <= 0.001
    assert sum(e.p_drop_adjusted <= 0.05 for e in evidence) == 1


def test_equal_comparisons_cost_nothing() -> None:
    drop = np.random.default_rng(0).normal(-0.02, 0.1, 60)
    (alone,) = weighed([drop])
    for found in weighed([drop] * 50):
        assert found.p_drop_adjusted == pytest.approx(alone.p_drop)


def test_what_only_the_last_digits_differ_by_is_no_drop() -> None:
    scores = np.random.default_rng(9).random((1, 300))
    rounded = Comparisons(scores, scores * (1 - 1e-15) - 1e-16, np.zeros(1), np.arange(300))
    evidence = weigh([rounded], 0.05, 2_000)[0][0]
    assert (evidence.p_drop_adjusted, evidence.mean) == (1, 0)


def test_m_moved_queries_give_no_p_below_2_to_the_minus_m() -> None:
    for moved in (1, 3, 5):
        d = np.zeros(1_185)
        d[:moved] = -1.0
        (found,) = weighed([d], resamples=20_000)
        assert found.p_drop == pytest.approx(2.0**-moved, rel=0.15)


def test_dependent_queries_are_flipped_as_one() -> None:
    """Five copies of each query tell no more than one; taken for independent they would."""
    one = np.array([-0.3, 0.1, -0.2, -0.4, 0.05, -0.1, -0.2])
    copies, clusters = one.repeat(5), np.arange(7).repeat(5)
    baseline = np.ones((1, 35))
    found = weigh([Comparisons(baseline, baseline + copies, np.zeros(1), clusters)], 0.05, 2_000)[0][0]
    (alone,) = weighed([one])
    assert (found.p_drop, found.p_total_loss) == pytest.approx((alone.p_drop, alone.p_total_loss))
    assert (found.mean, found.low, found.high) == pytest.approx((alone.mean, alone.low, alone.high), abs=0.01)


def test_corpora_are_flipped_independently_of_each_other() -> None:
    d = np.random.default_rng(2).normal(-0.3, 1, 30)
    ones = np.ones((1, 30))
    corpus = Comparisons(ones, ones + d, np.zeros(1), np.arange(30))
    (alone,) = weighed([d], resamples=50_000)
    ((first,), (second,)) = weigh([corpus, corpus], 0.05, 50_000)
    expected = 1 - (1 - alone.p_drop) ** 2
    assert first.p_drop_adjusted == pytest.approx(expected, rel=0.05)
    assert second.p_drop_adjusted == pytest.approx(expected, rel=0.05)


def test_no_difference_is_p_1_and_an_interval_of_nothing() -> None:
    (found,) = weighed([np.zeros(50)])
    assert (found.mean, found.low, found.high, found.p_drop, found.p_safe) == (0, 0, 0, 1, 1)


def test_a_tolerance_shifts_the_differences_first() -> None:
    d = np.random.default_rng(0).normal(-0.02, 0.02, 100)
    (strict,), (lenient,) = weighed([d]), weighed([d], tolerance=0.05)
    assert strict.p_drop < 0.01 < lenient.p_drop
    assert lenient.p_safe < 0.01 < strict.p_safe
    assert (strict.mean, strict.low) == (lenient.mean, lenient.low)
    assert (lenient.detectable_drop or 0) > (strict.detectable_drop or 0)


def test_what_so_few_queries_could_show_is_known_beforehand() -> None:
    scores = np.ones((1, 4))
    evidence = weigh([Comparisons(scores, scores, np.zeros(1), np.arange(4))], 0.05, 2_000)[0][0]
    assert evidence.p_total_loss == pytest.approx(1 / 16)
    assert evidence.detectable_drop is None
    scores = np.concatenate([np.ones((1, 4)), np.zeros((1, 296))], axis=1)
    evidence = weigh([Comparisons(scores, scores, np.zeros(1), np.arange(300))], 0.05, 20_000)[0][0]
    assert evidence.p_total_loss == pytest.approx(1 / 16, rel=0.1)


def test_a_baseline_without_a_score_has_nothing_to_lose() -> None:
    nothing = np.zeros((1, 50))
    evidence = weigh([Comparisons(nothing, nothing, np.zeros(1), np.arange(50))], 0.05, 2_000)[0][0]
    assert evidence.p_total_loss is None


def test_false_alarms_among_many_comparisons_are_as_rare_as_promised() -> None:
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(200):
        noise = rng.normal(size=(20, 40)) * (rng.random((20, 1)) * rng.random(40) < 0.3)
        alarms += min(e.p_drop_adjusted for e in weighed(list(noise), resamples=400)) <= 0.05
    assert alarms / 200 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_drop_of_the_detectable_size_is_shown_in_four_of_five_samples(share: float) -> None:
    """300 queries of which this ``share`` changes either way, and randomly chosen ones that lose their whole score."""
    rng = np.random.default_rng(4)
    shown = []
    for _ in range(150):
        scores = rng.choice([0, 0.4, 0.6, 1], 300)
        change = np.where(rng.random(300) < share, rng.choice([-1, 1], 300) * rng.random(300) * 0.5, 0)
        corpus = Comparisons(scores[None], (scores + change)[None], np.zeros(1), np.arange(300))
        drop = weigh([corpus], 0.05, 1_000)[0][0].detectable_drop
        assert drop is not None
        again, noise = rng.permutation(scores), rng.permutation(change) * rng.choice([-1, 1], 300)
        after = np.where(rng.random(300) < drop / scores.mean(), 0, again + noise)
        dropped = Comparisons(again[None], after[None], np.zeros(1), np.arange(300))
        shown.append(weigh([dropped], 0.05, 1_000)[0][0].p_drop_adjusted <= 0.05)
    assert np.mean(shown) == pytest.approx(0.8, abs=0.09)


def test_the_interval_is_scipys_bca_interval_of_a_ratio_over_clusters() -> None:
    rng = np.random.default_rng(0)
    clusters = np.sort(rng.integers(0, 40, 160))
    clusters = np.unique(clusters, return_inverse=True)[1]
    difference = rng.exponential(1, 40)[clusters] * rng.random(160) - 0.6
    baseline = np.ones((1, 160))
    found = weigh([Comparisons(baseline, baseline + difference, np.zeros(1), clusters)], 0.05, 10_000)[0][0]
    sums, sizes = np.bincount(clusters, weights=difference), np.bincount(clusters)
    expected = stats.bootstrap(
        (sums, sizes),
        lambda a, b, axis: a.sum(axis=axis) / b.sum(axis=axis),
        paired=True,
        vectorized=True,
        confidence_level=0.9,
        n_resamples=20_000,
        rng=rng,
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.012)


def test_intervals_cover_as_often_as_they_say() -> None:
    skewed = np.random.default_rng(0).exponential(1, (400, 40)) - 1
    covered = [e.low <= 0 <= e.high for e in weighed(list(skewed), resamples=1_000)]
    assert 0.83 < np.mean(covered) < 0.95
