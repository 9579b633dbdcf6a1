"""Reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): what several rankings put first comes first."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evalkit.arrays import Rows
from evalkit.config import FusionConfig, RunConfig
from evalkit.config.schema.kinds import model_config
from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.passes import Progress
from evalkit.errors import UserError
from evalkit.lexical import KINDS, load_retriever
from evalkit.measures.laws import added
from evalkit.measures.laws import read as read_laws
from evalkit.measures.ranking import Ranking, order
from evalkit.results.columns import LOAD, OVERLAPS
from evalkit.results.record import PointRecord
from evalkit.tasks.models import WARM_UP_TEXTS, IndexedCorpus, index_words, options_text, refuse_images
from evalkit.tasks.retrieval.lexical import LexicalRetriever
from evalkit.tasks.retrieval.measuring import measure
from evalkit.tasks.retrieval.points import StageResult, with_stage
from evalkit.tasks.retrieval.retriever import PointContext

REASONS = {
    **dict.fromkeys(OVERLAPS, "fused rankings are no search of vectors"),
    **dict.fromkeys(LOAD, "clients at once are measured for a search alone"),
}


class Fusion:
    """A ranking fused with that of a model without vectors: their bytes and times add up."""

    def __init__(self, name: str, stage: FusionConfig, config: RunConfig, progress: Progress) -> None:
        """Raises UserError for a model that there is none of, or that lacks its package."""
        given = dict(stage.model or {})
        if given.get("kind") not in KINDS:
            known = ", ".join(KINDS)
            raise UserError(f"stages.{name}.model.kind={given.get('kind')} can't be fused with.", f"Known: {known}.")
        self.label, self.depth, self.constant = name, config.top_k, stage.constant
        self.model = model_config(given, f"stages.{name}.model")
        load_retriever(self.model, WARM_UP_TEXTS)
        self.indexed: tuple[Texts, IndexedCorpus] | None = None
        self.lexical: dict[str, PointRecord] = {}  # by the name of the filter, of the corpus that is indexed

    def check(self, model: str, corpora: Sequence[Corpus]) -> None:
        if model == self.model.name:
            raise UserError(f"stages={self.label} fuses {model} with itself.", f"Leave out {self.label}.")
        refuse_images(corpora, {f"stages={self.label}": True})

    def description(self) -> dict[str, Any]:
        options = options_text(self.model)
        return {"kind": "fusion", "model": self.model.name, "options": options, "constant": self.constant}

    def apply(self, context: PointContext, record: PointRecord) -> PointRecord:
        lexical = self.lexical_point(context)
        rankings = [Ranking(point.ranking.rows, point.ranking.scores) for point in (record, lexical)]
        result = StageResult(
            name=self.label,
            metric="reciprocal_rank",
            ranking=fuse(rankings, context.place, context.config.top_k, self.constant),
            figures=lexical.point.figures,
            instead=of_both(record.point.figures, lexical.point.figures),
            latencies_ms={
                name: calls if not len(calls) else calls + np.resize(lexical.latencies_ms[name], len(calls))
                for name, calls in record.latencies_ms.items()
            },
            laws=added(read_laws(record.point.laws), read_laws(lexical.point.laws)),
            reasons={**lexical.point.unmeasured, **record.point.unmeasured, **REASONS},
        )
        return with_stage(context, record, result)

    def lexical_point(self, context: PointContext) -> PointRecord:
        """The point of the model without vectors on the corpus of ``context`` by its filter, measured once."""
        corpus = context.corpus
        if self.indexed is None or self.indexed[0] is not corpus.documents:
            self.indexed, self.lexical = (corpus.documents, index_words(corpus, self.model)), {}
        key = "" if context.filter is None else context.filter.name
        if key not in self.lexical:
            retriever = LexicalRetriever(context, self.indexed[1])
            self.lexical[key] = measure(context, retriever, context.config.top_k)
        return self.lexical[key]


def of_both(search: Mapping[str, Any], lexical: Mapping[str, Any]) -> dict[str, Any]:
    """Figures that are neither a sum nor a rate of both: bytes by vector, tokens by second, clients at once."""
    figures: dict[str, Any] = dict.fromkeys(LOAD)
    bytes_per_document = search["bytes_per_document"]
    if bytes_per_document is not None:
        together = bytes_per_document + lexical["bytes_per_document"]
        figures["bytes_per_vector"] = together / search["chunks_per_document"]
    if search["tokens_per_second"] is not None and search["documents_per_second"] is not None:
        documents_per_second = 1 / (1 / search["documents_per_second"] + 1 / lexical["documents_per_second"])
        figures["tokens_per_second"] = documents_per_second * search["tokens_per_document"]
    return figures


def fuse(rankings: Sequence[Ranking], place: Rows, k: int, constant: int) -> Ranking:
    """The best ``k`` rows per query by the sum of 1 / (constant + rank) over ``rankings``; equal ones by ``place``."""
    rows = np.concatenate([ranking.rows for ranking in rankings], axis=1)
    ranks = [np.arange(1, ranking.rows.shape[1] + 1) for ranking in rankings]
    gains = np.concatenate([1.0 / (constant + rank) for rank in ranks])
    fused_rows = np.full((len(rows), k), -1, dtype=np.int64)
    fused_scores = np.full((len(rows), k), -np.inf, dtype=np.float32)
    for query in range(len(rows)):
        is_found = rows[query] >= 0
        unique, inverse = np.unique(rows[query][is_found], return_inverse=True)
        sums = np.bincount(inverse, weights=gains[is_found], minlength=len(unique)).astype(np.float32)
        best = order(unique[None], sums[None], place).first(k)
        fused_rows[query, : best.rows.shape[1]] = best.rows[0]
        fused_scores[query, : best.rows.shape[1]] = best.scores[0]
    return Ranking(fused_rows, fused_scores)
