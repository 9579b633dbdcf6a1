"""What so many queries can show, against simulated tests."""

import numpy as np
import pytest

from evalkit.measures.enough_queries import TWO_SETTINGS, Resolution


@pytest.mark.parametrize("queries", [10, 30, 300])
@pytest.mark.parametrize("critical", [TWO_SETTINGS, 2.8])
@pytest.mark.parametrize("draw", ["normal", "rare"])
def test_the_smallest_difference_is_shown_in_four_of_five_samples(queries: int, critical: float, draw: str) -> None:
    smallest = Resolution(queries, 0.2, critical).smallest_shown()
    assert smallest is not None
    rng = np.random.default_rng(queries)
    noise = rng.normal(size=(20_000, queries)) * 0.2
    if draw == "rare":  # one query in five moves, by ±0.447: of the same spread
        noise = rng.choice([-1, 0, 0, 0, 0, 0, 0, 0, 0, 1], size=(20_000, queries)) * 0.2 / np.sqrt(0.2)
    moved = noise + smallest
    shown = moved.sum(axis=1) / np.sqrt((moved**2).sum(axis=1)) >= critical
    assert abs(shown.mean() - 0.8) < (0.01 if draw == "normal" else 0.07)


def test_more_queries_show_what_they_are_said_to_show() -> None:
    few = Resolution(20, 0.2)
    enough = few.queries_for(0.02)
    shown = Resolution(enough, 0.2).smallest_shown()
    assert shown is not None
    assert 0.0199 < shown <= 0.02
    assert 780 < enough < 792  # (0.84 + 1.96)² × 10² and a little


@pytest.mark.parametrize("critical", [2.0, float("inf")])
def test_too_few_queries_show_nothing_however_large(critical: float) -> None:
    assert Resolution(4, 0.2, critical).smallest_shown() is None
    assert Resolution(4, 0.2, critical).queries_for(0.02) > 700
