"""One point from one ranking: judged, priced, and with what lies behind its means."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from evalkit.config import RunConfig
from evalkit.corpora import Corpus
from evalkit.embeddings.why_null import unmeasured
from evalkit.measures.cost import Tariff, costs, why_no_cost
from evalkit.measures.latency import percentiles_ms
from evalkit.measures.laws import Laws, as_json, at_workload
from evalkit.measures.quality import Judge
from evalkit.measures.ranking import Ranking
from evalkit.results.record import Measured, Point

NO_OVERLAP = {"overlap@10": None, "overlap@100": None}
NO_OVERLAP_AT_SIZE = {"overlap@10_at_size": None, "overlap_size": None}


@dataclass(frozen=True)
class Contest:
    """A corpus with its judge, and what things cost: the same for every point of a model."""

    config: RunConfig
    corpus: Corpus
    judge: Judge
    prices: Tariff

    @property
    def excluded(self) -> Any:
        """Per query, the row of the document that is the query itself; -1 for none (int64)."""
        row, queries = self.corpus.documents.row, self.corpus.queries.ids
        return np.array([row.get(self.corpus.excluded.get(query, ""), -1) for query in queries])


def measured(
    contest: Contest,
    setting: Mapping[str, Any],
    ranking: Ranking,
    overlap: Mapping[str, Any],
    figures: Mapping[str, Any],
    latencies_ms: Mapping[str, Any],
    laws: Laws,
    reasons: Mapping[str, str],
) -> Measured:
    """The point that ``setting`` names by model, revision, dims, dims_trained, quantization, index, candidates, metric
    and chunking.

    ``overlap`` has one value per query, or null, for each column; ``laws`` say what its figures are at the workload's
    size; ``reasons`` why figures of this kind of model are null.
    """
    corpus, config = contest.corpus, contest.config
    found = rankings_by_id(ranking, corpus)
    quality = contest.judge.score(found)
    every = {
        **quality.mean,
        **{name: None if each is None else float(each.mean()) for name, each in overlap.items()},
        **NO_OVERLAP_AT_SIZE,
        **figures,
    }
    every |= at_workload(laws, every, config.workload.documents)
    every |= cost_figures(every, contest)
    point = Point(
        **setting,
        corpus=corpus.name,
        corpus_fingerprint=corpus.fingerprint,
        top_k=config.top_k,
        serve_k=config.served,
        queries=len(corpus.queries),
        priced_as=contest.prices.priced_as,
        figures=every,
        unmeasured=unmeasured({**every, "candidates": setting["candidates"]}, {**why_no_cost(every), **reasons}),
        notes=deeper_than_served(every, contest),
        laws=as_json(laws),
    )
    return Measured(
        point=point,
        query_ids=tuple(corpus.queries.ids),
        per_query={**quality.per_query, **{name: each for name, each in overlap.items() if each is not None}},
        first_relevant_rank=first_relevant_rank(found, corpus),
        latencies_ms=latencies_ms,
        ranking=ranking,
        document_ids=tuple(corpus.documents.ids),
        clusters=None if corpus.clusters is None else tuple(corpus.clusters[q] for q in corpus.queries.ids),
    )


def derived(
    contest: Contest,
    found: Measured,
    stage: str,
    metric: str,
    ranking: Ranking,
    figures: Mapping[str, Any],
    latencies_ms: Mapping[str, Any],
    laws: Laws,
    reasons: Mapping[str, str],
) -> Measured:
    """The point that a later ``stage`` makes of ``found``: another ranking, and ``figures`` in the place of its own."""
    search_ms, encode_ms = latencies_ms["search_ms"], latencies_ms["encode_query_ms"]
    timed = {"search": search_ms, "encode_query": encode_ms, "query": search_ms + encode_ms} if len(search_ms) else {}
    kept = {**found.point.figures, **figures}
    for name, calls in timed.items():
        kept |= percentiles_ms(name, calls)
    judged_anew = (*found.per_query, *(name for name in kept if name.startswith(("overlap", "cost_"))))
    point = found.point
    setting = {
        **{name: getattr(point, name) for name in ("model", "revision", "dims", "dims_trained", "quantization")},
        "index": f"{point.index}+{stage}",
        "candidates": point.candidates,
        "metric": metric,
        "chunking": point.chunking,
    }
    left = {name: value for name, value in kept.items() if name not in judged_anew}
    known = {name: why for name, why in point.unmeasured.items() if name in left}
    return measured(contest, setting, ranking, NO_OVERLAP, left, latencies_ms, laws, {**reasons, **known})


def deeper_than_served(figures: Mapping[str, Any], contest: Contest) -> dict[str, str]:
    """A line for each measured figure that looks deeper than the results that a user is given."""
    served = contest.config.served
    cutoffs = {name: measure.params.get("cutoff") for measure, name in contest.judge.names.items()}
    cutoffs |= {name: int(name.partition("@")[2]) for name in NO_OVERLAP}
    note = f"looks deeper than the {served} results that are served (serve_k)"
    return {name: note for name, cutoff in cutoffs.items() if (cutoff or np.inf) > served and figures[name] is not None}


def cost_figures(figures: Mapping[str, Any], contest: Contest) -> dict[str, float | None]:
    """The columns ``cost_…_usd`` of a point; null where one of the figures or prices behind them is missing."""
    found = costs(figures, contest.config.workload, contest.prices)
    return {name: None if np.isnan(value) else float(value) for name, value in found.items()}


def rankings_by_id(ranking: Ranking, corpus: Corpus) -> dict[str, list[str]]:
    ids = corpus.documents.ids
    return {
        query: [ids[row] for row in rows if row >= 0]
        for query, rows in zip(corpus.queries.ids, ranking.rows.tolist(), strict=True)
    }


def first_relevant_rank(found: dict[str, list[str]], corpus: Corpus) -> Any:
    """Per query, the rank (from 1) of the first document of a grade above 0; 0 where none was found."""
    relevant = {query: {d for d, grade in grades.items() if grade > 0} for query, grades in corpus.qrels.items()}
    ranks = (next((r for r, d in enumerate(found[q], 1) if d in relevant[q]), 0) for q in corpus.queries.ids)
    return np.fromiter(ranks, dtype=np.int64)
