"""Documents that say the same: how well cosines tell, from which cosine on, and what dropping them saves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evalkit.config import CorpusConfig, DuplicatesTask
from evalkit.corpora import Corpus
from evalkit.corpora.uses import duplicates
from evalkit.corpora.uses.duplicates import DuplicateCorpus
from evalkit.measures.cost import Tariff, costs
from evalkit.measures.duplicates import (
    PairCounts,
    average_precision_table,
    count_pairs,
    f1_table,
    groups_found,
    per_document,
    safe_threshold,
)
from evalkit.measures.thresholds import decisions
from evalkit.results.record import PointRecord
from evalkit.results.setting import Setting
from evalkit.results.task_columns import PRECISION_PERCENT
from evalkit.tasks.items import ItemTask, Judged, Kept, encoding
from evalkit.tasks.models import EncodedCorpus

NO_THRESHOLD = "no threshold is shown to have that precision"
NO_PAIR = "no pair reaches the threshold"
NO_PRICE = "no price in pricing.models or pricing.machines fits; give pricing.usd_per_hour"


class Duplicates(ItemTask):
    """Each document is an item, and so is each copy that was made."""

    kind = "duplicates"

    @staticmethod
    def load(name: str, source: CorpusConfig, settings: DuplicatesTask) -> Corpus:
        return duplicates.load(name, source, settings.made, settings.seed, settings.most_documents)

    def items(self, corpus: DuplicateCorpus) -> Sequence[tuple[str, str]]:
        return list(corpus.texts)

    def judge(self, kept: Kept, corpus: DuplicateCorpus) -> Judged:
        vectors, groups = np.concatenate([kept.documents, kept.queries]), corpus.codes
        counts, nearest = count_pairs(vectors, groups)
        best = counts.threshold_of_best_f1
        tables = (average_precision_table(counts), f1_table(counts, best))
        of_precision, of_f1 = per_document(vectors, groups, tables)
        choose = safe_threshold(groups, self.settings.precision)
        decided = decisions(choose, nearest.cosines, nearest.is_same, groups=groups)
        reason = NO_THRESHOLD if decided.threshold is None else NO_PAIR
        figures = {
            **of_pairs(counts, best, decided.threshold),
            **found_among(kept, decided.threshold),
            "exact_duplicates": float(len(vectors) - len({text for _, text in corpus.texts})),
        }
        return Judged(
            per_item={
                "average_precision": counts.average_precision + len(vectors) * of_precision,
                "f1": counts.at(best).f1 + len(vectors) * of_f1,
            },
            item_ids=[id_ for id_, _ in corpus.texts],
            reasons=dict.fromkeys(("threshold", "saved_documents_month_usd", *figures), reason),
            figures=figures,
            decisions=decided,
            clusters=corpus.groups,
        )

    def point(
        self, read: EncodedCorpus, setting: Setting, judged: Judged, bytes_per_vector: float | None, prices: Tariff
    ) -> PointRecord:
        saved = judged.figures["documents_saved"]
        month, reasons = self.usd_month(read, bytes_per_vector, prices), dict(judged.reasons)
        usd = None if saved is None or np.isnan(month) else saved / len(read.corpus.documents) * month
        if saved is not None:
            reasons["saved_documents_month_usd"] = NO_PRICE
        judged = replace(judged, figures={**judged.figures, "saved_documents_month_usd": usd}, reasons=reasons)
        return super().point(read, setting, judged, bytes_per_vector, prices)

    def usd_month(self, read: EncodedCorpus, bytes_per_vector: float | None, prices: Tariff) -> float:
        """A month's embedding and keeping of the workload, its vectors alone; NaN without a price."""
        workload = self.config.workload
        kept_bytes = None if bytes_per_vector is None else bytes_per_vector * workload.documents
        usd = costs({**encoding(read), "index_bytes_at_workload": kept_bytes}, workload, prices)
        return float(usd["cost_embed_month_usd"] + usd["cost_storage_month_usd"])


def of_pairs(counts: PairCounts, best: float, threshold: float | None) -> dict[str, Any]:
    at_best, at_threshold = counts.at(best), counts.at(threshold)
    return {
        "f1_threshold": best,
        "f1_precision": at_best.precision,
        "f1_recall": at_best.recall,
        "pair_precision": at_threshold.precision,
        "pair_recall": None if threshold is None else at_threshold.recall,
        **{f"recall_precision_{percent}": counts.recall_at(percent / 100) for percent in PRECISION_PERCENT},
    }


def found_among(kept: Kept, threshold: float | None) -> dict[str, float | None]:
    """Groups among documents alone: a copy that was made is no saving."""
    if threshold is None:
        return dict.fromkeys(("groups_found", "documents_saved"))
    sizes = np.bincount(groups_found(kept.documents, threshold))
    return {"groups_found": float((sizes > 1).sum()), "documents_saved": float((sizes - 1).sum())}
