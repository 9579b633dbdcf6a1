"""Everything that is measured at one point: the ranking that is judged, speed, and memory."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from evalkit.arrays import Floats
from evalkit.config import RunConfig
from evalkit.config.schema.run import CLIENTS
from evalkit.measures.latency import BusyCores, percentiles_ms, time_calls_ms
from evalkit.measures.load import enough_senders, ladder, offered
from evalkit.measures.memory import PeakMemory
from evalkit.results.columns import FIGURES, LOAD
from evalkit.results.record import PointRecord
from evalkit.results.speed_columns import NO_LOAD
from evalkit.system.busy import Figures, least_disturbed, worst
from evalkit.tasks.retrieval.points import Search, make_point
from evalkit.tasks.retrieval.retriever import PointContext, Retriever

LEAST_CALLS = 200
TINY_MS = 1e-9
OFFERED_MS = ("load_offered_ms_p50", "load_offered_ms_p95")
OF_SEARCH = tuple(name for name, figure in FIGURES.items() if figure.of_search and not figure.of_workload)


def measure(context: PointContext, retriever: Retriever, asked: int) -> PointRecord:
    """The point of ``retriever``, whose searches ask for ``asked`` results; the ranking goes on behind them."""
    with PeakMemory() as memory:
        ranking = retriever.rank(asked)
        speed, latencies_ms, load = search_speed(context, retriever, asked)
    figures = {**retriever.figures(), **speed, "search_peak_rss_bytes": memory.peak_rss_bytes}
    evidence = retriever.evidence()  # of all that was searched above
    search = Search(
        setting=retriever.setting,
        metric=retriever.metric,
        dims_trained=retriever.dims_trained,
        candidates=retriever.candidates(asked),
        ranking=ranking,
        overlap=retriever.overlap(ranking),
        figures=figures,
        latencies_ms=latencies_ms,
        laws=retriever.laws(figures, asked),
        reasons={**why_no_load(figures, context.config, asked), **evidence.reasons},
        proof=evidence.proof,
        load={**worst([load, retriever.load()]), **spread(latencies_ms["search_ms"])},
        engine_version=evidence.engine_version,
        unproven=evidence.unproven,
    )
    return make_point(context, search)


def spread(calls_ms: Floats) -> dict[str, float]:
    """How many times as long the slow calls are as the usual one; nothing where none was timed."""
    return (
        {"p95_to_p50": float(np.percentile(calls_ms, 95) / max(np.median(calls_ms), TINY_MS))} if len(calls_ms) else {}
    )


def search_speed(
    context: PointContext, retriever: Retriever, asked: int
) -> tuple[dict[str, float | None], Mapping[str, Any], Figures]:
    """Batch throughput; latency of one query at a time (search, encode, both added call by call); clients at once.

    Clients at once are measured for the results that a user is served. Also gives the milliseconds of every single
    call, by which latencies of two runs are compared, and what else the machine did during these.
    """
    config = context.config
    calls = max(LEAST_CALLS, config.runtime.latency_calls)
    encode_ms = retriever.encode_ms(calls)
    of_encoding = percentiles_ms("encode_query", encode_ms)
    if not retriever.can_be_timed:
        untimed = {"search_ms": np.empty(0), "encode_query_ms": np.empty(0)}
        return {**dict.fromkeys((*OF_SEARCH, "search_cores")), **of_encoding}, untimed, {}
    queries = len(context.corpus.queries)

    def find(call: int) -> object:
        return retriever.find(call % queries, asked)

    (search_ms, cores), load = least_disturbed(lambda: timed_calls(find, calls))
    speed = {
        "search_queries_per_second": queries / retriever.find_all_ms(asked) * 1000,
        **percentiles_ms("search", search_ms),
        **of_encoding,
        **percentiles_ms("query", search_ms + encode_ms),
        **under_load(retriever, find, asked, config, float(search_ms.mean())),
        "search_cores": cores if retriever.is_in_process else None,
    }
    return speed, {"search_ms": search_ms, "encode_query_ms": np.asarray(encode_ms)}, load


def under_load(
    retriever: Retriever, find: Callable[[int], object], asked: int, config: RunConfig, mean_ms: float
) -> dict[str, float | None]:
    """Every column of LOAD; null for what ``config.load`` leaves out, and for more results than a user is given."""
    load, figures = config.load, dict[str, float | None](dict.fromkeys(LOAD))
    if load.seconds and asked == config.served:
        figures |= ladder(find, retriever.client, list(dict.fromkeys(load.clients)), load.seconds)
        if rate := load.queries_per_second:
            figures |= offered(find, retriever.client, rate, load.seconds, enough_senders(rate, mean_ms))
    return figures


def why_no_load(figures: Mapping[str, Any], config: RunConfig, asked: int) -> dict[str, str]:
    """Why columns of LOAD are null; none where queries were timed and nothing was left out."""
    load = config.load
    if not load.seconds:
        return dict.fromkeys(LOAD, NO_LOAD)
    if asked != config.served:
        return dict.fromkeys(LOAD, "load is measured for serve_k results alone")
    unasked = [f"_{clients}" for clients in CLIENTS if clients not in load.clients]
    reasons = {name: "load.clients leaves it out" for name in LOAD if name.endswith(tuple(unasked))}
    if load.queries_per_second:
        reasons |= dict.fromkeys(OFFERED_MS, "too many of the queries offered failed")
    return reasons


def timed_calls(find: Callable[[int], object], calls: int) -> tuple[Floats, float]:
    """Milliseconds of single searches, and how many cores they kept busy."""
    with BusyCores() as cores:
        search_ms = time_calls_ms(find, calls)
    return search_ms, cores.mean
