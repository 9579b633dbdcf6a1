"""The first documents of a ranking read together with the query, and put in a better order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.arrays import Floats, Rows, Scores
from evalkit.config import RerankerConfig, RunConfig
from evalkit.corpora import Corpus
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.passes import Progress
from evalkit.embeddings.timing import Conditions
from evalkit.errors import UserError
from evalkit.measures.latency import percentiles_ms, steady_mean
from evalkit.measures.laws import BATCH, added, constant, read
from evalkit.measures.memory import PeakMemory
from evalkit.measures.ranking import Ranking, behind, order
from evalkit.rerankers.registry import load_reranker
from evalkit.rerankers.scores import ScoreStore
from evalkit.results.columns import LOAD, OVERLAPS
from evalkit.results.record import PointRecord
from evalkit.tasks.models import refuse_images
from evalkit.tasks.retrieval.points import StageResult, with_stage
from evalkit.tasks.retrieval.retriever import PointContext

REASONS = {
    **dict.fromkeys(OVERLAPS, "re-ordered rankings are no search of vectors"),
    **dict.fromkeys(LOAD, "clients at once are measured for a search alone"),
    "search_cores": "searching and re-ordering keep different numbers of cores busy",
    "search_peak_rss_bytes": "every score of the reranker was there from an earlier run",
}


class Reranking:
    """A reranker with the scores that it gave before."""

    def __init__(self, name: str, stage: RerankerConfig, config: RunConfig, progress: Progress) -> None:
        """Raises UserError for a reranker that can't be."""
        if not stage.name:
            raise UserError(f"stages.{name}.path is not set.", f"Give a folder: stages.{name}.path=<path>.")
        self.label, self.depth = f"{name}(depth={stage.depth})", stage.depth
        self.latency_calls = config.runtime.latency_calls
        self.reranker = load_reranker(stage, config.runtime, f"stages.{name}")
        conditions = Conditions.of(self.reranker.timing_settings())
        self.scores = ScoreStore(EmbeddingStore(config.store.path).path, self.reranker.identity(), conditions.key)
        self.progress = progress
        self.calls = 0

    def check(self, model: str, corpora: Sequence[Corpus]) -> None:
        refuse_images(corpora, {f"stages={self.label.partition('(')[0]}": True})

    def description(self) -> dict[str, Any]:
        return dict(self.reranker.identity())

    def apply(self, context: PointContext, record: PointRecord) -> PointRecord:
        """The point of ``record`` with its first documents re-ordered: what that gains and what it takes."""
        corpus, point, calls_before = context.corpus, record.point, self.calls
        rows = record.ranking.rows[:, : self.depth]
        pairs = Pairs(corpus.fingerprint, corpus.queries.texts, corpus.documents.texts, rows)
        with PeakMemory() as memory:
            scores, truncated = self.scored(pairs, corpus.name)
            calls_ms = self.timed_calls(pairs)
        peaks = (point.figures["search_peak_rss_bytes"], memory.peak_rss_bytes)
        known_peaks = [] if self.calls == calls_before else [peak for peak in peaks if peak is not None]
        search_ms = record.latencies_ms["search_ms"]
        constants = {**percentiles_ms("search", calls_ms), BATCH: steady_mean(calls_ms)}
        result = StageResult(
            name=self.label,
            metric="cross_encoder",
            ranking=reordered(Ranking(record.ranking.rows, record.ranking.scores), scores, context.place),
            figures={"search_queries_per_second": 1000 / max(steady_mean(calls_ms), 1e-9)},
            instead={
                **dict.fromkeys(LOAD),
                **percentiles_ms("rerank", calls_ms),
                "search_cores": None,
                "rerank_truncated": truncated / max(1, int((rows >= 0).sum())),
                "search_peak_rss_bytes": max(known_peaks, default=None),
            },
            latencies_ms={**record.latencies_ms, "search_ms": search_ms + np.resize(calls_ms, len(search_ms))},
            laws=added(read(point.laws), constant(constants)),
            reasons=REASONS,
        )
        return with_stage(context, record, result)

    def scored(self, pairs: "Pairs", corpus: str) -> tuple[Scores, int]:
        """A score per pair (queries × documents, float32; -inf for none), and how many pairs were cut."""
        scores = np.full(pairs.rows.shape, -np.inf, dtype=np.float32)
        advance = self.progress(f"queries of {corpus}, reranked", len(scores))
        truncated = 0
        for query in range(len(scores)):
            made = self.pair_scores(pairs.corpus, *pairs.of(query))
            scores[query][pairs.rows[query] >= 0] = [score for score, _ in made]
            truncated += sum(was_cut for _, was_cut in made)
            advance(1)
        return scores, truncated

    def pair_scores(self, corpus: str, query: str, documents: Sequence[str]) -> list[tuple[float, bool]]:
        """(score, truncated) of ``query`` with each of ``documents``; what is not known yet is scored in one call."""
        known = self.scores.known(query, documents)
        if missing := [text for position, text in enumerate(documents) if position not in known]:
            self.call(corpus, query, missing)
            known = self.scores.known(query, documents)
        return [known[position] for position in range(len(documents))]

    def call(self, corpus: str, query: str, documents: Sequence[str]) -> None:
        if not self.calls:
            self.reranker.score("a first query", ["a document", "and another one"])
        self.calls += 1
        self.scores.keep(corpus, query, documents, self.reranker.score(query, documents))

    def timed_calls(self, pairs: "Pairs") -> Floats:
        """Milliseconds of calls that scored as many documents as the longest ranking has, at least ``latency_calls``.

        Those of earlier runs count where machine and threads were the same; where too few, pairs are scored once more.
        """
        counts = (pairs.rows >= 0).sum(axis=1)
        depth = int(counts.max())
        if not depth:
            return np.zeros(1)
        longest = np.flatnonzero(counts == depth)
        for call in range(len(self.scores.calls_ms(pairs.corpus, depth)), self.latency_calls):
            self.call(pairs.corpus, *pairs.of(int(longest[call % len(longest)])))
        return self.scores.calls_ms(pairs.corpus, depth)


@dataclass(frozen=True)
class Pairs:
    """What is to be read together: per query the ``rows`` of its documents, -1 for none. Texts are read when asked.

    ``corpus`` is its fingerprint: texts of another are of other lengths, and take another time.
    """

    corpus: str
    queries: Sequence[str]
    documents: Sequence[str]
    rows: Rows

    def of(self, query: int) -> tuple[str, list[str]]:
        return self.queries[query], [self.documents[row] for row in self.rows[query].tolist() if row >= 0]


def reordered(ranking: Ranking, scores: Scores, place: Rows) -> Ranking:
    """The first documents by their new ``scores``; those behind keep their order (see ``ranking.behind``)."""
    first = order(ranking.rows[:, : scores.shape[1]], scores, place)
    return behind(first, ranking)
