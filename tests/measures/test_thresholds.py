"""Bounds against scipy's exact test, steps against a plain loop, and how often a safe threshold isn't."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from evalkit.measures.thresholds import lower_bound, lowest_safe, steps, upper_bound


@given(st.integers(1, 200), st.data())
def test_a_bound_is_the_share_at_which_so_few_are_rare(of: int, data: st.DataObject) -> None:
    wrong = data.draw(st.integers(0, of))
    bound = float(upper_bound(np.array(wrong), np.array(of)))
    if wrong < of:
        assert binom.cdf(wrong, of, bound) == pytest.approx(0.05)
    else:
        assert bound == 1
    assert float(lower_bound(np.array(of - wrong), np.array(of))) == pytest.approx(1 - bound)


def test_nothing_seen_bounds_nothing() -> None:
    assert float(upper_bound(np.array(0), np.array(0))) == 1
    assert float(upper_bound(np.array(0), np.array(299))) == pytest.approx(0.01, abs=1e-4)


@given(st.integers(0, 10_000))
def test_steps_by_a_plain_loop(seed: int) -> None:
    generator = np.random.default_rng(seed)
    cosines, is_right = np.round(generator.random(30), 1), generator.random(30) < 0.5
    found = steps(cosines, is_right)
    expected = sorted(set(cosines), reverse=True)
    assert found.thresholds.tolist() == expected
    assert found.accepted.tolist() == [(cosines >= t).sum() for t in expected]
    assert found.right.tolist() == [(is_right & (cosines >= t)).sum() for t in expected]


def test_no_threshold_is_safe_of_few() -> None:
    assert np.isnan(lowest_safe(steps(np.ones(298), np.ones(298, dtype=bool)), 0.01))
    assert lowest_safe(steps(np.ones(299), np.ones(299, dtype=bool)), 0.01) == 1
    assert np.isnan(lowest_safe(steps(np.zeros(0), np.zeros(0, dtype=bool)), 0.01))


def test_one_wrong_item_at_the_top_ends_one_sequence_alone() -> None:
    cosines = np.arange(2_000, 0, -1.0)
    is_right = np.ones(2_000, dtype=bool)
    is_right[3] = False
    assert lowest_safe(steps(cosines, is_right), 0.01) == 1
    is_right[:300] = False  # where the whole is not safe, nothing is
    assert np.isnan(lowest_safe(steps(cosines, is_right), 0.01))


def test_the_first_that_fails_ends_a_sequence() -> None:
    """No wrong one among 500, then 30, then none for long: the last threshold passes by itself, and is not chosen."""
    is_right = np.ones(9_000, dtype=bool)
    is_right[[*range(1_200, 1_230)]] = False
    found = steps(np.arange(9_000, 0, -1.0), is_right)
    assert upper_bound(found.wrong, found.accepted)[-1] <= 0.01
    assert 9_000 - 1_230 < lowest_safe(found, 0.01) < 9_000 - 1_199
