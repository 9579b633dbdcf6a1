"""Tasks that compare vectors and search none: each is judged item by item on vectors as they would be kept.

A task of this kind says what its corpora are and judges ``Kept`` vectors; every dims × quantization comes from the one
stored pass, by the codecs that indexes use.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, ClassVar

import numpy as np

from evalkit.arrays import FloatMatrix, Floats
from evalkit.config import CorpusConfig, QuantizationConfig, RunConfig, TaskConfig, VectorModel
from evalkit.corpora import Corpus, Texts
from evalkit.embeddings.figures import encoding_cores, encoding_memory, encoding_speed, tokens_per_text, why_untimed
from evalkit.embeddings.passes import Progress
from evalkit.embeddings.record import revision
from evalkit.encoders import Side
from evalkit.errors import UserError, say
from evalkit.measures.cost import Tariff, tariff
from evalkit.measures.latency import percentiles_ms
from evalkit.measures.ranking import Ranking
from evalkit.measures.thresholds import Decisions
from evalkit.results.columns import why_null
from evalkit.results.provenance import cpu
from evalkit.results.record import CorpusRecord, Point, PointRecord
from evalkit.results.setting import Setting
from evalkit.results.task_measures import DECISIONS, ITEMS, TASK_MEASURES
from evalkit.tasks.models import EncodedCorpus, options_text
from evalkit.tasks.task import Data, Model, Read
from evalkit.vectors.codec import check_decodable, trained_codec
from evalkit.vectors.cut import cut
from evalkit.vectors.matrix import Vectors


@dataclass(frozen=True)
class Kept:
    """The vectors of both sides of a corpus (rows × dims, float32) as one quantization gives them back at one width."""

    documents: FloatMatrix
    queries: FloatMatrix


@dataclass(frozen=True)
class Judged:
    """What a task says of ``Kept`` vectors.

    ``per_item`` has for each measure a value of each of ``item_ids`` (n, float64), whose mean is the measure's figure.
    ``reasons`` say why measures and figures are null. ``figures`` are columns beside the measures, ``decisions`` what a
    threshold decides about each item, in the same order; null without a threshold. ``clusters`` names per item the
    group of items that depend on each other, null where none do. ``notes`` are a point's.
    """

    per_item: Mapping[str, Floats]
    item_ids: Sequence[str]
    reasons: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, float | None] = field(default_factory=dict)
    decisions: Decisions | None = None
    clusters: Sequence[str] | None = None
    notes: Mapping[str, str] = field(default_factory=dict)


class ItemTask(ABC):
    """What all of these tasks share. A kind of its own says its ``kind``, ``load``, ``items`` and ``judge``."""

    kind: ClassVar[str]

    def __init__(self, config: RunConfig, settings: TaskConfig, progress: Progress) -> None:
        if not isinstance(config.model, VectorModel):
            raise UserError(f"task={self.kind} compares vectors, and {config.model.name} has none.")
        self.config = config
        self.settings: Any = settings
        self.model: VectorModel = config.model
        self.dims: Sequence[int] = ()

    @staticmethod
    @abstractmethod
    def load(name: str, source: CorpusConfig, settings: Any) -> Corpus:
        """What conf/corpus calls ``name``, as a task with ``settings`` needs it. Raises UserError for what is wrong."""

    @abstractmethod
    def items(self, corpus: Any) -> Sequence[tuple[str, str]]:
        """(id, text) of what is judged."""

    @abstractmethod
    def judge(self, kept: Kept, corpus: Any) -> Judged:
        """All measures of one width and quantization."""

    def corpora(self) -> list[Corpus]:
        corpora = [self.load(name, source, self.settings) for name, source in self.config.corpus.items()]
        if self.config.is_dry:
            for corpus in corpora:
                say(f"evalkit: {corpus.name}: {len(self.items(corpus)):,} {ITEMS[self.kind]} for task={self.kind}")
        return corpora

    def check(self, model: Model, data: Sequence[Data]) -> None:
        for group, is_set in (("stages", bool(self.config.stages)), ("filter", self.config.filter.is_set)):
            if is_set:
                raise UserError(f"task={self.kind} searches nothing, so {group} can't be used.", f"Leave out {group}.")
        if any(each.chunks.document is not None for each in data):
            raise UserError(f"task={self.kind} has a vector for each text.", "Leave out chunking.")
        self.dims = model.dims
        for width, each, (name, quantization) in product(self.dims, data, self.config.quantization.items()):
            try:
                check_decodable(width, len(each.chunks.texts), quantization)
            except UserError as error:
                cell = f"quantization={name} dims={width} on {each.corpus.name}"
                raise UserError(f"{cell}: {error.problem}", error.hint) from None

    def sides(self, data: Data) -> Mapping[Side, Texts]:
        return {"document": data.chunks.texts, "query": data.corpus.queries}

    def record(self, read: Read) -> CorpusRecord:
        """What is judged takes the place of queries, and prompts are the model's own, whichever the task chose."""
        assert isinstance(read, EncodedCorpus)  # noqa: S101
        record, items = read.record, tuple(self.items(read.corpus))
        prompts = {name: text for name, text in vars(self.model.prompts).items() if text is not None}
        corpus = {**record.corpus, "queries": len(items)}
        return replace(record, model={**record.model, "prompts": prompts}, corpus=corpus, queries=items, qrels={})

    def points(self, read: Read, data: Data, progress: Progress) -> Iterator[PointRecord]:
        assert isinstance(read, EncodedCorpus)  # noqa: S101
        config, quantizations = self.config, self.config.quantization
        prices = tariff(config.pricing, config.workload, self.model.name, read.device, cpu())
        advance = progress(f"{self.kind} of {data.corpus.name}", len(self.dims) * len(quantizations))
        for width, (name, quantization) in product(self.dims, quantizations.items()):
            kept, bytes_per_vector = self.kept(read, width, quantization)
            judged = self.judge(kept, data.corpus)
            yield self.point(read, self.setting(read, width, name), judged, bytes_per_vector, prices)
            advance(1)

    def kept(self, read: EncodedCorpus, width: int, quantization: QuantizationConfig) -> tuple[Kept, float | None]:
        """Both sides as ``quantization`` gives them back; what it learns, it learns from documents alone."""
        documents, queries = read.embeddings.documents.vectors, read.embeddings.queries.vectors
        codec = trained_codec(Vectors(documents, width), quantization)
        of_sides = [codec.decode(codec.encode(cut(side, width))) for side in (documents, queries) if len(side)]
        kept = [*of_sides, np.empty((0, width), dtype=np.float32)]
        return Kept(kept[0], kept[1]), codec.bytes_per_vector

    def setting(self, read: EncodedCorpus, width: int, quantization: str) -> Setting:
        return Setting(
            task=self.kind,
            model=self.model.name,
            revision=revision(read.encoder),
            model_options=options_text(self.model),
            corpus=read.corpus.name,
            corpus_fingerprint=read.corpus.fingerprint,
            chunking=read.embeddings.chunks.name,
            dims=width,
            quantization=quantization,
            engine="",
            index="",
            operating_point="",
            stages="",
            top_k=self.config.top_k,
            serve_k=self.config.served,
        )

    def point(
        self, read: EncodedCorpus, setting: Setting, judged: Judged, bytes_per_vector: float | None, prices: Tariff
    ) -> PointRecord:
        decisions, items = judged.decisions, len(judged.item_ids)
        means = {name: float(values.mean()) for name, values in judged.per_item.items()}
        figures: dict[str, Any] = {
            **dict.fromkeys(TASK_MEASURES[self.kind]),
            **means,
            **judged.figures,
            **(decisions.figures if decisions else {}),
            **encoding(read),
            "bytes_per_vector": bytes_per_vector,
        }
        reasons = {**why_untimed(read.embeddings), **judged.reasons}
        encoder = read.encoder
        point = Point(
            setting=setting,
            dims_trained=setting.dims in (encoder.dims, *encoder.config.matryoshka_dims),
            metric="",
            candidates=None,
            queries=items,
            priced_as=prices.priced_as,
            figures=figures,
            unmeasured=why_null(figures, reasons),
            notes=judged.notes,
        )
        return PointRecord(
            point=point,
            query_ids=tuple(judged.item_ids),
            per_query={**judged.per_item, **(of_decisions(decisions) if decisions else {})},
            first_relevant_rank=np.zeros(items, dtype=np.int64),
            latencies_ms={"search_ms": np.empty(0), "encode_query_ms": np.empty(0)},
            ranking=Ranking(np.empty((items, 0), dtype=np.int64), np.empty((items, 0), dtype=np.float32)),
            document_ids=(),
            clusters=None if judged.clusters is None else tuple(judged.clusters),
        )


def of_decisions(decisions: Decisions) -> dict[str, Floats]:
    """Columns of queries.parquet, by which a gate tells what another threshold would do."""
    return dict(zip(DECISIONS, (decisions.scores, decisions.is_right.astype(np.float64)), strict=True))


def encoding(read: EncodedCorpus) -> dict[str, Any]:
    """What encoding took, as columns of a point."""
    embeddings = read.embeddings
    latencies = embeddings.queries.latency_ms
    return {
        **encoding_speed(embeddings),
        **encoding_memory(embeddings.documents),
        **tokens_per_text(embeddings),
        "encode_cores": encoding_cores(embeddings),
        **(percentiles_ms("encode_query", latencies) if len(latencies) else {}),
    }
