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
    "coverage": "share of items recommended to anybody",
    "f1_precision": "precision of pairs at the best F1",
    "f1_recall": "recall of pairs at the best F1",
    "pair_precision": "precision of pairs at the threshold",
    "pair_recall": "recall of pairs at the threshold",
    "saved_documents_month_usd": "saved per month by dropping duplicates",
    "hit_rate": "share of questions answered from the cache",
    "wrong_hit_rate": "share of hits with a wrong answer",
    "wrong_hit_rate_high": "upper bound of wrong hits",
    "wrong_per_question": "wrong hits per question",
    "hit_rate_misses_kept": "hit rate, only misses kept",
    "wrong_hit_rate_misses_kept": "share of wrong hits, only misses kept",
    "saved_calls_month": "calls saved per month",
    "saved_month_usd": "saved per month by the cache",
    "fpr_at_95_recall": "false alarms where 95 % of outliers are found",
    "fpr_at_95_recall_mahalanobis": "false alarms by Mahalanobis distance",
    "fpr_at_95_recall_isolation_forest": "false alarms by isolation forest",
    "fpr_at_95_recall_near": "false alarms where 95 % of near outliers are found",
}
LATENCY = re.compile(r"(?P<what>\w+)_ms_(?P<statistic>mean|p\d+)(?P<size>_at_workload)?")
LOAD = re.compile(r"load_(?P<what>queries_per_second|ms_p95)_(?P<clients>\d+)")
AT_PERCENT = re.compile(
    r"(?P<what>recall_precision|hit_rate|wrong_hit_rate|saved)_(?:wrong_)?(?P<percent>\d+)(?:_month_usd)?"
)
OF_PERCENT = {  # of wrong hits that are allowed, or of precision that is wanted
    "recall_precision": "recall of pairs at {} % precision",
    "hit_rate": "hit rate for at most {} % wrong hits",
    "wrong_hit_rate": "share of wrong hits for at most {} %",
    "saved": "saved per month for at most {} % wrong hits",
}
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
    if at := AT_PERCENT.fullmatch(name):
        return OF_PERCENT[at["what"]].format(at["percent"])
    timed = LATENCY.fullmatch(name)
    if timed and timed["what"] in TIMED:
        return f"{TIMED[timed['what']]}, {STATISTICS[timed['statistic']]}{f' {SIZES}' * bool(timed['size'])}"
    return NAMES.get(name, name)
