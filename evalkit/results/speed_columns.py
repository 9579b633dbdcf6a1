"""Columns that come in families: of single calls one per statistic, under load one per number of clients."""

from collections.abc import Iterator
from typing import Any

from evalkit.config.schema.run import CLIENTS
from evalkit.results.column import AGAIN, DROPPED, Column

NO_LOAD = "load.seconds=0 leaves out the clients at once"
NO_RATE = "load.queries_per_second=null offers no queries at a rate"
STATISTICS = {"mean": "mean, slowest 2 % capped", "p50": "median", "p95": "95th percentile", "p99": "99th percentile"}
UNDER_LOAD: dict[str, Any] = {"of_machine": True, "of_search": True, "by_stage": DROPPED}


def latencies(what: str, about: str, samples: tuple[str, ...], **facts: Any) -> Iterator[Column]:
    for statistic, words in STATISTICS.items():
        yield Column(
            f"{what}_ms_{statistic}",
            f"{about}: {words} of single calls",
            "ms",
            heading=f"{what} {statistic} ms".replace("_", " "),
            of_machine=True,
            by_stage=AGAIN,
            samples=() if statistic == "mean" else samples,
            **facts,
        )


def load_of_clients() -> Iterator[Column]:
    for clients in CLIENTS:
        at_once = f"with {clients} client{'s' * (clients > 1)} at once"
        queries = f"queries answered a second {at_once}"
        yield Column(f"load_queries_per_second_{clients}", queries, "1/s", True, why_null=NO_LOAD, **UNDER_LOAD)
        about = f"95th percentile of latencies {at_once}"
        yield Column(f"load_ms_p95_{clients}", about, "ms", why_null=NO_LOAD, **UNDER_LOAD)


def load_at_rate() -> Iterator[Column]:
    facts: dict[str, Any] = {"why_null": NO_RATE, **UNDER_LOAD}
    yield Column("load_offered_queries_per_second", "queries offered a second at a fixed rate", "1/s", None, **facts)
    yield Column("load_answered_queries_per_second", "those of them that were answered", "1/s", True, **facts)
    for statistic in ("p50", "p95"):
        about = f"{STATISTICS[statistic]} of their latencies, waiting to be sent included"
        yield Column(f"load_offered_ms_{statistic}", about, "ms", **facts)
    yield Column("load_offered_errors", "share of them that failed", **facts)
