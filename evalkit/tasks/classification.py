"""Labels told from vectors: by logistic regression as mteb trains it, nearest neighbours, and class centres."""

from collections.abc import Sequence

from evalkit.arrays import numbers_of
from evalkit.config import ClassificationTask, CorpusConfig, RunConfig
from evalkit.corpora import Corpus
from evalkit.corpora.uses import labelled
from evalkit.corpora.uses.labelled import LabelledCorpus
from evalkit.embeddings.passes import Progress
from evalkit.errors import UserError
from evalkit.measures.classification import (
    DRAWS,
    PER_LABEL,
    Classified,
    Labelled,
    by_centre,
    by_logistic_regression,
    by_neighbours,
    draws,
)
from evalkit.results.task_measures import SHOTS
from evalkit.tasks.items import ItemTask, Judged, Kept

NOT_ASKED = "it is not among task.classification.shots"


class Classification(ItemTask):
    """Raises UserError where the model has no vectors, or for shots that there is no column for."""

    kind = "classification"

    def __init__(self, config: RunConfig, settings: ClassificationTask, progress: Progress) -> None:
        super().__init__(config, settings, progress)
        if unknown := [shots for shots in settings.shots if shots not in SHOTS]:
            known = ", ".join(map(str, SHOTS))
            raise UserError(f"task.classification.shots={unknown[0]} has no column.", f"Known: {known}.")

    @staticmethod
    def load(name: str, source: CorpusConfig, settings: ClassificationTask) -> Corpus:
        return labelled.load(name, source, Classification.kind)

    def items(self, corpus: LabelledCorpus) -> Sequence[tuple[str, str]]:
        return list(zip(corpus.queries.ids, corpus.queries.texts, strict=True))

    def judge(self, kept: Kept, corpus: LabelledCorpus) -> Judged:
        settings, protocol = self.settings, corpus.protocol
        per_label = settings.per_label or protocol.per_label or PER_LABEL
        count = settings.draws or protocol.draws or DRAWS
        learned, judged = numbers_of(corpus.document_labels, corpus.query_labels)
        train, test = Labelled(kept.documents, learned), Labelled(kept.queries, judged)

        def from_few(texts: int) -> Classified:
            return by_logistic_regression(train, test, draws(corpus.document_labels, texts, count))

        main = from_few(per_label)
        per_item = {
            "accuracy": main.right,
            "f1_macro": main.f1_per_text,
            "accuracy_knn": by_neighbours(train, test, settings.neighbours).right,
            "accuracy_centroid": by_centre(train, test).right,
            **{
                f"accuracy_shots_{shots}": (main if shots == per_label else from_few(shots)).right
                for shots in settings.shots
            },
        }
        return Judged(per_item, corpus.queries.ids, {f"accuracy_shots_{shots}": NOT_ASKED for shots in SHOTS})
