"""A semantic cache of answers: a new question is answered with an earlier one's answer where their cosine is enough."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from evalkit.arrays import Bools, Floats, numbers_of
from evalkit.config import CacheTask, CorpusConfig, RunConfig
from evalkit.corpora import Corpus
from evalkit.corpora.uses import questions
from evalkit.corpora.uses.questions import AskedCorpus
from evalkit.embeddings.passes import Progress
from evalkit.measures.caches import Hits, hits, nearest_earlier, nearest_kept
from evalkit.measures.thresholds import decisions, lowest_safe, steps
from evalkit.results.task_columns import WRONG_PERCENT
from evalkit.tasks.items import ItemTask, Judged, Kept

NO_THRESHOLD = "no threshold is shown on the first half of the stream to keep wrong hits that rare"
NO_HIT = "no question of the second half hits"
NO_PRICE = "task.cache.usd_per_call is not set"


class Cache(ItemTask):
    """The threshold is chosen on the first half of the stream; all rates are those of the second."""

    kind = "cache"

    def __init__(self, config: RunConfig, settings: CacheTask, progress: Progress) -> None:
        super().__init__(config, settings, progress)
        self.calls = config.workload.queries_per_month

    @staticmethod
    def load(name: str, source: CorpusConfig, settings: CacheTask) -> Corpus:
        return questions.load(name, source, settings.shuffle_seed)

    def items(self, corpus: AskedCorpus) -> Sequence[tuple[str, str]]:
        asked = list(zip(corpus.documents.ids, corpus.documents.texts, strict=True))
        return asked[len(asked) // 2 :]

    def judge(self, kept: Kept, corpus: AskedCorpus) -> Judged:
        (answers,) = numbers_of(corpus.answers)
        nearest, half = nearest_earlier(kept.documents), len(answers) // 2
        cosines, is_right = nearest.cosines, nearest.is_right(answers)

        chosen = decisions(
            lambda scores, right: lowest_safe(steps(scores, right), self.settings.most_wrong),
            cosines[:half],
            is_right[:half],
        )
        later, later_right = cosines[half:], is_right[half:]
        threshold = chosen.threshold
        is_hit = later >= (np.inf if threshold is None else threshold)
        figures = self.rates(hits(later, later_right, threshold))
        if threshold is not None:
            lean = nearest_kept(kept.documents, threshold)
            figures |= of_lean(hits(lean.cosines[half:], lean.is_right(answers)[half:], threshold))
        of_first = steps(cosines[:half], is_right[:half])
        for percent in WRONG_PERCENT:
            figures |= self.ladder(percent, lowest_safe(of_first, percent / 100), later, later_right)
        return Judged(
            per_item={
                "right_hit_rate": (is_hit & later_right).astype(np.float64),
                "nearest_right": later_right.astype(np.float64),
            },
            item_ids=corpus.documents.ids[half:],
            reasons=self.reasons(figures, threshold),
            figures=figures,
            decisions=replace(chosen, scores=later, is_right=later_right),
        )

    def rates(self, found: Hits) -> dict[str, float | None]:
        return {
            "hit_rate": found.hit_rate,
            "wrong_hit_rate": found.wrong_hit_rate,
            "wrong_hit_rate_high": found.wrong_hit_rate_high,
            "wrong_per_question": found.wrong_per_question,
            "hit_rate_misses_kept": 0.0,
            "wrong_hit_rate_misses_kept": None,
            "saved_calls_month": found.hit_rate * self.calls,
            "saved_month_usd": self.dollars(found),
        }

    def ladder(self, percent: int, threshold: float, later: Floats, later_right: Bools) -> dict[str, float | None]:
        """The same for another share of wrong hits that would be borne."""
        lowest = None if np.isnan(threshold) else threshold
        found = hits(later, later_right, lowest)
        return {
            f"threshold_wrong_{percent}": lowest,
            f"hit_rate_wrong_{percent}": found.hit_rate,
            f"wrong_hit_rate_wrong_{percent}": found.wrong_hit_rate,
            f"saved_wrong_{percent}_month_usd": self.dollars(found),
        }

    def dollars(self, found: Hits) -> float | None:
        price = self.settings.usd_per_call
        return None if price is None else found.hit_rate * self.calls * price

    def reasons(self, figures: Mapping[str, float | None], threshold: float | None) -> dict[str, str]:
        null = [name for name, value in figures.items() if value is None]
        of_threshold = {"": threshold} | {f"_wrong_{p}": figures[f"threshold_wrong_{p}"] for p in WRONG_PERCENT}
        reasons = {}
        for name in (*null, "threshold"):
            suffix = next((s for s in of_threshold if s and name.endswith(s)), "")
            no_rate = NO_THRESHOLD if of_threshold[suffix] is None else NO_HIT
            reasons[name] = NO_PRICE if name.endswith("_usd") else no_rate
        return reasons


def of_lean(found: Hits) -> dict[str, float | None]:
    return {"hit_rate_misses_kept": found.hit_rate, "wrong_hit_rate_misses_kept": found.wrong_hit_rate}
