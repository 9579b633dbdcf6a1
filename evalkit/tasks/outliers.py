"""Texts outside a known domain, told by their distance from it."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from evalkit.arrays import FloatMatrix, Floats
from evalkit.config import CorpusConfig, OutliersTask
from evalkit.corpora import Corpus
from evalkit.corpora.uses import outliers
from evalkit.corpora.uses.outliers import INSIDE, NEAR, OutlierCorpus
from evalkit.measures.outliers import (
    by_isolation,
    by_mahalanobis,
    by_neighbours,
    separation,
    separation_among,
    threshold_of_recall,
)
from evalkit.measures.thresholds import decisions
from evalkit.tasks.items import ItemTask, Judged, Kept

FALSE_ALARMS = "fpr_at_95_recall"
NO_NEAR = "no text is said to be near"
OF_DOMAIN: Mapping[str, Callable[[FloatMatrix, FloatMatrix], Floats]] = {
    "mahalanobis": by_mahalanobis,
    "isolation_forest": by_isolation,
}


class Outliers(ItemTask):
    """Near texts count as outside; how they do by themselves is told apart."""

    kind = "outliers"

    @staticmethod
    def load(name: str, source: CorpusConfig, settings: OutliersTask) -> Corpus:
        return outliers.load(name, source, settings)

    def items(self, corpus: OutlierCorpus) -> Sequence[tuple[str, str]]:
        return list(zip(corpus.queries.ids, corpus.queries.texts, strict=True))

    def judge(self, kept: Kept, corpus: OutlierCorpus) -> Judged:
        places = np.array(corpus.places)
        is_outside, is_near = places != INSIDE, places == NEAR
        known = kept.documents[corpus.known]
        distances = by_neighbours(known, kept.queries, self.settings.neighbours)
        found = {"": separation(distances, is_outside)}
        for name, distances_from in OF_DOMAIN.items():
            found[f"_{name}"] = separation(distances_from(known, kept.queries), is_outside)
        if is_near.any():
            found["_near"] = separation_among(is_near | ~is_outside, distances, is_outside)
        return Judged(
            per_item={f"auroc{suffix}": each.per_text for suffix, each in found.items()},
            item_ids=corpus.queries.ids,
            reasons=dict.fromkeys(("auroc_near", f"{FALSE_ALARMS}_near"), NO_NEAR),
            figures={f"{FALSE_ALARMS}_near": None}
            | {f"{FALSE_ALARMS}{suffix}": each.false_alarms for suffix, each in found.items()},
            decisions=decisions(threshold_of_recall, distances, is_outside),
        )
