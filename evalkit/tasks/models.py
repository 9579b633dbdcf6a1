"""What reads the texts of a run: an encoder with its store, or a retriever that needs no vectors."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np

from evalkit.config import HostedModel, ModelConfig, PricingConfig, RunConfig, VectorModel, VectorsModel
from evalkit.config.checks.run import dims_list
from evalkit.corpora import Corpus, Texts
from evalkit.corpora.lint import Finding, finding
from evalkit.embeddings import CorpusEmbeddings, EmbeddingStore, chunks_of, load_executor
from evalkit.embeddings.bill import UnfinishedBill
from evalkit.embeddings.budgets import agree, estimate
from evalkit.embeddings.chunking import WHOLE, whole
from evalkit.embeddings.executors import Executor
from evalkit.embeddings.executors.local import Local
from evalkit.embeddings.executors.recipe import Recipe
from evalkit.embeddings.forecast import FEW_TEXTS, TOLD_SECONDS, passes_to_make, timed, to_encode
from evalkit.embeddings.given import check_given, given_sides
from evalkit.embeddings.passes import Progress, embed_sides, embeddings_of
from evalkit.embeddings.pruning import prune
from evalkit.embeddings.ranks import Ranks
from evalkit.embeddings.record import corpus_facts, corpus_record
from evalkit.embeddings.timing import TimingPlan
from evalkit.encoders import Encoder, Side, load_encoder
from evalkit.encoders.capabilities import behind_api, gives_vectors, reads_images
from evalkit.encoders.refused_texts import PLURAL
from evalkit.errors import StoppedAsAskedError, UserError, say
from evalkit.lexical import Retriever, load_retriever
from evalkit.measures.cost import CPU
from evalkit.measures.memory import PeakMemory
from evalkit.results.model_parts import as_text
from evalkit.results.record import Canary, CorpusRecord
from evalkit.tasks.task import Data, Model

WARM_UP_TEXTS = ("a first text", "and another one")


def load_model(config: RunConfig, model: ModelConfig) -> Model:
    """``model`` under all else of ``config``; its weights are not read yet. Raises UserError for one that can't be.

    Raises StoppedAsAskedError where this process is to help encoding, and ``model`` needs none.
    """
    if config.is_helper and (why := why_no_help(model)):
        raise StoppedAsAskedError(f"rank {config.rank} of {config.world_size}: nothing to do: {model.name} {why}")
    return EncodingModel(config, model) if isinstance(model, VectorModel) else LexicalModel(config)


def why_no_help(model: ModelConfig) -> str:
    """Why ranks other than 0 can't help with ``model``; empty where they can."""
    if isinstance(model, HostedModel):
        return "is behind an API, which rank 0 alone asks"
    return "" if isinstance(model, VectorModel) and not isinstance(model, VectorsModel) else "encodes nothing"


@dataclass(frozen=True)
class EncodedCorpus:
    """A corpus and its vectors by ``encoder``."""

    corpus: Corpus
    encoder: Encoder
    embeddings: CorpusEmbeddings

    @cached_property
    def record(self) -> CorpusRecord:
        return corpus_record(self.encoder, self.corpus, self.embeddings)

    @property
    def device(self) -> str:
        return str(self.embeddings.documents.model["device"])


class EncodingModel:
    """An encoder, and the store in which every text's vector is kept."""

    def __init__(self, config: RunConfig, model: VectorModel) -> None:
        self.config = config
        self.model = with_price(model, config.pricing)
        self.encoder = load_encoder(self.model, config.runtime)
        kept = config.store
        self.store = EmbeddingStore(kept.path, kept.shard_texts, kept.dtype, kept.reuse_texts)
        self.executor = executor_of(config, self.encoder, self.store)
        self.bill: UnfinishedBill | None = None

    @cached_property
    def dims(self) -> list[int]:
        return dims_list(self.config.dims, self.encoder.dims, self.model.name)

    def split(self, corpora: Sequence[Corpus]) -> list[Data]:
        if gives_vectors(self.encoder) and self.config.chunking.kind != WHOLE:
            raise UserError(f"{self.model.name} has vectors of whole documents.", "Leave out chunking.")
        if any(corpus.documents.has_images for corpus in corpora):  # only then is the model loaded to be asked
            refuse_images(corpora, {self.model.name: not reads_images(self.encoder), **chunking_reader(self.config)})
        data = [Data(corpus, chunks_of(corpus.documents, self.encoder, self.config.chunking)) for corpus in corpora]
        if isinstance(self.model, HostedModel) and self.model.native_dims is None:
            self.agree_to_api(data)  # before it is asked how wide its vectors are
        return data

    def agree(self, data: Sequence[Data]) -> None:
        """Say what an API will cost, or how long encoding takes."""
        if given := gives_vectors(self.encoder):
            check_given(given, [each.corpus for each in data])
        if self.bill is None:
            self.agree_to_api(data)
        if not (given or behind_api(self.encoder)):
            self.tell_forecast(data)

    def tell_forecast(self, data: Sequence[Data]) -> None:
        """Say what encoding takes on this machine: in a dry run, and where that is long."""
        name, is_dry = self.model.name, self.config.is_dry
        passes = passes_to_make(self.store, self.encoder, [(each.corpus, each.chunks) for each in data])
        forecast = to_encode(self.store, self.encoder, passes)
        if passes and (is_dry or sum(forecast.counts.values()) > FEW_TEXTS):
            forecast = timed(forecast, self.encoder, passes, 0.0 if is_dry else TOLD_SECONDS)
        if is_dry or (forecast.seconds or 0) > TOLD_SECONDS:
            say(f"evalkit: {name}: {forecast}")

    def agree_to_api(self, data: Sequence[Data]) -> None:
        """Say what an API will cost, before the first request. Raises UserError or StoppedAsAskedError: see budgets."""
        api_calls = behind_api(self.encoder)
        if not (api_calls and isinstance(self.model, HostedModel)):
            return
        api, name = replace(self.model.api, dry_run=self.config.is_dry), self.model.name
        self.bill = UnfinishedBill(self.store, {"kind": self.model.kind, "name": name, "url": self.model.url})
        if api_calls.is_billed:
            api_calls.keep_bill(self.bill.earlier_tokens, self.bill.keep)
        if api_calls.is_billed or api.dry_run or api.tokens_per_minute or api.requests_per_minute:
            corpora = [(each.corpus, each.chunks) for each in data]
            calls, price = self.config.runtime.latency_calls, api.usd_per_million_tokens
            if api.dry_run and self.model.native_dims is not None:  # else its API would be asked for the width
                passes = passes_to_make(self.store, self.encoder, corpora)
                say(f"evalkit: {name}: {to_encode(self.store, self.encoder, passes)}")
            agree(estimate(self.store, self.encoder, corpora, calls, price, self.bill.earlier_tokens), name, api)

    def read(self, data: Data, sides: Mapping[Side, Texts], progress: Progress) -> EncodedCorpus:
        if given := gives_vectors(self.encoder):
            by_side = given_sides(given, data.corpus)
            return EncodedCorpus(data.corpus, self.encoder, embeddings_of(data.corpus, data.chunks, by_side))
        plan = TimingPlan(self.config.runtime.latency_calls, self.config.runtime.timing_seconds)
        try:
            by_side = embed_sides(self.store, self.encoder, self.executor, data.corpus.name, sides, plan, progress)
        finally:
            self.executor.close()
        embeddings = embeddings_of(data.corpus, data.chunks, by_side)
        return EncodedCorpus(data.corpus, self.encoder, embeddings)

    def help(self, data: Data, sides: Mapping[Side, Texts], progress: Progress) -> str:
        assert isinstance(self.executor, Ranks)  # noqa: S101  (load_model lets no other helper be)
        try:
            for side, texts in sides.items():
                advance = progress(f"{PLURAL[side]} of {data.corpus.name}", len(texts))
                self.executor.help(self.encoder, side, texts, advance)
        finally:
            self.executor.close()
        return self.executor.encoded

    def finish(self) -> None:
        if self.bill:
            self.bill.finish()
        if self.config.store.max_gb is not None:
            prune(self.store, max_bytes=int(self.config.store.max_gb * 1e9))


def executor_of(config: RunConfig, encoder: Encoder, store: EmbeddingStore) -> Executor:
    """Who encodes. What is sent to an API is one process's matter, which counts it and keeps to its limits.

    Raises UserError for an encoder that can't be made again where that is needed.
    """
    executor = load_executor(config.executor)
    if behind_api(encoder) or gives_vectors(encoder):
        return Local()
    if not isinstance(executor, Local):
        Recipe.of(encoder, config.executor.kind)
    return executor if config.world_size is None else Ranks(config, executor, store)


def with_price(model: VectorModel, pricing: PricingConfig) -> VectorModel:
    """The model with what its API costs: its own setting, else the list's; null where neither tells."""
    if not isinstance(model, HostedModel):
        return model
    listed = {price.name: price.usd_per_million_tokens for price in pricing.models.values()}
    own = model.api.usd_per_million_tokens
    return replace(model, api=replace(model.api, usd_per_million_tokens=listed.get(model.name) if own is None else own))


@dataclass(frozen=True)
class IndexedCorpus:
    """A corpus whose documents' words are indexed, which took ``build_seconds``."""

    corpus: Corpus
    model: ModelConfig
    retriever: Retriever
    build_seconds: float
    peak_rss_bytes: int | None
    device: str = CPU

    @property
    def record(self) -> CorpusRecord:
        model, corpus = self.model, self.corpus
        facts = {"name": model.name, "kind": model.kind, "revision": self.retriever.revision()}
        return CorpusRecord(
            model={**facts, "licence": model.licence, "options": asdict(model)["options"], "prompts": {}},
            corpus=corpus_facts(corpus),
            findings=(*corpus.findings, *self.unread()),
            embeddings=(),
            canaries=(Canary(corpus.name, "document", (), (), np.empty((0, 0), dtype=np.float16)),),
            queries=tuple(zip(corpus.queries.ids, corpus.queries.texts, strict=True)),
            qrels=corpus.qrels,
        )

    def unread(self) -> Iterator[Finding]:
        """Documents that are not empty and that it can't find."""
        documents = self.corpus.documents
        ids = [documents.ids[row] for row in self.retriever.unread]
        if ids:
            message = f"documents have no word that {self.model.name} reads, so it never finds them"
            yield finding("documents_without_words", ids, len(documents), message)


class LexicalModel:
    """BM25, or the random order: reads documents whole, and keeps no vectors."""

    dims: Sequence[int] = ()

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.model = config.model
        load_retriever(
            self.model, WARM_UP_TEXTS
        )  # raises for its options; and imports are no part of reading documents

    def split(self, corpora: Sequence[Corpus]) -> list[Data]:
        if self.config.chunking.kind != WHOLE:
            raise UserError(f"{self.model.name} reads documents whole, in any length.", "Leave out chunking.")
        refuse_images(corpora, {self.model.name: True})
        return [Data(corpus, whole(corpus.documents)) for corpus in corpora]

    def agree(self, data: Sequence[Data]) -> None:
        """Nothing is asked of anybody."""
        if self.config.is_dry:
            say(f"evalkit: {self.model.name}: nothing to encode, the words of documents are indexed")

    def read(self, data: Data, sides: Mapping[Side, Texts], progress: Progress) -> IndexedCorpus:
        return index_words(data.corpus, self.model)

    def help(self, data: Data, sides: Mapping[Side, Texts], progress: Progress) -> str:
        return "nothing to encode"

    def finish(self) -> None:
        """Nothing is kept."""


def index_words(corpus: Corpus, model: ModelConfig) -> IndexedCorpus:
    """The documents of ``corpus`` indexed by a ``model`` without vectors."""
    load_retriever(model, WARM_UP_TEXTS)
    started = time.perf_counter()
    with PeakMemory() as memory:
        retriever = load_retriever(model, corpus.documents.texts)
    return IndexedCorpus(corpus, model, retriever, time.perf_counter() - started, memory.peak_rss_bytes)


def refuse_images(corpora: Sequence[Corpus], of_texts: Mapping[str, bool]) -> None:
    """Raises UserError where documents are images and one of the readers (name → whether it) reads texts alone."""
    for corpus in corpora:
        if not corpus.documents.has_images:
            continue
        if reader := next((name for name, reads_texts_alone in of_texts.items() if reads_texts_alone), None):
            raise UserError(f"{corpus.name} has images, and {reader} reads texts alone.", "Try model=clip, alone.")


def chunking_reader(config: RunConfig) -> dict[str, bool]:
    return {f"chunking={config.chunking.kind}": config.chunking.kind != WHOLE}


def options_text(model: ModelConfig) -> str:
    """``b=0.75, k1=1.5, language=en``: the options that a kind of model has beside its weights; empty for none."""
    return as_text(asdict(model).get("options"))
