"""A cache of answers: which earlier question is nearest, and what a threshold would have answered from it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Bools, FloatMatrix, Floats, Rows
from evalkit.measures.all_pairs import blocks, cosines_of
from evalkit.measures.thresholds import CONFIDENCE, upper_bound

NO_QUESTION = -1


@dataclass(frozen=True)
class Nearest:
    """For each question in order of arrival: the earlier question that is nearest (a row), and its cosine.

    Of equal cosines the earliest is the nearest. Where there is none the row is -1, and so is the cosine.
    """

    rows: Rows
    cosines: Floats

    def is_right(self, answers: npt.ArrayLike) -> Bools:
        """Whether the nearest has the answer of the question; never where there is none."""
        codes = np.asarray(answers)
        return np.asarray((codes[self.rows] == codes) & (self.rows != NO_QUESTION), dtype=np.bool_)


def nearest_earlier(vectors: FloatMatrix) -> Nearest:
    """Among all earlier questions: each was added to the cache with its answer, whether it hit or not."""
    found, best = np.full(len(vectors), NO_QUESTION, dtype=np.int64), np.full(len(vectors), -1.0)
    for rows, levels in blocks(vectors):
        nearest = levels.argmax(axis=1)
        found[rows], best[rows] = nearest, cosines_of(levels[np.arange(len(levels)), nearest])
    if len(found):
        found[0], best[0] = NO_QUESTION, -1.0
    return Nearest(found, best)


def nearest_kept(vectors: FloatMatrix, threshold: float) -> Nearest:
    """Among the earlier questions that missed: a hit, at ``threshold`` or above, adds nothing to the cache."""
    found, best = np.full(len(vectors), NO_QUESTION, dtype=np.int64), np.full(len(vectors), -1.0)
    is_kept = np.zeros(len(vectors), dtype=bool)
    for rows, levels in blocks(vectors):
        for row, of_row in enumerate(levels, rows.start):
            kept = np.flatnonzero(is_kept[:row])
            if len(kept):
                nearest = int(of_row[kept].argmax())
                found[row], best[row] = kept[nearest], cosines_of(of_row[kept[nearest]])
            is_kept[row] = best[row] < threshold or not len(kept)
    return Nearest(found, best)


@dataclass(frozen=True)
class Hits:
    """What a threshold answers from the cache: of ``questions``, so many hits, of which so many have another answer."""

    questions: int
    hits: int
    wrong: int

    @property
    def hit_rate(self) -> float:
        return self.hits / self.questions

    @property
    def wrong_per_question(self) -> float:
        return self.wrong / self.questions

    @property
    def wrong_hit_rate(self) -> float | None:
        """Null without a hit."""
        return self.wrong / self.hits if self.hits else None

    @property
    def wrong_hit_rate_high(self) -> float | None:
        """The one-sided upper 95 % bound of ``wrong_hit_rate``; null without a hit."""
        return float(upper_bound(np.array(self.wrong), np.array(self.hits), CONFIDENCE)) if self.hits else None


def hits(cosines: Floats, is_right: Bools, threshold: float | None) -> Hits:
    """Without a threshold, none hits."""
    is_hit = np.zeros(len(cosines), dtype=bool) if threshold is None else cosines >= threshold
    return Hits(len(cosines), int(is_hit.sum()), int((is_hit & ~is_right).sum()))
