"""Intervals and tests agree with scipy's own, also over several corpora and where all queries agree."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from evalkit.config import ReportConfig
from evalkit.reports.data.quality import certainty
from evalkit.reports.data.report import make_report
from tests.reports.conftest import WriteRun, noisy

Config = Callable[..., ReportConfig]


def test_an_interval_is_students_t() -> None:
    values = np.stack([noisy(0.5), noisy(0.6, seed=1)])
    found = certainty(values.mean(axis=1), [values], 0.05)
    for row in range(2):
        expected = stats.ttest_1samp(values[row], 0).confidence_interval(0.95)
        assert (found.low[row], found.high[row]) == pytest.approx((expected.low, expected.high))


def test_the_best_on_few_queries_is_not_certain() -> None:
    """Recall 1.00 on 10 queries: the exact binomial interval is [0.69, 1.00]."""
    values = np.ones((1, 10))
    found = certainty(values.mean(axis=1), [values], 0.05)
    expected = stats.binomtest(10, 10).proportion_ci(0.95, method="exact")
    assert (found.low[0], found.high[0]) == pytest.approx((expected.low, expected.high))
    assert found.low[0] == pytest.approx(0.6915, abs=1e-4)


@pytest.mark.parametrize("hits", [0, 1, 7, 29, 30])
def test_an_interval_of_hits_and_misses_is_clopper_and_pearsons(hits: int) -> None:
    values = np.repeat([1.0, 0.0], [hits, 30 - hits])[None]
    found = certainty(values.mean(axis=1), [values], 0.1)
    expected = stats.binomtest(hits, 30).proportion_ci(0.9, method="exact")
    assert (found.low[0], found.high[0]) == pytest.approx((expected.low, expected.high))


def test_equal_values_that_are_no_hits_are_not_certain_either() -> None:
    values = np.full((1, 8), 0.5)
    found = certainty(values.mean(axis=1), [values], 0.05)
    assert found.low[0] < 0.3
    assert found.high[0] > 0.7


def test_of_two_settings_p_is_the_paired_randomisation_tests() -> None:
    values = np.stack([noisy(0.5, queries=10), noisy(0.53, queries=10, seed=1)])
    found = certainty(values.mean(axis=1), [values], 0.05)
    expected = stats.permutation_test((values[1] - values[0],), np.mean, permutation_type="samples").pvalue
    assert found.p_as_good == pytest.approx([expected, 1.0], abs=1e-6)


def test_among_several_settings_p_is_larger_than_alone() -> None:
    values = np.stack([noisy(0.5 + step / 300, seed=step) for step in range(10)])
    together = certainty(values.mean(axis=1), [values], 0.05)
    alone = certainty(values[[0, 9]].mean(axis=1), [values[[0, 9]]], 0.05)
    assert together.best == 9
    assert together.p_as_good[0] > alone.p_as_good[0]


def test_an_interval_over_clusters_is_that_of_their_means_where_sizes_are_equal() -> None:
    values, clusters = noisy(0.5, queries=60)[None], np.arange(60) // 5
    found = certainty(values.mean(axis=1), [values], 0.05, [clusters])
    expected = stats.ttest_1samp(values[0].reshape(12, 5).mean(axis=1), 0).confidence_interval(0.95)
    assert (found.low[0], found.high[0]) == pytest.approx((expected.low, expected.high))


def test_copies_of_a_query_make_nothing_surer() -> None:
    values = np.stack([noisy(0.5, queries=20), noisy(0.53, queries=20, seed=1)])
    once = certainty(values.mean(axis=1), [values], 0.05)
    copies = certainty(values.mean(axis=1), [values.repeat(5, axis=1)], 0.05, [np.arange(20).repeat(5)])
    for name in ("low", "high", "p_as_good", "loss_at_most"):
        assert getattr(copies, name) == pytest.approx(getattr(once, name), abs=0.03)
    hits = (values > 0.5).astype(float)
    once = certainty(hits.mean(axis=1), [hits], 0.05)
    copies = certainty(hits.mean(axis=1), [hits.repeat(5, axis=1)], 0.05, [np.arange(20).repeat(5)])
    assert copies.low == pytest.approx(once.low, abs=0.02)


def test_over_two_corpora_each_counts_by_its_mean_whatever_its_queries() -> None:
    """Against scipy's Welch test: the mean of two means is half of one mean less the negative of the other."""
    small, large = noisy(0.4, queries=20, spread=0.02)[None], noisy(0.6, queries=500, seed=1)[None]
    mean = (small.mean() + large.mean()) / 2
    welch = stats.ttest_ind(small[0], -large[0], equal_var=False)
    expected = welch.confidence_interval(0.95)
    found = certainty(np.array([mean]), [small, large], 0.05)
    assert (found.low[0], found.high[0]) == pytest.approx((expected.low / 2, expected.high / 2))
    by_hand = np.sqrt(stats.sem(small[0]) ** 2 + stats.sem(large[0]) ** 2) / 2
    assert (found.high[0] - mean) / by_hand == pytest.approx(stats.t.ppf(0.975, welch.df))


def test_hits_on_a_small_and_a_large_corpus_are_no_surer_than_the_small_one_lets_them_be() -> None:
    """Half of the mean comes from 20 queries, however many the other corpus has."""
    rng = np.random.default_rng(0)
    covered, trials = 0, 400
    for _ in range(trials):
        small, large = (rng.random(20) < 0.5).astype(float)[None], (rng.random(2_000) < 0.9).astype(float)[None]
        found = certainty(np.array([(small.mean() + large.mean()) / 2]), [small, large], 0.05)
        covered += found.low[0] <= 0.7 <= found.high[0]
    assert covered / trials > 0.93


def test_equal_settings_are_not_told_apart_and_constant_differences_are() -> None:
    values = noisy(0.5)[None]
    assert certainty(np.full(2, 0.5), [np.concatenate([values, values])], 0.05).p_as_good.tolist() == [1.0, 1.0]
    apart = np.concatenate([values, values + 0.01])
    assert certainty(apart.mean(axis=1), [apart], 0.05).p_as_good[0] < 0.001


def test_one_query_tells_nothing() -> None:
    values = np.array([[0.5], [0.9]])
    found = certainty(values.mean(axis=1), [values], 0.05)
    assert found.p_as_good.tolist() == [1.0, 1.0]
    assert np.isnan(found.low).all()


def test_under_the_null_few_settings_are_told_apart_from_the_best_by_chance() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(200):
        values = rng.normal(0.5, 0.1, size=(2, 50))
        alarms += (certainty(values.mean(axis=1), [values], 0.05).p_as_good < 0.05).any()
    assert alarms / 200 == pytest.approx(0.05, abs=0.04)


def test_queries_are_paired_by_id_whatever_their_order_in_a_run(write_run: WriteRun, config: Config) -> None:
    scores = {"c": {(64, "float32"): noisy(0.5)}}
    write_run("a", scores)
    write_run("b", {"c": {(64, "float32"): noisy(0.5) + 0.001}}, model="n", query_order=lambda n: range(n)[::-1])
    report = make_report(config())
    assert report.quality.p_as_good[0] < 0.001  # every query differs by the same 0.001
    a, b = report.queries["c"].values["nDCG@10"]
    assert b - a == pytest.approx(np.full(60, 0.001))
