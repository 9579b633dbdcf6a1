"""Caches against a plain loop over the stream, and how often a threshold that was shown to be safe is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.measures.all_pairs import SCALE, blocks
from evalkit.measures.caches import hits, nearest_earlier, nearest_kept
from evalkit.measures.thresholds import lowest_safe, steps, upper_bound

REPEATS = 200


def replayed(vectors: np.ndarray, answers: list[int], threshold: float, keeps_hits: bool) -> list[tuple[bool, bool]]:
    """(is a hit, is right) of each question, one after the other."""
    of_question = [of / SCALE for _, block in blocks(vectors) for of in block]  # as test_all_pairs.py holds them
    cache: list[tuple[int, int]] = []
    seen = []
    for question, answer in enumerate(answers):
        cosines = [of_question[question][kept] for kept, _ in cache]
        nearest = int(np.argmax(cosines)) if cache else -1
        is_hit = bool(cache) and cosines[nearest] >= threshold
        seen.append((is_hit, is_hit and cache[nearest][1] == answer))
        if keeps_hits or not is_hit:
            cache.append((question, answer))
    return seen


@given(st.integers(0, 10_000), st.sampled_from([-1.0, 0.3, 0.7, 0.95]))
def test_both_caches_by_a_plain_loop(seed: int, threshold: float) -> None:
    generator = np.random.default_rng(seed)
    answers = generator.integers(0, 5, 40)
    vectors = (generator.integers(-2, 3, (5, 3))[answers] + generator.integers(-1, 2, (40, 3)) + 0.3).astype(np.float32)
    for found, keeps_hits in ((nearest_earlier(vectors), True), (nearest_kept(vectors, threshold), False)):
        is_hit = (found.cosines >= threshold) & (found.rows >= 0)
        expected = replayed(vectors, answers.tolist(), threshold, keeps_hits)
        assert list(zip(is_hit.tolist(), (is_hit & found.is_right(answers)).tolist(), strict=True)) == expected


def test_rates_by_hand() -> None:
    found = hits(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, True]), 0.7)
    assert (found.hit_rate, found.wrong_hit_rate, found.wrong_per_question) == (0.75, 1 / 3, 0.25)
    assert found.wrong_hit_rate_high == pytest.approx(float(upper_bound(np.array(1), np.array(3))))
    off = hits(np.array([0.9]), np.array([True]), None)
    assert (off.hit_rate, off.wrong_hit_rate, off.wrong_hit_rate_high, off.wrong_per_question) == (0, None, None, 0)


def chosen_unsafe(questions: int, choose: str, ties: bool) -> float:
    """The share of streams whose chosen threshold has truly more than 1 % wrong hits: all have, by a little."""
    generator = np.random.default_rng(3)
    cosines = np.arange(questions, 0, -1) / questions
    if ties:
        cosines = np.ceil(cosines * 20) / 20
    chosen = []
    for _ in range(REPEATS):
        found = steps(cosines, generator.random(questions) >= 0.0101)
        if choose == "fixed sequence":
            chosen.append(lowest_safe(found, 0.01))
        else:
            is_safe = upper_bound(found.wrong, found.accepted) <= 0.01
            chosen.append(found.thresholds[is_safe].min() if is_safe.any() else np.nan)
    return float(np.isfinite(chosen).mean())


@pytest.mark.parametrize(("questions", "ties"), [(400, False), (4_000, False), (4_000, True)])
def test_an_unsafe_threshold_is_chosen_as_rarely_as_said(questions: int, ties: bool) -> None:
    assert chosen_unsafe(questions, "fixed sequence", ties) <= 0.05 + 1.645 * np.sqrt(0.05 * 0.95 / REPEATS)


def test_the_lowest_that_passes_by_itself_would_be_unsafe_far_more_often() -> None:
    assert chosen_unsafe(4_000, "lowest", ties=False) > 0.1
