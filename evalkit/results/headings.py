"""What a figure is called where people read it: ``cost per month, $`` for ``cost_month_usd``."""

import re

from evalkit.results.columns import column

SIZES = "at the workload's size"
STATISTICS = {"mean": "mean", "p50": "median", "p95": "p95", "p99": "p99"}
TIMED = {
    "search": "search",
    "encode_query": "encoding a query",
    "query": "whole query",
    "rerank": "reranking",
}
NAMES = {
    "cost_embed_once_usd": "cost of embedding once",
    "cost_embed_month_usd": "cost of embedding per month",
    "cost_storage_month_usd": "cost of storage per month",
    "cost_queries_month_usd": "cost of queries per month",
    "cost_month_usd": "cost per month",
    "bytes_per_vector": "size per vector",
    "bytes_per_document": "size per document",
    "index_bytes": "size of the index",
    "table_bytes": "size of the table",
    "index_bytes_at_workload": f"size of the index {SIZES}",
    "build_seconds": "time to build the index",
    "build_seconds_at_workload": f"time to build the index {SIZES}",
    "search_queries_per_second": "queries searched per second",
    "search_queries_per_second_at_workload": f"queries searched per second {SIZES}",
    "search_ms_first": "first search after opening",
    "documents_per_second": "documents encoded per second",
    "tokens_per_second": "tokens encoded per second",
    "search_peak_rss_bytes": "peak memory while searching",
    "peak_rss_bytes": "peak memory while encoding",
    "peak_gpu_bytes": "peak GPU memory while encoding",
    "rerank_truncated": "share of pairs the reranker cut",
    "overlap@10_at_size": "overlap@10 at a larger size",
    "chunks_per_document": "chunks per document",
    "load_offered_queries_per_second": "queries offered per second",
    "load_answered_queries_per_second": "queries answered per second, of those offered",
    "load_offered_ms_p50": "query at an offered rate, median",
    "load_offered_ms_p95": "query at an offered rate, p95",
    "load_offered_errors": "share of offered queries that failed",
    "returned@k": "share of results that came back",
    "selectivity": "share of documents that pass",
}
LATENCY = re.compile(r"(?P<what>\w+)_ms_(?P<statistic>mean|p\d+)(?P<size>_at_workload)?")
LOAD = re.compile(r"load_(?P<what>queries_per_second|ms_p95)_(?P<clients>\d+)")
UNSAID = ("1/s",)  # units that the name says already


def heading(name: str) -> str:
    """The name of a figure or measure in words, with its unit; measures keep their own."""
    unit = column(name).unit
    words = in_words(name)
    return words if not unit or unit in UNSAID else f"{words}, {unit}"


def in_words(name: str) -> str:
    if load := LOAD.fullmatch(name):
        what = "queries answered per second" if load["what"] == "queries_per_second" else "query under load, p95"
        return f"{what}, {load['clients']} client{'s' * (load['clients'] != '1')}"
    timed = LATENCY.fullmatch(name)
    if timed and timed["what"] in TIMED:
        return f"{TIMED[timed['what']]}, {STATISTICS[timed['statistic']]}{f' {SIZES}' * bool(timed['size'])}"
    return NAMES.get(name, name)
