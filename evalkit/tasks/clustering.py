"""Groups found in vectors beside the labels that people gave."""

from collections.abc import Sequence

import numpy as np

from evalkit.arrays import FloatMatrix, Floats, Rows, numbers_of
from evalkit.config import ClusteringTask, CorpusConfig
from evalkit.corpora import Corpus, Texts
from evalkit.corpora.uses import labelled
from evalkit.corpora.uses.labelled import LabelledCorpus
from evalkit.corpora.uses.of_mteb import Protocol
from evalkit.errors import UserError, printable
from evalkit.measures.clustering import (
    DRAW_TEXTS,
    DRAWS,
    Grouping,
    Labels,
    by_density,
    by_k_means,
    draws,
    most_typical,
    over_draws,
    over_levels,
    seeded,
)
from evalkit.tasks.items import ItemTask, Judged, Kept

TOPICS, TYPICAL, TOPIC_CHARACTERS = 20, 3, 80
LEFT_OUT = "task.clustering.density_texts=0 leaves HDBSCAN out"
TOO_MANY = "{:,} texts are more than task.clustering.density_texts={:,}"


class Clustering(ItemTask):
    """Of a corpus with texts to learn from and texts that are judged, those that are judged."""

    kind = "clustering"

    @staticmethod
    def load(name: str, source: CorpusConfig, settings: ClusteringTask) -> Corpus:
        corpus = labelled.load(name, source, Clustering.kind)
        labels, texts = len(set(judged_labels(corpus))), len(judged_texts(corpus))
        if texts <= labels:
            raise UserError(f"corpus '{corpus.name}' has {texts:,} texts for {labels:,} clusters: there must be more.")
        if (settings.draw_texts or texts) < labels:
            problem = f"task.clustering.draw_texts={settings.draw_texts} is less than the {labels:,} clusters"
            raise UserError(f"{problem} of corpus '{corpus.name}'.", "Leave it out: null is as mteb has it.")
        return corpus

    def items(self, corpus: LabelledCorpus) -> Sequence[tuple[str, str]]:
        judged = judged_texts(corpus)
        return list(zip(judged.ids, judged.texts, strict=True))

    def judge(self, kept: Kept, corpus: LabelledCorpus) -> Judged:
        vectors = kept.queries if len(kept.queries) else kept.documents
        settings, texts, levels = self.settings, len(vectors), judged_levels(corpus)
        per_item = over_levels(self.by_k_means(vectors, levels, corpus.protocol))
        reason = LEFT_OUT if not settings.density_texts else TOO_MANY.format(texts, settings.density_texts)
        notes: dict[str, str] = {}
        if texts <= settings.density_texts:
            groups = by_density(vectors)
            by_name = over_levels([Grouping(labels, groups).measures for labels in levels])
            per_item |= {f"{name}_hdbscan": values for name, values in by_name.items()}
            notes = topics(vectors, groups, self.items(corpus), self.config.save_query_texts)
        reasons = {f"{name}_hdbscan": reason for name in ("v_measure", "adjusted_rand")}
        return Judged(per_item, [id_ for id_, _ in self.items(corpus)], reasons, notes=notes)

    def by_k_means(self, vectors: FloatMatrix, levels: Sequence[Labels], protocol: Protocol) -> list[dict[str, Floats]]:
        """The measures by each level's labels. As in mteb, its draws follow on those of the level before."""
        size = self.settings.draw_texts or protocol.draw_texts or DRAW_TEXTS
        count = self.settings.draws or protocol.draws or DRAWS
        generator = seeded(protocol.sampled, protocol.sampled_from)
        scored = []
        for labels in levels:
            drawn = draws(generator, len(vectors), size, count)
            scored.append(over_draws(by_k_means(vectors, labels, drawn), drawn, len(vectors)))
        return scored


def judged_labels(corpus: LabelledCorpus) -> Sequence[str]:
    return corpus.query_labels or corpus.document_labels


def judged_levels(corpus: LabelledCorpus) -> list[Labels]:
    """The labels of all judged texts as numbers, and those of each deeper level."""
    return [numbers_of(labels)[0] for labels in (judged_labels(corpus), *corpus.finer_labels)]


def topics(vectors: FloatMatrix, groups: Rows, items: Sequence[tuple[str, str]], with_texts: bool) -> dict[str, str]:
    """The largest of ``groups``, each by its size and its most typical items: ids, and the first one's text."""
    sizes = np.bincount(groups[groups >= 0])
    named = {}
    for number, group in enumerate(np.argsort(-sizes, kind="stable")[:TOPICS].tolist(), 1):
        typical = [items[row] for row in most_typical(vectors, np.flatnonzero(groups == group), TYPICAL).tolist()]
        text = f"'{printable(typical[0][1], TOPIC_CHARACTERS)}': " if with_texts else ""
        named[f"topic {number}"] = f"{sizes[group]:,} texts, {text}{', '.join(id_ for id_, _ in typical)}"
    return named


def judged_texts(corpus: LabelledCorpus) -> Texts:
    return corpus.queries if len(corpus.queries) else corpus.documents
