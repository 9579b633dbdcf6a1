"""Why a figure of a point or of a pass is null, in one line for each: a number that is missing says why."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from evalkit.measures.latency import STATISTICS
from evalkit.measures.load import FIGURES as LOAD
from evalkit.measures.memory import NO_PEAK_RSS

SEARCH_SPEED = ("search_queries_per_second", *(f"{what}_ms_{s}" for what in ("search", "query") for s in STATISTICS))
NO_SPEED = "the vectors are larger than memory_gb and were searched from disk, which no server would do"
NO_TOKENS = "the model does not tell how many tokens it read, or read images"
UNTIMED = (
    "the vectors were made on another machine or with other threads, and nothing was timed here: "
    "runtime.timing_seconds=0, or a hosted model whose texts are not sent again"
)
ONE_BY_ONE = "its texts were sent one at a time"
NO_CUTS = "nobody says which texts were cut: the API, or the model's library, does not tell"
NO_CORES = "the model ran on a GPU or behind an API, or its library chooses its threads"
NO_SIZE = "the quantizer does not say (bytes_per_vector)"
WHY_UNMEASURED = {
    **dict.fromkeys(SEARCH_SPEED, NO_SPEED),
    **dict.fromkeys(LOAD, "load_seconds=0 leaves out the clients at once"),
    **dict.fromkeys(("index_bytes", "index_bytes_at_workload", "bytes_per_vector", "bytes_per_document"), NO_SIZE),
    **dict.fromkeys(("tokens", "tokens_per_second", "tokens_per_document", "tokens_per_query"), NO_TOKENS),
    "encode_cores": NO_CORES,
    "search_cores": NO_SPEED,
    "candidates": "no finer copy re-orders what is found",
    **dict.fromkeys(("seconds", "texts_per_second"), ONE_BY_ONE),
    "truncated_texts": NO_CUTS,
    "threads": "the model's library, or its server, chooses them",
    "overlap@10": "top_k is below 10",
    "overlap@100": "top_k is below 100",
    "peak_rss_bytes": NO_PEAK_RSS,
    "search_peak_rss_bytes": NO_PEAK_RSS,
    "verification": "PyTorch in float32 on the CPU is what other runtimes are compared with",
    "peak_gpu_bytes": "the model did not run on a CUDA device",
}


def unmeasured(figures: Mapping[str, Any], reasons: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Why each figure that is null could not be measured: what is said everywhere, or one of ``reasons``."""
    every = {**WHY_UNMEASURED, **reasons}
    return {name: every[name] for name, value in figures.items() if value is None}
