"""One point from one ranking: judged, priced, and with what lies behind its means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evalkit.arrays import Floats, Rows
from evalkit.corpora import Corpus
from evalkit.corpora.samples import SampledCorpus
from evalkit.measures.cost import costs, why_no_cost
from evalkit.measures.latency import percentiles_ms
from evalkit.measures.laws import Laws, as_json, at_workload
from evalkit.measures.ranking import Ranking
from evalkit.results.columns import OVERLAPS, behind_a_stage, why_null
from evalkit.results.record import FILTER, SAMPLE, Point, PointRecord
from evalkit.results.setting import Setting
from evalkit.tasks.retrieval.retriever import PointContext

NOTHING_RELEVANT = "no document that passes the filter is relevant to a query"
NO_FINER_COPY = "no finer copy re-orders what is found"


@dataclass(frozen=True)
class Search:
    """What was found at a cell of the grid, and what that took: all that a point is made of.

    ``overlap`` has one value per query, or null, for each column. ``laws`` say what figures are at the workload's size,
    ``reasons`` why figures of this kind of search are null, ``proof`` what searched, ``unproven`` why that can't be
    shown (then no figure is given, and no query is scored), ``load`` what else the machine did.
    """

    setting: Setting
    metric: str
    dims_trained: bool
    candidates: int | None
    ranking: Ranking
    overlap: Mapping[str, Floats | None]
    figures: Mapping[str, Any]
    latencies_ms: Mapping[str, Any]
    laws: Laws
    reasons: Mapping[str, str]
    proof: Mapping[str, str]
    load: Mapping[str, float | None]
    engine_version: str = ""
    unproven: str = ""


def make_point(context: PointContext, search: Search) -> PointRecord:
    """The point of ``search``, judged by trec_eval's measures and priced for the workload."""
    corpus, config = context.corpus, context.config
    if context.judge.query_ids != list(corpus.queries.ids):
        raise ValueError(f"{corpus.name}: judgments and queries come in different orders")
    rankings = RankingsById(search.ranking, corpus)
    quality = context.judge.score(rankings)
    overlap = {name: None if values is None else float(values.mean()) for name, values in search.overlap.items()}
    figures = {**quality.mean, **dict.fromkeys(OVERLAPS), **search.figures, **overlap}
    figures |= filter_figures(context, search.ranking)
    figures |= at_workload(search.laws, figures, config.workload.documents)
    figures |= cost_figures(figures, context)
    unjudged = dict.fromkeys(quality.mean, NOTHING_RELEVANT)
    reasons = {"candidates": NO_FINER_COPY, **why_no_cost(figures), **unjudged, **search.reasons}
    per_query = {**quality.per_query, **{name: v for name, v in search.overlap.items() if v is not None}}
    latencies_ms, laws = search.latencies_ms, search.laws
    if search.unproven:
        figures = dict.fromkeys(figures)
        latencies_ms, laws = {name: np.empty(0) for name in latencies_ms}, {}
        reasons = dict.fromkeys(figures, search.unproven)
    point = Point(
        setting=search.setting,
        dims_trained=search.dims_trained,
        metric=search.metric,
        candidates=search.candidates,
        queries=0 if search.unproven else sum(map(bool, corpus.qrels.values())),
        priced_as=context.prices.priced_as,
        figures=figures,
        unmeasured=why_null({**figures, "candidates": search.candidates}, reasons),
        notes=deeper_than_served(figures, context),
        laws=as_json(laws),
        proof={**search.proof, **proof_of_documents(context)},
        load=search.load,
        engine_version=search.engine_version,
    )
    return PointRecord(
        point=point,
        query_ids=tuple(corpus.queries.ids),
        per_query=per_query,
        first_relevant_rank=first_relevant_rank(rankings, corpus),
        latencies_ms=latencies_ms,
        ranking=search.ranking,
        document_ids=corpus.documents.ids,
        clusters=None if corpus.clusters is None else tuple(corpus.clusters[q] for q in corpus.queries.ids),
        unproven=search.unproven,
    )


def filter_figures(context: PointContext, ranking: Ranking) -> dict[str, float | None]:
    """How many documents pass, and how many of the results asked for came back; null without a filter."""
    if context.filter is None:
        return {"selectivity": None, "returned@k": None}
    most = np.minimum(possible(context.filter.keep.passing, context.excluded), context.config.served)
    came_back = np.count_nonzero(ranking.rows[:, : context.config.served] >= 0, axis=1)
    return {"selectivity": context.filter.selectivity, "returned@k": float((came_back / most).mean())}


def possible(passing: Rows, excluded: Rows) -> Rows:
    """Per query, how many of the ``passing`` rows it may find: not the one that it is itself (-1: none)."""
    counts: Rows = len(passing) - np.isin(excluded, passing)
    return np.maximum(counts, 1)


def proof_of_documents(context: PointContext) -> dict[str, str]:
    """Which documents passed, and which a sample has: those of the same name may be others in another run."""
    passed = {} if context.filter is None else {FILTER: f"sha256:{context.filter.digest}"}
    sample = context.corpus
    return {**passed, SAMPLE: f"sha256:{sample.digest}"} if isinstance(sample, SampledCorpus) else passed


@dataclass(frozen=True)
class StageResult:
    """What a stage made of a ranking.

    ``figures`` are those of the stage alone, as columns.behind_a_stage takes them; ``instead`` those that take the
    place of the search's. ``latencies_ms`` and ``laws`` are of both together.
    """

    name: str
    metric: str
    ranking: Ranking
    figures: Mapping[str, Any]
    instead: Mapping[str, Any]
    latencies_ms: Mapping[str, Any]
    laws: Laws
    reasons: Mapping[str, str]


def with_stage(context: PointContext, record: PointRecord, stage: StageResult) -> PointRecord:
    """The point that a later ``stage`` makes of ``record``."""
    point, setting = record.point, record.point.setting
    search_ms, encode_ms = stage.latencies_ms["search_ms"], stage.latencies_ms["encode_query_ms"]
    timed = {"search": search_ms, "encode_query": encode_ms, "query": search_ms + encode_ms} if len(search_ms) else {}
    of_search = {name: value for name, value in point.figures.items() if name not in context.judge.names.values()}
    figures = {**behind_a_stage(of_search, stage.figures), **stage.instead}
    for name, calls in timed.items():
        figures |= percentiles_ms(name, calls)
    search = Search(
        setting=replace(setting, stages="+".join(filter(None, (setting.stages, stage.name)))),
        metric=stage.metric,
        dims_trained=point.dims_trained,
        candidates=point.candidates,
        ranking=stage.ranking,
        overlap={},
        figures=figures,
        latencies_ms=stage.latencies_ms,
        laws=stage.laws,
        reasons={**point.unmeasured, **stage.reasons},
        proof=point.proof,
        load=point.load,
        engine_version=point.engine_version,
        unproven=record.unproven,
    )
    return make_point(context, search)


def deeper_than_served(figures: Mapping[str, Any], context: PointContext) -> dict[str, str]:
    """A line for each measured figure that looks deeper than the results that a user is given."""
    served = context.config.served
    cutoffs = {name: measure.params.get("cutoff") for measure, name in context.judge.names.items()}
    cutoffs |= {"overlap@10": 10, "overlap@100": 100}
    note = f"looks deeper than the {served} results that are served (serve_k)"
    return {name: note for name, cutoff in cutoffs.items() if (cutoff or np.inf) > served and figures[name] is not None}


def cost_figures(figures: Mapping[str, Any], context: PointContext) -> dict[str, float | None]:
    """The columns ``cost_…_usd`` of a point; null where one of the figures or prices behind them is missing."""
    usd = costs(figures, context.config.workload, context.prices)
    return {name: None if np.isnan(value) else float(value) for name, value in usd.items()}


class RankingsById(Mapping[str, list[str]]):
    """query id → document ids, best first, each list made when it is asked for: those of all queries would be large."""

    def __init__(self, ranking: Ranking, corpus: Corpus) -> None:
        self.ranking = ranking
        self.ids = corpus.documents.ids
        self.row = corpus.queries.row

    def __getitem__(self, query: str) -> list[str]:
        return [self.ids[row] for row in self.ranking.rows[self.row[query]].tolist() if row >= 0]

    def __contains__(self, query: object) -> bool:
        return query in self.row

    def __iter__(self) -> Iterator[str]:
        return iter(self.row)

    def __len__(self) -> int:
        return len(self.row)


def first_relevant_rank(rankings: Mapping[str, list[str]], corpus: Corpus) -> Rows:
    """Per query, the rank (from 1) of the first document of a grade above 0; 0 where none was found."""

    def rank(query: str) -> int:
        grades = corpus.qrels[query]
        return next((rank for rank, id_ in enumerate(rankings[query], 1) if grades.get(id_, 0) > 0), 0)

    return np.fromiter(map(rank, corpus.queries.ids), dtype=np.int64)
