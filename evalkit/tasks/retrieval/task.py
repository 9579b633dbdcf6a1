"""Retrieval: each query's documents ranked by every retriever of the grid, without and with each stage."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evalkit.config import CorpusConfig, RunConfig, TaskConfig
from evalkit.corpora import Corpus, Texts, load_corpus
from evalkit.corpora.narrowed import NarrowedCorpus
from evalkit.corpora.samples import judged_rows
from evalkit.embeddings.passes import Progress
from evalkit.encoders import Side
from evalkit.errors import say
from evalkit.measures.cost import tariff
from evalkit.measures.depth import check_relevant
from evalkit.measures.quality import Judge, NoJudge, parse_measures
from evalkit.results.provenance import cpu
from evalkit.results.record import CorpusRecord, PointRecord
from evalkit.search.devices import check_device
from evalkit.tasks.few_questions import what_few_can_show
from evalkit.tasks.models import EncodedCorpus, IndexedCorpus
from evalkit.tasks.retrieval.filtering import FilteredCorpus, filtered_corpora
from evalkit.tasks.retrieval.grid import check_grid
from evalkit.tasks.retrieval.lexical import LexicalRetriever
from evalkit.tasks.retrieval.retriever import PointContext, Retriever
from evalkit.tasks.retrieval.sizes import SizedCorpus, distractors_name, sized_corpora, with_too_small
from evalkit.tasks.retrieval.stages import load_stages, with_stages
from evalkit.tasks.retrieval.vectors import retrievers
from evalkit.tasks.task import Data, Model, Read


class Retrieval:
    """Raises UserError for a measure or a stage that can't be."""

    def __init__(self, config: RunConfig, settings: TaskConfig, progress: Progress) -> None:
        check_device(config.search_device)
        self.config = config
        self.measures = parse_measures(config.measures, config.top_k)
        self.stages = load_stages(config, progress)
        self.dims: Sequence[int] = ()
        self.filtered: dict[str, list[FilteredCorpus]] = {}
        self.sized: dict[str, list[SizedCorpus]] = {}
        self.distractors = ""  # the name of their corpus
        self.read_distractors: Read | None = None

    @staticmethod
    def load(name: str, source: CorpusConfig, settings: TaskConfig) -> Corpus:
        return load_corpus(name, source)

    def corpora(self) -> list[Corpus]:
        """Each with its judgments, the one of distractors first: others are enlarged by what was read of it.

        Says which have so few questions that they can't show much.
        """
        loaded = {key: load_corpus(key, source) for key, source in self.config.corpus.items()}
        self.distractors = distractors_name(self.config.distractors, loaded)
        corpora = sorted(loaded.values(), key=lambda corpus: corpus.name != self.distractors)
        for corpus in corpora:
            if self.config.is_dry:
                documents, questions = len(corpus.documents), len(corpus.queries)
                say(f"evalkit: {corpus.name}: {documents:,} documents, {questions:,} judged questions")
            if warning := what_few_can_show(corpus):
                say(f"evalkit: {warning}")
        return corpora

    def check(self, model: Model, data: Sequence[Data]) -> None:
        corpora = [each.corpus for each in data]
        check_relevant(self.measures, [(corpus.name, corpus.qrels) for corpus in corpora], self.config.top_k)
        for stage in self.stages:
            stage.check(self.config.model.name, corpora)
        self.dims = model.dims
        self.filtered = {corpus.name: filtered_corpora(self.config, corpus) for corpus in corpora}
        self.sized = sized_corpora(self.config, data, self.distractors)
        at_sizes = [sized.data for each in data for sized in self.sized[each.corpus.name]]
        check_grid(self.config, self.dims, at_sizes, max((stage.depth for stage in self.stages), default=0))

    def sides(self, data: Data) -> Mapping[Side, Texts]:
        return {"document": data.chunks.texts, "query": data.corpus.queries}

    def record(self, read: Read) -> CorpusRecord:
        described = {stage.label: stage.description() for stage in self.stages}
        record = read.record
        return replace(record, model={**record.model, "stages": described}) if described else record

    def points(self, read: Read, data: Data, progress: Progress) -> Iterator[PointRecord]:
        name = data.corpus.name
        for sized in self.sized[name]:
            judged = len(judged_rows(data.corpus)) if sized.too_small else 0
            for record in self.points_at(sized, sized.read(read, self.read_distractors), progress):
                yield from with_too_small(record, sized, judged)
                yield record
        if name == self.distractors:
            self.read_distractors = read

    def points_at(self, sized: SizedCorpus, read: Read, progress: Progress) -> Iterator[PointRecord]:
        """The points of a corpus at one size."""
        config, corpus = self.config, sized.data.corpus
        prices = tariff(config.pricing, config.workload, config.model.name, read.device, cpu())
        judge = Judge(self.measures, corpus.qrels)
        size, is_ranked = sized.label, sized.is_ranked
        context = PointContext(config, corpus, judge, prices, None, size, sized.distractors, is_ranked)
        filtered = (context.filtered(left, judge_of(self.measures, left.corpus)) for left in self.filtered[corpus.name])
        for retriever in RETRIEVERS[type(read)](self, [context, *filtered], read, progress):
            yield from with_stages(retriever.context, retriever, self.stages)


def judge_of(measures: Mapping[str, Any], corpus: NarrowedCorpus) -> Judge | NoJudge:
    return Judge(measures, corpus.qrels) if corpus.is_judged else NoJudge(measures, corpus.queries.ids)


Contexts = Sequence[PointContext]  # that of all documents, then that of each filter


def of_vectors(task: Retrieval, contexts: Contexts, read: Any, progress: Progress) -> Iterator[Retriever]:
    yield from retrievers(contexts, read, list(task.dims), progress)


def of_words(task: Retrieval, contexts: Contexts, read: Any, progress: Progress) -> Iterator[Retriever]:
    yield from (LexicalRetriever(context, read) for context in contexts)


RETRIEVERS: dict[type, Callable[[Retrieval, Contexts, Any, Progress], Iterator[Retriever]]] = {
    EncodedCorpus: of_vectors,
    IndexedCorpus: of_words,
}
