"""What settings keep of full precision among more documents: intervals hold the truth in made collections of known law.

A query's answer is outscored by documents that come as a Poisson process while a collection grows; a setting of less
precision lets more of them through. So the truth at any size is a mean over as many queries as one likes.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from evalkit.arrays import Floats
from evalkit.measures.growth import growth

DEPTH = 10
SIZES = (500, 1000, 2000, 4000)
LOSSES = (0.0, 0.02, 0.1, 0.3, 1.0, 3.0)  # per setting, how many times as many documents more are let through


def scores(
    rng: np.random.Generator, queries: int, sizes: Sequence[int], losses: Sequence[float], spread: float, each: int = 1
) -> tuple[list[Floats], list[Floats], np.ndarray]:
    """(settings × queries, full) at each of ``sizes``: gains of one answer, ``each`` queries in a cluster."""
    clusters = np.arange(queries) // each
    rates = np.exp(rng.normal(np.log(1e-4), spread, clusters.max() + 1))[clusters]
    kept, full = [], []
    before, more = np.zeros(queries), np.zeros((len(losses), queries))
    grown_from = 0
    for size in sizes:
        step, grown_from = size - grown_from, size
        before = before + rng.poisson(rates * step)
        more = more + rng.poisson(np.outer(losses, rates * step))
        kept.append(gain(before + more))
        full.append(gain(before))
    return kept, full, clusters


def gain(above: Floats) -> Floats:
    return np.where(above < DEPTH, 1 / np.log2(above + 2), 0.0)


def coverage(
    queries: int, losses: Sequence[float], spread: float, each: int = 1, times: int = 4
) -> tuple[float, float]:
    """The share of settings and repeats whose interval holds the truth, and the mean width of intervals."""
    rng = np.random.default_rng(queries + each)
    size = SIZES[-1] * times
    kept, full, _ = scores(rng, 400_000, [size], losses, spread)
    truth = kept[0].mean(axis=1) / full[0].mean()
    held, widths = [], []
    for repeat in range(40):
        kept, full, clusters = scores(rng, queries, SIZES, losses, spread, each)
        predicted = growth(kept, full, clusters, SIZES, seed=repeat).at(size, 0.05)
        held.append((predicted[:, 1] <= truth) & (truth <= predicted[:, 2]))
        widths.append(predicted[:, 2] - predicted[:, 1])
    return float(np.mean(held)), float(np.mean(widths))


@pytest.mark.parametrize(
    ("queries", "losses", "spread", "each", "times", "widest"),
    [
        pytest.param(300, LOSSES, 2.0, 1, 4, 0.12, id="many settings"),
        pytest.param(300, (0.3,), 2.0, 1, 10, 0.20, id="one setting, far ahead"),
        pytest.param(20, LOSSES, 2.0, 1, 4, 0.6, id="few queries"),
        pytest.param(300, (0.0, 0.005), 2.0, 1, 10, 0.15, id="nearly all tied"),
        pytest.param(200, LOSSES, 4.0, 1, 4, 0.12, id="skewed"),
        pytest.param(400, LOSSES, 2.0, 8, 4, 0.3, id="dependent queries"),
    ],
)
def test_an_interval_holds_the_truth_beyond_what_was_measured(
    queries: int, losses: Sequence[float], spread: float, each: int, times: int, widest: float
) -> None:
    held, width = coverage(queries, losses, spread, each, times)
    assert held >= 0.9
    assert width <= widest


def test_the_share_is_that_of_the_largest_size_and_nothing_is_said_far_beyond() -> None:
    kept, full, clusters = scores(np.random.default_rng(1), 200, SIZES, LOSSES, 2.0)
    of_all = growth(kept, full, clusters, SIZES)
    measured = kept[-1].mean(axis=1) / full[-1].mean()
    np.testing.assert_allclose(of_all.at(SIZES[-1], 0.05)[:, 0], measured)
    assert np.isnan(of_all.at(10.1 * SIZES[-1], 0.05)).all()
    assert np.isnan(of_all.at(SIZES[0], 0.05)).all()
    nearer, farther = (of_all.at(times * SIZES[-1], 0.05) for times in (2, 10))
    assert (farther[1:, 2] - farther[1:, 1] > nearer[1:, 2] - nearer[1:, 1]).all()
    assert (farther[1:, 0] <= nearer[1:, 0]).all()


def test_what_loses_nothing_keeps_all_and_what_finds_nothing_keeps_nothing() -> None:
    full = [np.ones(30)] * 3
    shares = growth([np.stack([each, 0 * each]) for each in full], full, np.arange(30), (10, 20, 40)).at(400, 0.05)
    np.testing.assert_array_equal(shares[:, 0], [1, 0])
    assert shares[0, 1] < 1
    nothing = growth([np.zeros((1, 30))] * 2, [np.zeros(30)] * 2, np.arange(30), (10, 20)).at(40, 0.05)
    assert np.isnan(nothing[0, 0])


def test_what_is_told_is_never_wide_and_above_one_never_beyond_what_was_measured() -> None:
    rng = np.random.default_rng(2)
    full = [rng.uniform(0.4, 0.6, 100)] * 3
    kept = [np.stack([each * 1.03 + rng.normal(0, 0.05, 100), each * 0.9]) for each in full]
    better = growth(kept, full, np.arange(100), (10, 20, 40))
    seen, ahead = better.told(40, 0.05), better.told(400, 0.05)
    assert ahead[0, 0] == seen[0, 0] > 1
    assert ahead[0, 2] <= seen[0, 2]
    assert ahead[1, 0] < seen[1, 0] < 1
    few = np.eye(8)[:1] * 1.07
    wide = growth([few] * 2, [np.eye(8)[0]] * 2, np.arange(8), (10, 20))
    share, low, high = wide.at(40, 0.05)[0]
    assert share == pytest.approx(1.07)
    assert not high - low <= 0.5  # also where it is unknown
    assert np.isnan(wide.told(40, 0.05)).all()


def test_odds_of_loss_grow_by_the_power_that_all_settings_share() -> None:
    sizes, losses = (100, 400, 1600), np.array([0.01, 0.05, 0.2])
    odds = np.outer(losses / (1 - losses), np.array(sizes) / 1600.0) ** 1.0
    shares = 1 / (1 + odds)
    kept = [np.repeat(shares[:, [i]], 5000, axis=1) for i in range(3)]
    exact = growth(kept, [np.ones(5000)] * 3, np.arange(5000), sizes)
    assert 0.5 < exact.power < 1  # of 1, weighed against what was thought before
    predicted = exact.at(3200, 0.05)[:, 0]
    np.testing.assert_allclose(predicted, 1 / (1 + odds[:, -1] * 2**exact.power))
