"""The cosine of two texts beside what people say of them: a score (STS), or whether they are the same."""

from collections.abc import Sequence

import numpy as np

from evalkit.arrays import FloatMatrix, Floats, Rows
from evalkit.config import CorpusConfig, TaskConfig
from evalkit.corpora import Corpus
from evalkit.corpora.uses import pairs
from evalkit.corpora.uses.pairs import PairedCorpus
from evalkit.measures.pairs import average_precision, best_f1, pearson, spearman, threshold_of_best_f1
from evalkit.measures.thresholds import decisions
from evalkit.tasks.items import ItemTask, Judged, Kept

ALL_EQUAL = "all cosines are equal"
NO_LABELS, NO_SCORES = "pairs have scores, and no labels", "pairs have labels, and no scores"


class Pairs(ItemTask):
    kind = "pairs"

    @staticmethod
    def load(name: str, source: CorpusConfig, settings: TaskConfig) -> Corpus:
        return pairs.load(name, source)

    def items(self, corpus: PairedCorpus) -> Sequence[tuple[str, str]]:
        texts = corpus.documents.texts
        both = zip(corpus.pair_ids, corpus.first.tolist(), corpus.second.tolist(), strict=True)
        return [(id_, f"{texts[first]}\n{texts[second]}") for id_, first, second in both]

    def judge(self, kept: Kept, corpus: PairedCorpus) -> Judged:
        cosines = cosines_of(kept.documents, corpus.first, corpus.second)
        if np.ptp(cosines) == 0:
            return Judged({}, corpus.pair_ids, dict.fromkeys((*CORRELATIONS, *OF_LABELS), ALL_EQUAL))
        if not corpus.are_labels:
            per_item = {name: of(cosines, corpus.scores).per_pair for name, of in CORRELATIONS.items()}
            return Judged(per_item, corpus.pair_ids, dict.fromkeys(OF_LABELS, NO_LABELS))
        is_match = corpus.scores > 0
        per_item = {
            "average_precision": average_precision(cosines, is_match),
            "f1": best_f1(cosines, is_match).per_pair,
        }
        decided = decisions(threshold_of_best_f1, cosines, is_match)
        return Judged(per_item, corpus.pair_ids, dict.fromkeys(CORRELATIONS, NO_SCORES), decisions=decided)


CORRELATIONS = {"spearman": spearman, "pearson": pearson}
COSINE_DECIMALS = 9
OF_LABELS = ("average_precision", "f1", "threshold")


def cosines_of(vectors: FloatMatrix, first: Rows, second: Rows) -> Floats:
    """The cosine of each pair of rows, 0 where one has no direction; to nine decimals, so that no rounding of a sum
    decides a tie.
    """
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    products = np.einsum("ij,ij->i", vectors[first], vectors[second], dtype=np.float64)
    lengths = np.sqrt(squares[first] * squares[second])
    return np.asarray(np.round(products / np.where(lengths > 0, lengths, 1.0), COSINE_DECIMALS), dtype=np.float64)
