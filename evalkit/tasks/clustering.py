"""Groups found in vectors beside the labels that people gave."""

from collections.abc import Sequence

import numpy as np

from evalkit.config import ClusteringTask, CorpusConfig, RunConfig
from evalkit.corpora import Corpus
from evalkit.corpora.uses import labelled
from evalkit.corpora.uses.labelled import LabelledCorpus
from evalkit.embeddings.passes import Progress
from evalkit.errors import UserError
from evalkit.measures.clustering import by_density, by_k_means, draws, over_draws
from evalkit.tasks.items import ItemTask, Judged, Kept

LEFT_OUT = "task.clustering.density_texts=0 leaves HDBSCAN out"
TOO_MANY = "{:,} texts are more than task.clustering.density_texts={:,}"


class Clustering(ItemTask):
    """Of a corpus with texts to learn from and texts that are judged, those that are judged."""

    kind = "clustering"

    def __init__(self, config: RunConfig, settings: ClusteringTask, progress: Progress) -> None:
        super().__init__(config, settings, progress)
        self.settings = settings

    def load(self, name: str, source: CorpusConfig) -> Corpus:
        corpus = labelled.load(name, source, self.kind)
        labels, texts = len(set(judged_labels(corpus))), len(self.items(corpus))
        if texts <= labels:
            raise UserError(f"corpus '{corpus.name}' has {texts:,} texts for {labels:,} clusters: there must be more.")
        return corpus

    def items(self, corpus: LabelledCorpus) -> Sequence[tuple[str, str]]:
        judged = corpus.queries if len(corpus.queries) else corpus.documents
        return list(zip(judged.ids, judged.texts, strict=True))

    def judge(self, kept: Kept, corpus: LabelledCorpus) -> Judged:
        vectors = kept.queries if len(kept.queries) else kept.documents
        labels, settings, texts = np.array(judged_labels(corpus)), self.settings, len(vectors)
        drawn = draws(texts, settings.draw_texts, settings.draws)
        per_item = over_draws(by_k_means(vectors, labels, drawn), drawn, texts)
        reason = LEFT_OUT if not settings.density_texts else TOO_MANY.format(texts, settings.density_texts)
        if texts <= settings.density_texts:
            by_name = by_density(vectors, labels).measures
            per_item |= {f"{name}_hdbscan": values for name, values in by_name.items()}
        reasons = {f"{name}_hdbscan": reason for name in ("v_measure", "adjusted_rand")}
        return Judged(per_item, [id_ for id_, _ in self.items(corpus)], reasons)


def judged_labels(corpus: LabelledCorpus) -> Sequence[str]:
    return corpus.query_labels or corpus.document_labels
