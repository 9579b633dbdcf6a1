"""What each item moves a figure by that is no mean of items: an F1, a V-measure, an average precision.

A figure of weighted items changes by so much when an item weighs a little more (its influence: the infinitesimal
jackknife of Efron 1982, The Jackknife, the Bootstrap and Other Resampling Plans, chapter 6). The figure plus n times
that is a value for each item. These have the figure as their mean, and their means vary over samples of items as the
figure does, so that intervals and paired tests of means hold for it. What was fitted to the items, as a grouping or a
threshold, is taken as given.
"""

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Bools, Floats

Codes = npt.NDArray[np.int64]


def codes_of(*labels: npt.ArrayLike) -> list[Codes]:
    """``labels`` (each n) as numbers from 0, equal ones alike in all of them."""
    joined = np.concatenate([np.asarray(each) for each in labels])
    numbers = np.unique(joined, return_inverse=True)[1].astype(np.int64)
    return np.split(numbers, len(labels))


def of_macro_f1(labels: npt.ArrayLike, told: npt.ArrayLike) -> Floats:
    """n times the influence of each item on the mean F1 of all labels that are given or told (n, float64)."""
    given, answered = codes_of(labels, told)
    count = int(max(given.max(), answered.max())) + 1
    sizes = np.bincount(given, minlength=count) + np.bincount(answered, minlength=count)
    right = np.bincount(given[given == answered], minlength=count)
    drop = 2 * right / sizes**2  # of a label's F1 with each item more that is given or told it
    moved = np.where(given == answered, 2 / sizes[given], 0.0) - drop[given] - drop[answered]
    return np.asarray(moved * len(given) / count, dtype=np.float64)


def of_f1(is_match: Bools, is_found: Bools) -> Floats:
    """The same on the F1 of what is found among what matches."""
    size = np.count_nonzero(is_match) + np.count_nonzero(is_found)
    right = np.count_nonzero(is_match & is_found)
    moved = 2 * (is_match & is_found) / size - 2 * right * (is_match.astype(int) + is_found) / size**2
    return np.asarray(moved * len(is_match), dtype=np.float64)


def of_v_measure(labels: npt.ArrayLike, groups: npt.ArrayLike) -> Floats:
    """The same on the V-measure, which is twice the mutual information over the sum of both entropies."""
    given, found = codes_of(labels, np.asarray(groups).astype(str))
    cells = np.unique(np.stack([given, found]), axis=1, return_inverse=True)[1].ravel()
    surprise_both, surprise_given, surprise_found = (surprise(codes) for codes in (cells, given, found))
    apart = surprise_given + surprise_found
    shared = apart - surprise_both
    total, information = float(apart.mean()), float(shared.mean())
    if not total:
        return np.zeros(len(given))
    moved = 2 * ((shared - information) * total - information * (apart - total)) / total**2
    return np.asarray(moved, dtype=np.float64)


def surprise(codes: Codes) -> Floats:
    """-log of the share of each item's code; its mean is the entropy."""
    return np.asarray(-np.log(np.bincount(codes)[codes] / len(codes)), dtype=np.float64)


def of_adjusted_rand(labels: npt.ArrayLike, groups: npt.ArrayLike) -> Floats:
    """The same on the adjusted Rand index."""
    given, found = codes_of(labels, np.asarray(groups).astype(str))
    cells = np.unique(np.stack([given, found]), axis=1, return_inverse=True)[1].ravel()
    both, of_given, of_found = (np.bincount(codes)[codes].astype(np.float64) for codes in (cells, given, found))
    count = len(given)
    # Each item's share of the pairs in one cell, label or group; their halves sum to the numbers of pairs.
    pairs, pairs_given, pairs_found = (float((sizes - 1).sum() / 2) for sizes in (both, of_given, of_found))
    all_pairs = count * (count - 1) / 2
    expected = pairs_given * pairs_found / all_pairs
    above, room = pairs - expected, (pairs_given + pairs_found) / 2 - expected
    if not room:
        return np.zeros(count)
    d_pairs, d_given, d_found, d_all = both - 0.5, of_given - 0.5, of_found - 0.5, count - 0.5
    d_expected = (d_given * pairs_found + pairs_given * d_found) / all_pairs - expected / all_pairs * d_all
    moved = ((d_pairs - d_expected) * room - above * ((d_given + d_found) / 2 - d_expected)) / room**2
    return np.asarray((moved - moved.mean()) * count, dtype=np.float64)


def of_average_precision(cosines: Floats, is_match: Bools) -> Floats:
    """The same on the average precision; pairs of equal cosines are found together."""
    levels = np.unique(-cosines, return_inverse=True)[1].ravel()  # 0 is the highest
    found = np.cumsum(np.bincount(levels))
    matches = np.bincount(levels, weights=is_match)
    right = np.cumsum(matches)
    precision = right / found
    total = float(right[-1])
    average = float((matches * precision).sum() / total)
    below = np.cumsum((matches / found)[::-1])[::-1]  # over the levels at which an item is among those found
    below_right = np.cumsum((matches * precision / found)[::-1])[::-1]
    moved = is_match * (precision[levels] - average + below[levels]) - below_right[levels]
    return np.asarray(moved / total * len(cosines), dtype=np.float64)
