"""Distances against plain NumPy, areas against all pairs of texts, and DeLong's variance against resampling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.measures.outliers import (
    by_isolation,
    by_mahalanobis,
    by_neighbours,
    separation,
    separation_among,
    threshold_of_recall,
)


@given(st.integers(0, 10_000))
def test_the_area_is_the_share_of_pairs(seed: int) -> None:
    generator = np.random.default_rng(seed)
    is_outside = np.arange(40) % 3 == 0
    distances = np.round(generator.standard_normal(40) + is_outside, 1)
    outside, inside = distances[is_outside], distances[~is_outside]
    pairs = (outside[:, None] > inside).mean() + (outside[:, None] == inside).mean() / 2
    found = separation(distances, is_outside)
    assert found.auroc == pytest.approx(pairs)
    assert found.per_text.mean() == pytest.approx(pairs)
    least = np.sort(outside)[::-1][int(np.ceil(0.95 * len(outside))) - 1]
    assert found.false_alarms == pytest.approx((inside >= least).mean())


def test_texts_vary_as_the_area_does() -> None:
    generator = np.random.default_rng(0)
    is_outside = np.arange(300) % 4 == 0
    areas, estimates = [], []
    for _ in range(400):
        found = separation(generator.standard_normal(300) + is_outside, is_outside)
        areas.append(found.auroc)
        estimates.append(found.per_text.var() / 300)
    assert np.mean(estimates) == pytest.approx(np.var(areas), rel=0.15)


def test_neighbours_by_plain_numpy() -> None:
    generator = np.random.default_rng(0)
    known, texts = (generator.standard_normal((n, 6)).astype(np.float32) for n in (50, 9))
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (known, texts)]
    cosines = np.sort(unit[1] @ unit[0].T, axis=1)[:, ::-1]
    np.testing.assert_allclose(by_neighbours(known, texts, 3), 1 - cosines[:, :3].mean(axis=1), atol=1e-5)


def test_what_is_far_away_is_outside_by_every_distance() -> None:
    generator = np.random.default_rng(0)
    known, inside = (generator.standard_normal((200, 5)).astype(np.float32) + 5 for _ in range(2))
    texts = np.vstack([inside, inside - 10])
    is_outside = np.arange(400) >= 200
    for distances in (by_neighbours(known, texts, 5), by_mahalanobis(known, texts), by_isolation(known, texts)):
        assert separation(distances, is_outside).auroc > 0.95


@given(st.integers(0, 10_000))
def test_the_area_among_some_is_theirs_alone_and_the_others_are_no_part_of_its_variance(seed: int) -> None:
    generator = np.random.default_rng(seed)
    is_outside, counted = np.arange(60) % 3 == 0, np.arange(60) % 5 != 0
    distances = np.round(generator.standard_normal(60) + is_outside, 1)
    alone, among = separation(distances[counted], is_outside[counted]), separation_among(counted, distances, is_outside)
    assert among.auroc == pytest.approx(alone.auroc)
    assert among.false_alarms == alone.false_alarms
    assert among.per_text.mean() == pytest.approx(alone.auroc)
    assert among.per_text[~counted] == pytest.approx(alone.auroc)
    assert among.per_text.var() / 60 == pytest.approx(alone.per_text.var() / counted.sum())


@given(st.integers(0, 10_000), st.integers(1, 60))
def test_the_threshold_is_the_largest_that_finds_95_percent(seed: int, outliers: int) -> None:
    generator = np.random.default_rng(seed)
    is_outside = np.arange(80) < outliers
    distances = np.round(generator.standard_normal(80), 1)
    enough = [t for t in distances if 20 * (distances[is_outside] >= t).sum() >= 19 * outliers]
    assert threshold_of_recall(distances, is_outside) == max(enough)
    found = separation(distances, is_outside)
    assert found.false_alarms == pytest.approx((distances[~is_outside] >= max(enough)).mean())


def test_nothing_outside_has_no_threshold() -> None:
    assert np.isnan(threshold_of_recall(np.array([0.1, 0.2]), np.array([False, False])))
