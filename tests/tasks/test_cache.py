"""A stream through the whole task: what is chosen on its first half, and what the second half then says."""

from dataclasses import replace

import numpy as np
import pytest

from evalkit.config import CacheTask
from evalkit.corpora.lint import Noticed
from evalkit.corpora.uses.labelled import Split
from evalkit.corpora.uses.questions import AskedCorpus, build_asked
from evalkit.results.columns import FIGURES
from evalkit.results.task_measures import TASK_MEASURES
from evalkit.tasks.cache import NO_PRICE, NO_THRESHOLD, Cache
from evalkit.tasks.items import Judged, Kept

NOBODY = np.empty((0, 8), dtype=np.float32)


def a_stream(questions: int, noise: float) -> tuple[np.ndarray, AskedCorpus]:
    """Questions about 40 things; one in 50 near a thing has another answer."""
    generator = np.random.default_rng(0)
    about = generator.integers(0, 40, questions)
    centres = generator.standard_normal((40, 8))
    vectors = centres[about] + noise * generator.standard_normal((questions, 8))
    answers = np.where(generator.random(questions) < 0.02, 99, about)
    kept = {f"q{row}": (f"text {row}", f"a{answer}") for row, answer in enumerate(answers.tolist())}
    return vectors.astype(np.float32), build_asked("own", Split("questions", kept, [], [], []), Noticed(), None)


def judged(vectors: np.ndarray, corpus: AskedCorpus, **settings: float) -> Judged:
    task = object.__new__(Cache)
    task.settings, task.calls = replace(CacheTask(), **settings), 1_000
    return task.judge(Kept(vectors, NOBODY), corpus)


def test_rates_are_those_of_a_plain_loop_over_the_second_half() -> None:
    vectors, corpus = a_stream(1_200, 0.1)
    found = judged(vectors, corpus, most_wrong=0.1, usd_per_call=0.5)
    threshold = found.figures and found.decisions and found.decisions.threshold
    assert threshold is not None
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    hit = right = 0
    for question in range(600, 1_200):
        cosines = np.round(unit[:question] @ unit[question], 5)
        is_hit = cosines.max() >= threshold
        hit += is_hit
        right += is_hit and corpus.answers[int(cosines.argmax())] == corpus.answers[question]
    assert found.figures["hit_rate"] == pytest.approx(hit / 600)
    assert found.figures["wrong_hit_rate"] == pytest.approx(1 - right / hit)
    assert found.figures["wrong_per_question"] == pytest.approx((hit - right) / 600)
    assert found.per_item["right_hit_rate"].mean() == pytest.approx(right / 600)
    assert found.figures["saved_calls_month"] == pytest.approx(hit / 600 * 1_000)
    assert found.figures["saved_month_usd"] == pytest.approx(hit / 600 * 500)
    assert found.figures["hit_rate_wrong_10"] == found.figures["hit_rate"]
    assert found.decisions is not None
    assert (found.decisions.scores >= threshold).mean() == pytest.approx(hit / 600)


def test_the_second_half_has_no_say_in_the_threshold() -> None:
    vectors, corpus = a_stream(1_200, 0.1)
    answers = (*corpus.answers[:600], *("another" for _ in range(600)))
    thresholds = {
        found.decisions.threshold
        for of in (corpus, replace(corpus, answers=answers))
        if (found := judged(vectors, of, most_wrong=0.1)).decisions
    }
    assert len(thresholds) == 1
    assert None not in thresholds


def test_a_cache_without_a_safe_threshold_answers_nothing_and_says_why() -> None:
    found = judged(*a_stream(60, 1.0))
    assert found.figures["hit_rate"] == found.per_item["right_hit_rate"].sum() == 0
    assert found.reasons["threshold"] == found.reasons["wrong_hit_rate"] == NO_THRESHOLD
    assert found.reasons["saved_month_usd"] == NO_PRICE
    assert 0 < found.per_item["nearest_right"].mean() < 1


@pytest.mark.parametrize("questions", [2, 3, 5])
def test_a_short_stream_is_judged_too(questions: int) -> None:
    found = judged(*a_stream(questions, 0.1))
    assert len(found.item_ids) == len(found.per_item["nearest_right"]) == questions - questions // 2


def test_every_figure_has_its_column_and_every_measure_is_given() -> None:
    found = judged(*a_stream(60, 0.1))
    assert set(found.figures) <= set(FIGURES)
    assert tuple(found.per_item) == TASK_MEASURES["cache"]
