"""The range of every number that can be set: one table, by schema and setting. values.py checks it."""

from dataclasses import dataclass

from evalkit.config.schema.commands import (
    CompareConfig,
    GateConfig,
    NewCorpusConfig,
    RecommendConfig,
    ReportConfig,
    StoreCommandConfig,
)
from evalkit.config.schema.cost import HostedPrice, MachinePrice, PricingConfig, StoragePrice, WorkloadConfig
from evalkit.config.schema.filters import FilterConfig
from evalkit.config.schema.models import (
    ApiConfig,
    Bm25Options,
    FileModel,
    HostedModel,
    MtebModel,
    RandomOptions,
    VectorModel,
)
from evalkit.config.schema.run import ExecutorConfig, LoadConfig, RunConfig, RuntimeConfig, StoreConfig
from evalkit.config.schema.search import ChunkingConfig, IndexConfig, QuantizationConfig, RescoreConfig
from evalkit.config.schema.stages import AnyStage, FusionConfig, RerankerConfig
from evalkit.config.schema.tasks import (
    CacheTask,
    ClassificationTask,
    ClusteringTask,
    DuplicatesTask,
    OutliersTask,
    RecommendationsTask,
)


@dataclass(frozen=True)
class Range:
    """From ``lowest`` to ``highest``, both included; ``of`` says what is counted, and so why not more."""

    lowest: float
    highest: float
    of: str


INT32 = 2**31 - 1
SIGNED_64 = Range(-(2**63), 2**63 - 1, "64 bits hold no more")

SECONDS = Range(0, 86_400, "seconds; a day has 86,400")
DEPTH = Range(1, 100_000, "documents of a ranking, kept in memory for every query")
WIDTH = Range(1, 65_536, "dimensions of a vector")
TOKENS = Range(1, INT32, "tokens")
OPERATING_POINT = Range(1, 1_000_000, "what an index keeps or visits for each query")
OF_ANY_SERVER = Range(-1, OPERATING_POINT.highest, "what an index keeps or visits for each query; some choose at -1")
THREADS = Range(1, 1_024, "threads of one machine")
PRICE = Range(0, 1_000_000, "dollars")
GIGABYTES = Range(0, 1_000_000_000, "GB of 10⁹ bytes")
PER_MINUTE = Range(1, 1_000_000_000, "so many a minute")
A_MONTH = Range(0, 10**15, "so many a month")
SHARE = Range(0.000001, 0.999999, "a share between 0 and 1")
ALPHA = Range(0.000001, 0.5, "the share of false alarms")
SEED = Range(0, 2**63 - 1, SIGNED_64.of)
DRAWS = Range(1, 1_000, "draws, each with a classifier or clusters of its own")
RESAMPLES = Range(100, 1_000_000, "resamples of every test")
MOST_WORKERS = 10_000
OF_FUSION = {"constant": Range(0, 1_000_000, "k of 1 / (k + rank)")}
OF_RERANKERS = {"depth": DEPTH, "max_length": TOKENS}

RANGES: dict[type, dict[str, Range]] = {
    RunConfig: {
        "corpus_sizes": Range(1, 1_000_000_000, "documents"),
        "top_k": DEPTH,
        "serve_k": DEPTH,
        "memory_gb": GIGABYTES,
        "at_workload_seconds": SECONDS,
        "rank": Range(0, MOST_WORKERS - 1, "processes that run one command, counted from 0"),
        "world_size": Range(1, MOST_WORKERS, "processes that run one command"),
    },
    ExecutorConfig: {
        "workers": Range(1, MOST_WORKERS, "processes, each with a model of its own"),
        "lapse_seconds": Range(0.5, 86_400, SECONDS.of),
    },
    LoadConfig: {
        "seconds": SECONDS,
        "clients": Range(1, 1_024, "clients at once, each a thread"),
        "queries_per_second": Range(0.01, 100_000, "queries offered a second"),
    },
    RuntimeConfig: {
        "token_budget": TOKENS,
        "threads": THREADS,
        "threads_per_stream": THREADS,
        "latency_calls": Range(1, 1_000_000, "timed calls, one after the other"),
        "timing_seconds": SECONDS,
    },
    StoreConfig: {"shard_texts": Range(1, 10_000_000, "texts of a shard"), "max_gb": GIGABYTES},
    VectorModel: {"native_dims": WIDTH, "matryoshka_dims": WIDTH},
    FileModel: {"max_length": TOKENS},
    MtebModel: {"max_length": TOKENS},
    HostedModel: {"max_length": TOKENS},
    ApiConfig: {
        "compare_dims": WIDTH,
        "batch_texts": Range(1, 100_000, "texts of one request"),
        "batch_tokens": TOKENS,
        "requests_per_minute": PER_MINUTE,
        "tokens_per_minute": PER_MINUTE,
        "parallel": Range(1, 1_000, "requests at once, each a thread"),
        "timeout_seconds": Range(0.001, 86_400, SECONDS.of),
        "attempts": Range(1, 1_000, "attempts of one request"),
        "first_wait_seconds": SECONDS,
        "longest_wait_seconds": SECONDS,
        "max_usd": PRICE,
        "usd_per_million_tokens": PRICE,
    },
    Bm25Options: {"k1": Range(0, 1_000, "how slowly repeated words saturate"), "b": Range(0, 1, "0 ignores length")},
    RandomOptions: {"seed": SEED},
    QuantizationConfig: {"subvector_dims": WIDTH, "bits": Range(1, 64, "bits")},
    RescoreConfig: {
        "factor": Range(1, 100_000, "times serve_k; a list of such numbers is possible, too"),
        "candidates": Range(1, 1_000_000, "candidates; a list of such numbers is possible, too"),
    },
    IndexConfig: {
        "nlist": Range(1, 100_000_000, "clusters"),
        "search": OF_ANY_SERVER,
        "build_threads": THREADS,
        "timeout_seconds": Range(0.001, 86_400, SECONDS.of),
    },
    ClassificationTask: {
        "per_label": Range(1, 100_000, "texts of each label"),
        "draws": DRAWS,
        "neighbours": Range(1, 100_000, "nearest texts"),
        "shots": Range(1, 100_000, "texts of each label"),
    },
    ClusteringTask: {
        "draws": DRAWS,
        "draw_texts": Range(2, 10_000_000, "texts of a draw"),
        "density_texts": Range(0, 100_000, "texts, all compared with all; 0 leaves that out"),
    },
    OutliersTask: {
        "neighbours": Range(1, 100_000, "nearest texts"),
        "held_out": SHARE,
        "seed": SEED,
    },
    RecommendationsTask: {
        "basket_items": Range(2, 100_000, "items that are taken together"),
        "seed": SEED,
    },
    DuplicatesTask: {
        "made": Range(1, 1_000_000, "copies that are made"),
        "seed": SEED,
        "precision": SHARE,
        "most_documents": Range(2, 10_000_000, "documents, all compared with all"),
    },
    CacheTask: {
        "most_wrong": SHARE,
        "usd_per_call": PRICE,
        "shuffle_seed": SEED,
    },
    ChunkingConfig: {
        "size": TOKENS,
        "overlap": Range(0, INT32, TOKENS.of),
        "top_chunks": Range(1, 100_000, "chunks of a document"),
    },
    FilterConfig: {"selectivity": SHARE, "seed": SEED},
    AnyStage: OF_FUSION | OF_RERANKERS,
    FusionConfig: OF_FUSION,
    RerankerConfig: OF_RERANKERS,
    MachinePrice: {
        "usd_per_hour": PRICE,
        "cores": Range(1, 1_000_000, "cores of one machine"),
        "ram_gb": Range(0, 1_000_000, GIGABYTES.of),
    },
    StoragePrice: {"usd_per_gb_month": PRICE},
    HostedPrice: {"usd_per_million_tokens": PRICE},
    PricingConfig: {"usd_per_hour": PRICE},
    WorkloadConfig: {
        "documents": Range(1, 10**15, "documents"),
        "tokens_per_document": Range(0, 10**9, TOKENS.of),
        "tokens_per_query": Range(0, 10**9, TOKENS.of),
        "changed_documents_per_month": A_MONTH,
        "queries_per_month": A_MONTH,
        "reembeddings_per_year": Range(0, 1_000_000, "times a year"),
        "write_off_months": Range(1, 1_200, "months; a century has 1,200"),
        "replicas": Range(1, 1_000_000, "machines that hold the same"),
        "machine_hours_per_month": Range(0, 10**9, "hours a month, of all machines"),
    },
    GateConfig: {
        "tolerance": Range(0, 1, "a drop of the mean"),
        "alpha": ALPHA,
        "resamples": RESAMPLES,
        "limits": Range(0, 10**15, "times as much, or less"),
        "least_ms": Range(0, 86_400_000, "milliseconds; a day has 86,400,000"),
        "inconclusive_exit_code": Range(0, 3, "exit codes"),
        "repeat": Range(1, 1_000, "turns of both runs"),
    },
    ReportConfig: {"within": SHARE, "alpha": SHARE},
    CompareConfig: {"alpha": ALPHA, "resamples": RESAMPLES},
    RecommendConfig: {"alpha": SHARE},
    NewCorpusConfig: {"chunk_characters": Range(1, INT32, "characters of a part")},
    StoreCommandConfig: {"older_than_days": Range(0, 1_000_000, "days"), "max_gb": GIGABYTES},
}

LINKS = Range(2, 1_024, "links of a node in a graph")
NUMBERS_OF_FAISS = {"HNSW": LINKS, "BHNSW": LINKS, "NSG": LINKS}  # behind a word of an index_factory's string
OTHER_NUMBERS = Range(1, 100_000_000, "a number in a string of FAISS's index_factory")


def range_of(schema: type, setting: str) -> Range:
    """The range of a number at ``setting`` of ``schema``, its own or inherited; 64 bits where none is stated."""
    return next((RANGES[c][setting] for c in schema.__mro__ if setting in RANGES.get(c, {})), SIGNED_64)
