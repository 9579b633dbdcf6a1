"""Drops of the size called detectable: how often they are shown, in simulations."""

import numpy as np
import pytest

from evalkit.measures.detectable import detectable_drops
from evalkit.measures.resampling import sign_flips
from evalkit.measures.significance import flip_tests


def shown_of_detectable(queries: int, moving: float, uniform: bool, trials: int = 300) -> tuple[float, float]:
    """(the share of samples in which a drop of the detectable size is shown, its mean size), at alpha 0.05."""
    rng = np.random.default_rng(0)
    scores = rng.choice([0, 0.5, 1], (trials, queries), p=[0.2, 0.3, 0.5])
    flips = sign_flips([queries], 500)

    def noise() -> np.ndarray:
        return np.where(rng.random(scores.shape) < moving, rng.normal(0, 0.25, scores.shape), 0)

    drops = detectable_drops(scores, noise(), np.ones(queries), np.zeros(trials), 0.05, 0.0)
    share = drops[:, None] / 0.65
    falling = noise() - drops[:, None] if uniform else np.where(rng.random(scores.shape) < share, -scores, noise())
    shown = flip_tests([falling], [falling], flips, 0.05).p_drop <= 0.05
    return float(shown.mean()), float(drops.mean())


@pytest.mark.parametrize("moving", [0.01, 0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize("queries", [50, 300])
def test_a_drop_in_few_queries_is_shown_in_about_four_of_five_samples(queries: int, moving: float) -> None:
    rate, _ = shown_of_detectable(queries, moving, uniform=False)
    assert 0.72 <= rate <= 0.93


def test_the_same_drop_in_all_queries_is_shown_more_often() -> None:
    assert shown_of_detectable(300, 0.3, uniform=True)[0] > shown_of_detectable(300, 0.3, uniform=False)[0]


def test_one_moved_query_of_a_thousand_does_not_make_a_tiny_drop_detectable() -> None:
    """At least five queries must lose: four make no p below 1/16, and chance decides how many are drawn."""
    scores, differences = np.ones((1, 1_185)), np.zeros((1, 1_185))
    differences[0, 3] = -0.2
    (drop,) = detectable_drops(scores, differences, np.ones(1_185), np.zeros(1), 0.05, 1.0)
    assert 5 / 1_185 < drop < 8 / 1_185


def test_so_few_queries_can_show_no_drop_at_all() -> None:
    scores = np.full((1, 4), 0.5)
    assert np.isnan(detectable_drops(scores, scores * 0.1, np.ones(4), np.zeros(1), 0.05, 0.0)).all()
