"""Which way is better, for every column of points that is not a measure of quality."""

from dataclasses import dataclass

OF_SEARCH = ("search_ms_", "query_ms_", "search_queries_", "cost_month_usd", "cost_queries_month_usd")


@dataclass(frozen=True)
class Objective:
    """One axis of a choice: a column of points.parquet, its unit, which way is better, and what it depends on.

    ``samples`` names the columns of latencies.parquet that add up to it; ``of_machine`` says that it can only be
    compared on the same hardware.
    """

    column: str
    unit: str
    higher_is_better: bool
    of_machine: bool = False
    samples: tuple[str, ...] = ()

    @property
    def of_search(self) -> bool:
        """Whether it depends on how many results a search was asked for."""
        return self.column.startswith(OF_SEARCH)

    @property
    def of_workload(self) -> bool:
        """Whether it depends on the workload, and a cost on prices."""
        return self.unit == "$" or self.column.endswith("_at_workload")

    @property
    def percentile(self) -> int | None:
        """The percentile of ``samples`` that the column holds, as its name says: 95 of ``search_ms_p95``."""
        return int(self.column.rpartition("_p")[2]) if self.samples else None


OBJECTIVES = {
    objective.column: objective
    for objective in (
        Objective("documents_per_second", "1/s", higher_is_better=True, of_machine=True),
        Objective("tokens_per_second", "1/s", higher_is_better=True, of_machine=True),
        Objective("search_queries_per_second", "1/s", higher_is_better=True, of_machine=True),
        Objective("search_ms_mean", "ms", False, of_machine=True),
        Objective("search_ms_p50", "ms", False, of_machine=True, samples=("search_ms",)),
        Objective("search_ms_p95", "ms", False, of_machine=True, samples=("search_ms",)),
        Objective("search_ms_p99", "ms", False, of_machine=True, samples=("search_ms",)),
        Objective("encode_query_ms_mean", "ms", False, of_machine=True),
        Objective("encode_query_ms_p50", "ms", False, of_machine=True, samples=("encode_query_ms",)),
        Objective("encode_query_ms_p95", "ms", False, of_machine=True, samples=("encode_query_ms",)),
        Objective("query_ms_mean", "ms", False, of_machine=True),
        Objective("query_ms_p50", "ms", False, of_machine=True, samples=("search_ms", "encode_query_ms")),
        Objective("query_ms_p95", "ms", False, of_machine=True, samples=("search_ms", "encode_query_ms")),
        Objective("query_ms_p99", "ms", False, of_machine=True, samples=("search_ms", "encode_query_ms")),
        Objective("search_ms_mean_at_workload", "ms", False, of_machine=True),
        Objective("search_ms_p50_at_workload", "ms", False, of_machine=True),
        Objective("search_ms_p95_at_workload", "ms", False, of_machine=True),
        Objective("query_ms_mean_at_workload", "ms", False, of_machine=True),
        Objective("query_ms_p50_at_workload", "ms", False, of_machine=True),
        Objective("query_ms_p95_at_workload", "ms", False, of_machine=True),
        Objective("search_queries_per_second_at_workload", "1/s", higher_is_better=True, of_machine=True),
        Objective("peak_rss_bytes", "B", False, of_machine=True),
        Objective("search_peak_rss_bytes", "B", False, of_machine=True),
        Objective("peak_gpu_bytes", "B", False, of_machine=True),
        Objective("build_seconds", "s", False, of_machine=True),
        Objective("build_seconds_at_workload", "s", False, of_machine=True),
        Objective("index_bytes", "B", False),
        Objective("index_bytes_at_workload", "B", False),
        Objective("bytes_per_vector", "B", False),
        Objective("bytes_per_document", "B", False),
        Objective("cost_month_usd", "$", False, of_machine=True),
        Objective("cost_embed_once_usd", "$", False, of_machine=True),
        Objective("cost_embed_month_usd", "$", False, of_machine=True),
        Objective("cost_storage_month_usd", "$", False),
        Objective("cost_queries_month_usd", "$", False, of_machine=True),
    )
}
