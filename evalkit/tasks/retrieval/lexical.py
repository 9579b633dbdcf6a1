"""A corpus whose words are indexed as a retriever: the line that vectors have to beat, and what they are fused with."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

import numpy as np

from evalkit.arrays import Floats, Scores
from evalkit.corpora import Corpus
from evalkit.corpora.samples import SampledCorpus
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.chunking import WHOLE
from evalkit.lexical.retriever import best
from evalkit.measures.latency import time_calls_ms
from evalkit.measures.laws import Laws, why_not_at_workload
from evalkit.measures.ranking import QUERIES_AT_ONCE, Ranking, by_block, without
from evalkit.results.columns import OVERLAPS
from evalkit.results.setting import NO_QUANTIZATION
from evalkit.scaling.at_size import TIMED
from evalkit.scaling.cache_size import last_level_cache
from evalkit.scaling.kept import NOT_ASKED, AtSize, belongs_to, kept
from evalkit.scaling.lexical import growing
from evalkit.scaling.lexical import measure as measure_at_size
from evalkit.system.busy import Figures, worst
from evalkit.tasks.models import IndexedCorpus, options_text
from evalkit.tasks.retrieval.retriever import Evidence, PointContext

REASONS = {
    **dict.fromkeys(OVERLAPS, "there are no vectors"),
    **dict.fromkeys(("tokens_per_second", "tokens_per_document", "tokens_per_query"), "it reads no text"),
    "search_ms_first": "there is no index to open",
    "peak_gpu_bytes": "it does not run on a CUDA device",
}


class LexicalRetriever:
    """Documents ranked by their words. What it finds does not depend on how many results are asked for."""

    dims_trained = True
    can_be_timed = True
    is_in_process = True

    def __init__(self, context: PointContext, read: IndexedCorpus) -> None:
        self.context = context
        self.indexed = read
        self.retriever = read.retriever
        self.texts = list(context.corpus.queries.texts)
        model = read.model
        self.setting = context.setting(
            model=model.name,
            revision=self.retriever.revision(),
            model_options=options_text(model),
            chunking=WHOLE,
            dims=None,
            quantization=NO_QUANTIZATION,
            engine=self.retriever.engine_name,
            index=model.kind,
            operating_point="",
        )
        self.metric = model.kind
        self.passes = np.ones(len(context.corpus.documents), dtype=bool)
        if context.keep is not None:
            self.passes[:] = False
            self.passes[context.keep.passing] = True
        self.at_size: dict[int, AtSize] = {}

    @cached_property
    def read_queries(self) -> list[Any]:
        return [self.retriever.read(text) for text in self.texts]

    @cached_property
    def timed_ranking(self) -> tuple[Ranking, float]:
        """The ranking of every query, and the milliseconds that searching alone took."""
        top_k, place, excluded = self.context.config.top_k, self.context.place, self.context.excluded
        read, seconds = self.read_queries, 0.0

        def rank(block: slice) -> Ranking:
            nonlocal seconds
            started = time.perf_counter()
            found = [best(self.scores(query), top_k + 1, place) for query in read[block]]
            seconds += time.perf_counter() - started
            rows, scores = (np.concatenate([getattr(each, name) for each in found]) for name in ("rows", "scores"))
            return without(Ranking(rows, scores), excluded[block], top_k)

        return by_block(len(read), QUERIES_AT_ONCE, rank), seconds * 1000

    def scores(self, query: Any) -> Scores:
        """One per document; 0, as where nothing matches, for those that don't pass the context's filter."""
        scores = self.retriever.scores(query)
        return scores if self.context.keep is None else np.where(self.passes, scores, np.float32(0))

    def candidates(self, asked: int) -> None:
        return None

    def rank(self, asked: int) -> Ranking:
        return self.timed_ranking[0]

    def find(self, query: int, asked: int) -> object:
        return best(self.scores(self.read_queries[query]), asked, self.context.place)

    def find_all_ms(self, asked: int) -> float:
        return self.timed_ranking[1]

    def client(self) -> AbstractContextManager[None]:
        """It works in the client's thread anyway."""
        return nullcontext()

    def encode_ms(self, calls: int) -> Floats:
        texts = self.texts
        return time_calls_ms(lambda call: self.retriever.read(texts[call % len(texts)]), calls)

    def figures(self) -> Mapping[str, Any]:
        retriever, seconds = self.retriever, self.indexed.build_seconds
        counts = [retriever.query_tokens(text) for text in self.texts]
        tokens, documents = retriever.tokens or None, len(self.context.corpus.documents)
        return {
            "bytes_per_vector": retriever.bytes_per_document,
            "chunks_per_document": 1.0,
            "bytes_per_document": retriever.bytes_per_document,
            "index_bytes": retriever.index_bytes,
            "build_seconds": seconds,
            "search_ms_first": None,
            "training_vectors": 0,
            "documents_per_second": documents / seconds,
            "tokens_per_second": None if tokens is None else tokens / seconds,
            "peak_rss_bytes": self.indexed.peak_rss_bytes,
            "peak_gpu_bytes": None,
            "tokens_per_document": None if tokens is None else tokens / documents,
            "tokens_per_query": None if None in counts else float(np.mean([count or 0 for count in counts])),
            "encode_cores": 1,
        }

    def overlap(self, ranking: Ranking) -> Mapping[str, Floats | None]:
        return {}

    def laws(self, figures: Mapping[str, Any], asked: int) -> Laws:
        if self.context.unmodelled:
            return {}
        laws = {**self.at_workload(asked).laws, **growing(self.retriever, self.indexed.build_seconds)}
        return {name: [law] for name, law in laws.items()}

    def evidence(self) -> Evidence:
        revision = self.retriever.revision()
        at_sizes = [unmodelled] if (unmodelled := self.context.unmodelled) else list(self.at_size.values())
        why = why_not_at_workload({name: why for each in at_sizes for name, why in each.why.items()})
        return Evidence(revision, {"engine": revision}, {**REASONS, **why})

    def load(self) -> Figures:
        return worst(at_size.load for at_size in self.at_size.values())

    def at_workload(self, asked: int) -> AtSize:
        """The laws of searching for ``asked`` that the store has of this retriever and corpus, else measured now."""
        config, corpus = self.context.config, self.context.corpus
        if not config.at_workload_seconds:
            self.at_size[asked] = AtSize(why=dict.fromkeys(TIMED, NOT_ASKED))
        if asked not in self.at_size:
            key = {**belongs_to(config), **identity(self.retriever.revision(), corpus, asked)}
            seconds, cache_bytes = config.at_workload_seconds, last_level_cache()

            def new() -> list[AtSize]:
                return [measure_at_size(self.retriever, self.texts, asked, seconds, cache_bytes)]

            self.at_size[asked] = kept(EmbeddingStore(config.store.path).path, key, 1, new)[0]
        return self.at_size[asked]


def identity(revision: str, corpus: Corpus, asked: int) -> dict[str, Any]:
    """What tells kept laws apart: the retriever, the depth, and the documents, of a sample also which it has."""
    known = {"lexical": revision, "corpus": corpus.fingerprint, "depth": asked}
    if not isinstance(corpus, SampledCorpus):
        return known
    return {**known, "size": len(corpus.documents), "sample": corpus.digest}
