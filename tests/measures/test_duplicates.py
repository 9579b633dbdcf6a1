"""Pairs against scikit-learn and every pair by a plain loop; items against weighing documents; groups against scipy."""

from itertools import combinations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from evalkit.measures.all_pairs import SCALE, blocks
from evalkit.measures.duplicates import (
    average_precision_table,
    count_pairs,
    f1_table,
    groups_found,
    per_document,
    safe_threshold,
)

EACH_SEED = pytest.mark.parametrize("seed", range(5))


def a_sample(seed: int, count: int = 25) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of few values, so that cosines tie, in groups of one to four."""
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 10, count)
    groups[:2] = 0
    centres = generator.integers(-2, 3, (10, 4)) + 0.5
    return (centres[groups] + generator.integers(-1, 2, (count, 4))).astype(np.float32), groups.astype(np.int64)


def brute_force(vectors: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """(cosine, is the same) of every pair, and the pairs; the cosines are those of test_all_pairs.py."""
    rows = [row for _, block in blocks(vectors) for row in block]
    pairs = list(combinations(range(len(vectors)), 2))
    cosines = np.array([rows[later][earlier] / SCALE for earlier, later in pairs])
    return cosines, np.array([groups[i] == groups[j] for i, j in pairs]), pairs


@EACH_SEED
def test_figures_of_pairs_are_scikit_learn_s(seed: int) -> None:
    vectors, groups = a_sample(seed)
    cosines, is_same, _ = brute_force(vectors, groups)
    counts, _ = count_pairs(vectors, groups)
    assert counts.average_precision == pytest.approx(average_precision_score(is_same, cosines))
    best = counts.threshold_of_best_f1
    f1 = {t: f1_score(is_same, cosines >= t) for t in np.unique(cosines)}
    assert counts.at(best).f1 == pytest.approx(max(f1.values())) == pytest.approx(f1[best])
    for threshold in np.unique(cosines)[::10]:
        found = counts.at(threshold)
        assert found.precision == pytest.approx(precision_score(is_same, cosines >= threshold))
        assert found.recall == pytest.approx(recall_score(is_same, cosines >= threshold))
    precise = [cosines >= t for t in np.unique(cosines) if is_same[cosines >= t].mean() >= 0.5]
    most = max((is_same[is_found].sum() for is_found in precise), default=0)
    assert counts.recall_at(0.5) == pytest.approx(most / is_same.sum())


def test_no_threshold_finds_no_pair() -> None:
    counts, _ = count_pairs(*a_sample(0))
    assert (counts.at(None).found, counts.at(None).precision, counts.at(None).recall) == (0, None, 0.0)


@EACH_SEED
def test_the_nearest_by_a_plain_loop(seed: int) -> None:
    vectors, groups = a_sample(seed)
    cosines, _, pairs = brute_force(vectors, groups)
    _, nearest = count_pairs(vectors, groups)
    for row in range(len(vectors)):
        own = [(-c, i + j - row) for c, (i, j) in zip(cosines, pairs, strict=True) if row in (i, j)]
        cosine, other = min(own)  # of equal cosines the first document
        assert (nearest.cosines[row], nearest.is_same[row]) == (-cosine, groups[other] == groups[row])


@EACH_SEED
def test_items_say_what_each_group_moves_the_figures_by(seed: int) -> None:
    """A group whose pairs weigh a little more moves both figures by so much; items have the figure as their mean."""
    vectors, groups = a_sample(seed)
    cosines, is_same, pairs = brute_force(vectors, groups)
    counts, _ = count_pairs(vectors, groups)
    best = counts.threshold_of_best_f1
    of_precision, of_f1 = per_document(vectors, groups, [average_precision_table(counts), f1_table(counts, best)])
    assert (of_precision.mean(), of_f1.mean()) == (pytest.approx(0, abs=1e-9), pytest.approx(0, abs=1e-9))
    step, moved = 1e-6, []
    for group in np.unique(groups):
        weights = np.array([1 + step * (group in (groups[i], groups[j])) for i, j in pairs])
        by_precision = average_precision_score(is_same, cosines, sample_weight=weights) - counts.average_precision
        by_f1 = f1_score(is_same, cosines >= best, sample_weight=weights) - counts.at(best).f1
        members = groups == group
        moved.append(
            (by_precision / step, by_f1 / step, of_precision[members].sum(), of_f1[members].sum(), members.sum())
        )
    precision, f1, said_precision, said_f1, sizes = np.array(moved).T
    share = sizes / len(groups)  # of what all groups together move it by
    assert said_precision == pytest.approx(precision - precision.sum() * share, abs=1e-3)
    assert said_f1 == pytest.approx(f1 - f1.sum() * share, abs=1e-3)


def test_items_vary_as_the_average_precision_does_over_samples_of_groups() -> None:
    """The spread that items say, summed by group, is that of the figure over other groups of the same kind."""
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(150), 2)

    def drawn() -> np.ndarray:
        centres = generator.standard_normal((150, 6))
        return (centres[groups] + 0.45 * generator.standard_normal((300, 6))).astype(np.float32)

    figures, said = [], []
    for _ in range(60):
        vectors = drawn()
        counts, _ = count_pairs(vectors, groups)
        (items,) = per_document(vectors, groups, [average_precision_table(counts)])
        figures.append(counts.average_precision)
        said.append(np.sqrt(150) * np.bincount(groups, weights=items).std())
    assert np.mean(said) == pytest.approx(np.std(figures), rel=0.3)


@EACH_SEED
@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95, 1.0])
def test_groups_are_those_of_single_linkage(seed: int, threshold: float) -> None:
    vectors, groups = a_sample(seed)
    cosines, _, _ = brute_force(vectors, groups)
    expected = fcluster(linkage(1 - cosines, "single"), 1 - threshold + 1e-9, "distance")
    found = groups_found(vectors, threshold)
    assert len(set(zip(found, expected, strict=True))) == len(set(found)) == len(set(expected))


def test_a_threshold_counts_both_documents_of_a_pair_as_one() -> None:
    """59 right ones show 95 % precision; 58 pairs are 116 documents, of which each counts half."""
    for pairs, is_shown in ((58, False), (59, True)):
        groups = np.repeat(np.arange(pairs), 2)
        chosen = safe_threshold(groups, 0.95)(np.ones(2 * pairs), np.ones(2 * pairs, dtype=bool))
        assert (chosen == 1.0) is is_shown


def test_a_group_of_many_tells_as_much_as_one() -> None:
    groups = np.repeat(np.arange(58), 10)
    assert np.isnan(safe_threshold(groups, 0.95)(np.ones(580), np.ones(580, dtype=bool)))
