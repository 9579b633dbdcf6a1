"""Shares of full quality: against Clopper and Pearson's interval, by hand, and how often the bounds are wrong."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from evalkit.arrays import Floats
from evalkit.measures.kept import kept_shares

Draw = Callable[[np.random.Generator, int, int], tuple[Floats, Floats]]  # items, settings → full, kept
EACH = np.arange


def hits(rng: np.random.Generator, items: int, settings: int) -> tuple[Floats, Floats]:
    """0 or 1 at full quality (0.8), of which a setting loses 5 % and wins 2 % of the rest."""
    full = (rng.random(items) < 0.8).astype(float)
    moved = rng.random((settings, items))
    return full, np.where(full == 1, moved >= 0.05, moved < 0.02).astype(float)


def rare(rng: np.random.Generator, items: int, settings: int) -> tuple[Floats, Floats]:
    """Grades with many ties; one item in a hundred loses all that it had."""
    full = rng.choice([0.0, 0.5, 0.63, 1.0], items, p=[0.3, 0.1, 0.1, 0.5])
    return full, full * (rng.random((settings, items)) >= 0.01)


def skewed(rng: np.random.Generator, items: int, settings: int) -> tuple[Floats, Floats]:
    """Small changes of most items, and a tail of large losses."""
    full = rng.beta(2, 1, items)
    losses = 0.02 * rng.exponential(1, (settings, items)) ** 2 + rng.normal(0, 0.01, (settings, items))
    return full, np.clip(full - losses * full, 0, 1)


def correlation(rng: np.random.Generator, items: int, settings: int) -> tuple[Floats, Floats]:
    """Values of items beyond 0 and 1, as those of a correlation are."""
    x, y = rng.normal(size=(2, items))
    full = 0.8 + (x * y + 0.8 * (1 - x**2 - y**2) / 2)
    return full, 0.98 * full + rng.normal(0, 0.1, (settings, items))


ITEMS: dict[str, Draw] = {each.__name__: each for each in (hits, rare, skewed, correlation)}


def wrong(draw: Draw, items: int, settings: int, cases: int, seed: int = 0) -> tuple[float, float]:
    """The share of lower bounds at 2.5 % and of 95 % intervals that miss the true share, over cases and settings."""
    rng = np.random.default_rng(seed)
    full, kept = draw(rng, 1_000_000, 1)
    truth = kept.mean() / full.mean()
    too_high, missed = [], []
    for case in range(cases):
        full, kept = draw(rng, items, settings)
        found = kept_shares([kept], [full], [EACH(items)], seed=case)
        low, high = found.at_least(0.025), found.at_most(0.025)
        too_high.append((low > truth).mean())
        missed.append(((low > truth) | (high < truth)).mean())
    return float(np.mean(too_high)), float(np.mean(missed))


@pytest.mark.parametrize("name", ITEMS)
def test_bounds_are_wrong_no_more_often_than_they_say(name: str) -> None:
    too_high, missed = wrong(ITEMS[name], items=100, settings=5, cases=60)
    assert too_high <= 0.025 + 0.025  # 300 bounds, five of a case on the same items
    assert missed <= 0.05 + 0.035


@pytest.mark.parametrize(("items", "right"), [(20, 20), (100, 93), (50, 1)])
def test_of_hits_beside_a_perfect_full_it_is_clopper_and_pearsons(items: int, right: int) -> None:
    kept = (EACH(items) < right).astype(float)
    found = kept_shares([kept[None]], [np.ones(items)], [EACH(items)])
    exact = stats.binomtest(right, items).proportion_ci(0.95, method="exact")
    assert found.at_least(0.025)[0] == pytest.approx(exact.low, abs=0.01)
    assert found.shares[0] == right / items


def test_that_no_item_changed_is_not_certain() -> None:
    full = np.random.default_rng(0).random(20)
    found = kept_shares([full[None]], [full], [EACH(20)])
    assert found.shares[0] == 1
    assert found.at_least(0.025)[0] < 0.9
    assert found.at_most(0.025)[0] > 1.1


def test_corpora_count_alike_whatever_their_size() -> None:
    kept, full = [np.full((1, 10), 0.4), np.full((1, 1000), 0.9)], [np.full(10, 0.5), np.full(1000, 1.0)]
    found = kept_shares(kept, full, [EACH(10), EACH(1000)])
    assert found.shares[0] == pytest.approx((0.4 + 0.9) / (0.5 + 1.0))


def test_items_that_depend_on_each_other_widen_the_interval() -> None:
    rng = np.random.default_rng(1)
    full = np.ones(400)
    kept = np.repeat(rng.random(20) < 0.9, 20).astype(float)[None]
    alone = kept_shares([kept], [full], [EACH(400)])
    together = kept_shares([kept], [full], [np.repeat(EACH(20), 20)])
    assert together.at_least(0.025)[0] < alone.at_least(0.025)[0] - 0.05
    assert together.shares[0] == alone.shares[0]


def test_of_no_quality_no_share_is_known() -> None:
    found = kept_shares([np.full((1, 10), 0.5)], [np.zeros(10)], [EACH(10)])
    assert np.isnan(found.shares[0])
