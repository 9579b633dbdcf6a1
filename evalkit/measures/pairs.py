"""How well the cosine of two texts agrees with what people say of them: a score, or a yes or no."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score

from evalkit.arrays import Bools, Floats
from evalkit.measures.influence import of_average_precision, of_f1
from evalkit.measures.thresholds import steps


@dataclass(frozen=True)
class Correlation:
    """Pearson's of ``cosines`` and scores, or Spearman's of their ranks; ``per_pair`` has it as its mean.

    Each pair's value is the correlation and the pair's influence on it (the infinitesimal jackknife), so that means of
    differences between two settings vary as the correlations do.
    """

    value: float
    per_pair: Floats


def pearson(cosines: Floats, scores: Floats) -> Correlation:
    from scipy.stats import pearsonr

    near_zero = of_any_size(scores)
    value = float(pearsonr(cosines, near_zero).statistic)
    a, b = standardized(cosines), standardized(near_zero)
    return Correlation(value, value + a * b - value / 2 * (a**2 + b**2))


def spearman(cosines: Floats, scores: Floats) -> Correlation:
    """Of ranks, equal ones sharing their mean rank."""
    from scipy.stats import rankdata, spearmanr

    value = float(spearmanr(cosines, scores).statistic)
    return Correlation(value, pearson(rankdata(cosines), rankdata(scores)).per_pair)


def of_any_size(scores: Floats) -> Floats:
    """``scores`` at another scale and origin, which no correlation depends on: their squares are finite.

    The scale is a power of two, so that nothing is rounded by it.
    """
    scaled = np.ldexp(scores, -int(np.frexp(np.abs(scores).max())[1]))
    return np.asarray(scaled - scaled[0], dtype=np.float64)


def standardized(values: Floats) -> Floats:
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread else 1.0), dtype=np.float64)


@dataclass(frozen=True)
class Threshold:
    """The lowest cosine that counts as a match; ``per_pair`` has the F1 of the pairs that it finds as its mean."""

    cosine: float
    per_pair: Floats

    @property
    def f1(self) -> float:
        return float(self.per_pair.mean())


def best_f1(cosines: Floats, is_match: Bools) -> Threshold:
    """The threshold of the highest F1 among the cosines that occur; of equal ones the highest."""
    found = steps(cosines, is_match)
    f1 = 2 * found.right / (found.accepted + np.count_nonzero(is_match))
    best = int(np.argmax(f1))
    cosine = float(found.thresholds[best])
    return Threshold(cosine, f1[best] + of_f1(is_match, cosines >= cosine))


def threshold_of_best_f1(cosines: Floats, is_match: Bools) -> float:
    """NaN where none matches."""
    return best_f1(cosines, is_match).cosine if is_match.any() else float("nan")


def average_precision(cosines: Floats, is_match: Bools) -> Floats:
    """A value for each pair, whose mean is the average precision: see measures.influence."""
    return float(average_precision_score(is_match, cosines)) + of_average_precision(cosines, is_match)
