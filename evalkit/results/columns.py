"""Every figure of a point, declared once: its unit, which way is better, why it may be null, how a stage changes it.

Measures of quality are named by the config (``nDCG@10``): ``column`` gives them the same facts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from evalkit.results.column import ADDED, AGAIN, DROPPED, LARGEST, RATE, Column
from evalkit.results.speed_columns import STATISTICS, latencies, load_at_rate, load_of_clients
from evalkit.results.task_columns import OF_TASKS

ON_DISK = "the vectors are larger than memory_gb and were searched from disk, which no server would do"
NO_SIZE = "the engine, or a quantizer of your own, does not say how many bytes it keeps"
NO_TABLE = "the engine keeps no table beside its index"
NO_TOKENS = "the model does not tell how many tokens it read, or read images"
SEARCHED = "the index had been searched at another operating point before"
NO_PEAK = "the system does not tell a process's peak memory"
NO_STAGE = "no stage re-orders this ranking by a model"
NO_FILTER = "all documents are searched"
NO_LAW = "no law of its growth was measured"
NO_PRICE = "a figure or a price behind it is not known"


def at_workload(what: str, about: str) -> Iterator[Column]:
    for statistic in ("mean", "p50", "p95"):
        yield Column(
            f"{what}_ms_{statistic}_at_workload",
            f"{about} among workload.documents: {STATISTICS[statistic]}, modelled",
            "ms",
            heading=f"{what} {statistic} ms at workload",
            of_machine=True,
            of_search=True,
            of_workload=True,
            by_stage=AGAIN,
            why_null=NO_LAW,
        )


def cost(name: str, about: str, **facts: Any) -> Column:
    return Column(f"cost_{name}_usd", about, "$", of_workload=True, by_stage=AGAIN, why_null=NO_PRICE, **facts)


SHARED = (
    "share of the first {} of exact float32 search at the same dims, by the same filter, that is found, too; equal "
    "scores are as good"
)
OF_OVERLAP: Mapping[str, Any] = {"higher_is_better": True, "by_stage": DROPPED}
DECLARED = (
    *(
        Column(f"overlap@{depth}", SHARED.format(depth), why_null=f"top_k is below {depth}", **OF_OVERLAP)
        for depth in (10, 100)
    ),
    Column(
        "returned@k",
        "share of the serve_k results asked for under a filter, or of those that pass where these are fewer, that came "
        "back",
        higher_is_better=True,
        of_search=True,
        by_stage=AGAIN,
        why_null=NO_FILTER,
    ),
    Column(
        "selectivity",
        "share of the documents that pass the filter",
        higher_is_better=None,
        why_null=NO_FILTER,
    ),
    Column(
        "overlap@10_at_size",
        "overlap@10 of an approximate index among overlap_size vectors that lie as the corpus's do",
        why_null="it compares every vector",
        **OF_OVERLAP,
    ),
    Column(
        "overlap_size",
        "how many vectors overlap@10_at_size was measured among",
        higher_is_better=None,
        by_stage=DROPPED,
        why_null="it compares every vector",
        is_whole=True,
    ),
    Column(
        "bytes_per_vector",
        "everything that is kept per vector, a rescoring store included",
        "B",
        heading="bytes/vector",
        by_stage=AGAIN,
        why_null=NO_SIZE,
    ),
    Column("chunks_per_document", "vectors per document", heading="chunks/doc"),
    Column(
        "bytes_per_document",
        "everything that is kept per document, all of its chunks together",
        "B",
        heading="bytes/doc",
        by_stage=ADDED,
        why_null=NO_SIZE,
    ),
    Column(
        "index_bytes",
        "the index as serialised, or as its engine counts it, a database's table included",
        "B",
        heading="index size",
        by_stage=ADDED,
        why_null=NO_SIZE,
        is_whole=True,
    ),
    Column(
        "table_bytes",
        "those of index_bytes that are a database's table of vectors and ids",
        "B",
        heading="table size",
        why_null=NO_TABLE,
        is_whole=True,
    ),
    Column("build_seconds", "training and filling the index", "s", of_machine=True, by_stage=ADDED),
    Column("training_vectors", "how many documents codebooks and ranges were learned from", higher_is_better=None),
    Column(
        "search_queries_per_second",
        "throughput of all queries in one call",
        "1/s",
        True,
        heading="queries/s",
        of_machine=True,
        of_search=True,
        by_stage=RATE,
        why_null=ON_DISK,
    ),
    *latencies("search", "searching for one query", ("search_ms",), of_search=True, why_null=ON_DISK),
    Column(
        "search_ms_first",
        "the first search for one query of a filled index; a database's on a new connection, with the opening of it",
        "ms",
        of_machine=True,
        of_search=True,
        by_stage=DROPPED,
        why_null=SEARCHED,
    ),
    *latencies(
        "encode_query", "encoding one query", ("encode_query_ms",), why_null="nothing was timed on this machine"
    ),
    *latencies(
        "query",
        "encoding and searching for one query",
        ("search_ms", "encode_query_ms"),
        of_search=True,
        why_null=ON_DISK,
    ),
    *load_of_clients(),
    *load_at_rate(),
    Column(
        "search_cores",
        "cores that a single search keeps busy in this process",
        higher_is_better=None,
        why_null=ON_DISK,
    ),
    *(
        Column(
            f"rerank_ms_{statistic}",
            f"the reranker's part of a query: {words} of single calls",
            "ms",
            of_machine=True,
            why_null=NO_STAGE,
        )
        for statistic, words in STATISTICS.items()
    ),
    Column("rerank_truncated", "share of pairs that the reranker read only the beginning of", why_null=NO_STAGE),
    Column(
        "search_peak_rss_bytes",
        "peak memory of the process while searching, with whatever it has loaded",
        "B",
        of_machine=True,
        by_stage=LARGEST,
        why_null=NO_PEAK,
        is_whole=True,
    ),
    Column("documents_per_second", "encoding documents as a server would", "1/s", True, of_machine=True, by_stage=RATE),
    Column(
        "tokens_per_second",
        "tokens of documents encoded a second",
        "1/s",
        True,
        of_machine=True,
        by_stage=AGAIN,
        why_null=NO_TOKENS,
    ),
    Column(
        "peak_rss_bytes",
        "peak memory of the process while documents were encoded",
        "B",
        of_machine=True,
        by_stage=LARGEST,
        why_null=NO_PEAK,
        is_whole=True,
    ),
    Column(
        "peak_gpu_bytes",
        "peak memory of the device while documents were encoded",
        "B",
        of_machine=True,
        why_null="the model did not run on a CUDA device",
        is_whole=True,
    ),
    Column("tokens_per_document", "mean tokens read of a document", higher_is_better=None, why_null=NO_TOKENS),
    Column("tokens_per_query", "mean tokens read of a query", higher_is_better=None, why_null=NO_TOKENS),
    Column(
        "encode_cores",
        "cores that encoding keeps busy",
        higher_is_better=None,
        why_null="the model ran on a GPU or behind an API, or its library chooses its threads",
    ),
    *at_workload("search", "searching for one query"),
    *at_workload("query", "encoding and searching for one query"),
    Column(
        "search_queries_per_second_at_workload",
        "throughput among workload.documents, modelled",
        "1/s",
        True,
        of_machine=True,
        of_search=True,
        of_workload=True,
        by_stage=AGAIN,
        why_null=NO_LAW,
    ),
    Column(
        "build_seconds_at_workload",
        "building the index of workload.documents, modelled",
        "s",
        of_machine=True,
        of_workload=True,
        by_stage=AGAIN,
        why_null=NO_LAW,
    ),
    Column(
        "index_bytes_at_workload",
        "bytes of the index of workload.documents, modelled",
        "B",
        of_workload=True,
        by_stage=AGAIN,
        why_null=NO_SIZE,
    ),
    cost("embed_once", "embedding workload.documents once", of_machine=True),
    cost("embed_month", "embedding by the month, with changes and re-embedding", of_machine=True),
    cost("storage_month", "keeping the index for a month"),
    cost("queries_month", "a month of queries, encoded and searched", of_machine=True, of_search=True),
    cost("month", "embedding, keeping and searching, by the month", heading="$/month", of_machine=True, of_search=True),
    *OF_TASKS,
)
FIGURES: Mapping[str, Column] = MappingProxyType({figure.name: figure for figure in DECLARED})
OVERLAPS = tuple(name for name in FIGURES if name.startswith("overlap"))
LOAD = tuple(name for name in FIGURES if name.startswith("load_"))
OF_WORKLOAD = [figure for figure in DECLARED if figure.of_workload and figure not in OF_TASKS]
COSTS = tuple(figure.name for figure in OF_WORKLOAD if figure.unit == "$")
AT_WORKLOAD = tuple(figure.name for figure in OF_WORKLOAD if figure.unit != "$")
WHOLE_NUMBERS = tuple(name for name, figure in FIGURES.items() if figure.is_whole)
DIRECTED: Mapping[str, Column] = {
    name: figure for name, figure in FIGURES.items() if figure.higher_is_better is not None
}


def column(name: str) -> Column:
    """The column of a figure, or of a measure of quality."""
    return FIGURES.get(name) or Column(name, "quality by this measure", higher_is_better=True, by_stage=AGAIN)


def why_null(figures: Mapping[str, Any], reasons: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Why each figure that is null could not be measured: one of ``reasons``, else what its column says."""
    return {name: reasons.get(name) or column(name).why_null for name, value in figures.items() if value is None}


COMBINE: Mapping[str, Callable[[Sequence[float]], float]] = {
    ADDED: sum,
    RATE: lambda rates: rates[0] if len(rates) == 1 else 1 / sum(1 / rate for rate in rates),
}


def behind_a_stage(search: Mapping[str, Any], stage: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of a search with a stage behind it, by each column's ``by_stage``.

    ``stage`` are the figures of the stage alone. A sum or rate of which a part is null is null. What is worked out
    again is still that of the search: whoever calls puts the new figure in its place.
    """
    kept: dict[str, Any] = {}
    for name, value in search.items():
        rule = column(name).by_stage
        parts = [value, stage[name]] if name in stage else [value]
        if rule == LARGEST:
            kept[name] = max((part for part in parts if part is not None), default=None)
        elif rule in COMBINE:
            kept[name] = None if None in parts else COMBINE[rule](parts)
        elif rule != DROPPED:
            kept[name] = value
    return kept
