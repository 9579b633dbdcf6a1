"""The last stage of a point: its first documents read together with the query, and put in a better order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Rows, Scores
from evalkit.config import RerankerConfig, RunConfig, RuntimeConfig
from evalkit.embeddings import EmbeddingStore
from evalkit.embeddings.passes import Progress
from evalkit.embeddings.timing import Conditions
from evalkit.errors import UserError, did_you_mean
from evalkit.measures.latency import percentiles_ms
from evalkit.measures.laws import BATCH, added, constant, read
from evalkit.measures.load import FIGURES as LOAD
from evalkit.measures.memory import PeakMemory
from evalkit.measures.ranking import Ranking, behind, order, tie_order
from evalkit.rerankers.cross_encoder import CrossEncoder
from evalkit.rerankers.scores import ScoreStore
from evalkit.results.record import CorpusRecord, Measured
from evalkit.tasks.retrieval.scoring import NO_OVERLAP, NO_OVERLAP_AT_SIZE, Contest, derived

Milliseconds = npt.NDArray[np.float64]

KINDS = {"cross_encoder": CrossEncoder}
REASONS = {
    **dict.fromkeys((*NO_OVERLAP, *NO_OVERLAP_AT_SIZE), "re-ordered rankings are no search of vectors"),
    **dict.fromkeys(LOAD, "clients at once are measured for vectors alone"),
    "search_cores": "searching and re-ordering keep different numbers of cores busy",
    "search_peak_rss_bytes": "every score of the reranker was there from an earlier run",
}


class Reranking:
    """A reranker with the scores that it gave before."""

    def __init__(self, config: RerankerConfig, runtime: RuntimeConfig, store: Path, progress: Progress) -> None:
        self.config = config
        self.latency_calls = runtime.latency_calls
        self.reranker = KINDS[str(config.kind)](config, runtime)
        conditions = Conditions.of(self.reranker.timing_settings())
        self.scores = ScoreStore(store, self.reranker.identity(), conditions.key)
        self.progress = progress
        self.calls = 0

    @property
    def name(self) -> str:
        """What it adds to the index of a point: ``ms-marco-MiniLM-L6-v2(depth=50)``."""
        return f"{self.config.name.rpartition('/')[2]}(depth={self.config.depth})"

    def noted(self, record: CorpusRecord) -> CorpusRecord:
        """``record`` with what the reranker is."""
        return replace(record, model={**record.model, "reranker": dict(self.reranker.identity())})

    def apply(self, contest: Contest, found: Measured) -> Measured:
        """The point of ``found`` with its first documents re-ordered: what that gains and what it takes."""
        corpus, calls_before = contest.corpus, self.calls
        rows = found.ranking.rows[:, : self.config.depth]
        pairs = Pairs(corpus.fingerprint, corpus.queries.texts, corpus.documents.texts, rows)
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)
        advance = self.progress(f"{corpus.name} reranking", len(rows))
        truncated = 0
        with PeakMemory() as memory:
            for query in range(len(rows)):
                made = self.pair_scores(pairs.corpus, *pairs.of(query))
                scores[query][rows[query] >= 0] = [score for score, _ in made]
                truncated += sum(was_cut for _, was_cut in made)
                advance(1)
            calls_ms = self.timed_calls(pairs)
        peaks = (found.point.figures["search_peak_rss_bytes"], memory.peak_rss_bytes)
        known_peaks = [] if self.calls == calls_before else [peak for peak in peaks if peak is not None]
        figures = {
            **dict.fromkeys(LOAD),
            **percentiles_ms("rerank", calls_ms),
            "search_cores": None,
            "rerank_truncated": truncated / max(1, int((rows >= 0).sum())),
            "search_peak_rss_bytes": max(known_peaks, default=None),
            "search_queries_per_second": with_calls(found.point.figures["search_queries_per_second"], calls_ms),
        }
        search_ms = found.latencies_ms["search_ms"]
        latencies_ms = {**found.latencies_ms, "search_ms": search_ms + np.resize(calls_ms, len(search_ms))}
        whole = Ranking(found.ranking.rows, found.ranking.scores)
        ranking = reordered(whole, scores, tie_order(corpus.documents.ids))
        of_calls = percentiles_ms("search", calls_ms)
        laws = added(read(found.point.laws), constant({**of_calls, BATCH: float(calls_ms.mean())}))
        return derived(contest, found, self.name, "cross_encoder", ranking, figures, latencies_ms, laws, REASONS)

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

    def timed_calls(self, pairs: "Pairs") -> Milliseconds:
        """Of calls that scored as many documents as the longest ranking has, at least ``latency_calls``.

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


def with_calls(queries_per_second: float | None, calls_ms: Milliseconds) -> float | None:
    return None if queries_per_second is None else float(1 / (1 / queries_per_second + calls_ms.mean() / 1000))


def reordered(ranking: Ranking, scores: Scores, place: Rows) -> Ranking:
    """The first documents by their new ``scores``; those behind keep their order (see ``ranking.behind``)."""
    first = order(ranking.rows[:, : scores.shape[1]], scores, place)
    return behind(first, ranking)


def load_reranking(config: RunConfig, progress: Progress) -> Reranking | None:
    """What re-orders the rankings of a run; null where nothing does. Raises UserError for a reranker that can't be."""
    reranker = config.reranker
    if reranker.kind is None:
        return None
    if reranker.kind not in KINDS:
        raise UserError(f"reranker.kind={reranker.kind} is unknown.", did_you_mean(str(reranker.kind), KINDS))
    if not reranker.name:
        raise UserError("reranker.path is not set.", "Give it on the command line: reranker.path=<path>.")
    return Reranking(reranker, config.runtime, EmbeddingStore(config.store.path).path, progress)
