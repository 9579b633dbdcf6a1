"""The typed schema of conf/: which keys exist, of which type, and which values can work."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from evalkit.conf_files import choices_hint
from evalkit.errors import UserError, did_you_mean

MULTI_GROUPS = ("corpus", "quantization", "index")
GROUPS = ("model", *MULTI_GROUPS, "runtime", "experiment")
STORES = ("float32", "float16", "int8")
STORE_DTYPES = ("float32", "float16")


@dataclass
class Prompts:
    """The exact text put before every text of one side; empty means none."""

    query: str = ""
    document: str = ""


@dataclass
class ModelConfig:
    """A model: where it comes from and what its own documentation says of it. See conf/model/."""

    kind: str = MISSING
    name: str = ""
    revision: str | None = None
    path: str | None = None
    package: str | None = None
    weights_sha256: str | None = None
    prompts: Prompts = field(default_factory=Prompts)
    max_length: int | None = None
    native_dims: int | None = None
    matryoshka_dims: list[int] = field(default_factory=list)
    layer_norm: bool = False
    trust_remote_code: bool = False
    licence: str | None = None

    def __post_init__(self) -> None:
        if not self.name and self.path:
            self.name = Path(self.path).expanduser().resolve().name


@dataclass
class RescoreConfig:
    """A second, finer copy of every vector that re-orders ``factor`` × top_k candidates."""

    store: str = "float32"
    factor: int = 4


@dataclass
class QuantizationConfig:
    """How a stored vector is kept: a fragment of FAISS's index_factory, and an optional rescoring store.

    In ``faiss`` and ``transform``, {dims} is the width and {subvectors} how many times ``subvector_dims`` goes into
    it; other widths are filled up with zeros. ``_target_`` names a class of one's own instead, made with ``options``.
    """

    faiss: str = ""
    rescore: RescoreConfig | None = None
    transform: str = ""
    subvector_dims: int | None = None
    _target_: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class IndexConfig:
    """How stored vectors are searched: templates of FAISS's index_factory, for float and for binary codes.

    ``search`` lists the values of each search parameter; every combination is an operating point of one built index.
    ``nlist`` null is the square root of the number of documents, ``build_threads`` null all threads.
    """

    faiss: str = MISSING
    binary: str = "{quantization}"
    nlist: int | None = None
    search: dict[str, list[int]] = field(default_factory=dict)
    build_threads: int | None = None


@dataclass
class RuntimeConfig:
    """What runs the model, on which device and in which precision."""

    kind: str = MISSING
    device: str = "auto"
    precision: str = "float32"
    compile: bool = False
    token_budget: int | None = None
    threads: int | None = None
    latency_calls: int = 200


@dataclass
class StoreConfig:
    """Where embeddings are kept between runs; null is the user's cache folder."""

    path: str | None = None
    dtype: str = "float32"
    shard_texts: int = 512
    max_gb: float | None = None


@dataclass
class RunConfig:
    """Everything that one run needs; conf/run.yaml has the defaults."""

    model: ModelConfig = field(default_factory=ModelConfig)
    corpus: dict[str, Any] = field(default_factory=dict)
    quantization: dict[str, QuantizationConfig] = field(default_factory=dict)
    index: dict[str, IndexConfig] = field(default_factory=dict)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    store: StoreConfig = field(default_factory=StoreConfig)
    dims: Any = "native"
    measures: list[str] = field(default_factory=list)
    top_k: int = 100
    save_rankings: bool = True
    memory_gb: float = 1.0
    search_device: str = "cpu"
    load_seconds: float = 0.0
    data_dir: str = "data"
    results_dir: str = "results"


@dataclass
class ExportConfig:
    """What ``python -m evalkit export`` writes; conf/export.yaml has the defaults."""

    run: str | None = None
    formats: list[str] = field(default_factory=list)
    output_dir: str | None = None
    results_dir: str = "results"


@dataclass
class GateConfig:
    """What ``python -m evalkit gate`` compares and how strict it is; conf/gate.yaml has the defaults."""

    baseline: str = MISSING
    candidate: str | None = None
    match: list[str] = field(default_factory=list)
    measures: list[str] = field(default_factory=list)
    policy: str = "no_regression"
    tolerance: float = 0.0
    relative: bool = False
    alpha: float = 0.05
    resamples: int = 2_000
    limits: dict[str, float | None] | None = None
    require_same_space: bool = False
    inconclusive_exit_code: int = 3
    repeat: int = 1
    results_dir: str = "results"
    reports_dir: str = "reports"


@dataclass
class BaselineConfig:
    """What ``python -m evalkit baseline accept`` keeps, and where; conf/baseline.yaml has the defaults."""

    run: str | None = None
    name: str = "main"
    results_dir: str = "results"


@dataclass
class StoreCommandConfig:
    """What ``python -m evalkit store`` looks at and removes; conf/store.yaml has the defaults."""

    path: str | None = None
    verify: bool = False
    older_than_days: float | None = None
    max_gb: float | None = None


SCHEMAS: dict[str, type] = {
    "run": RunConfig,
    "export": ExportConfig,
    "store": StoreCommandConfig,
    "gate": GateConfig,
    "baseline": BaselineConfig,
}


def dims_list(dims: Any, native_dims: int, model: str) -> list[int]:
    """``dims`` of the config as a list of whole numbers, in the order given, without repeats.

    Raises UserError for anything that is no number from 1 to ``native_dims`` and not ``native``.
    """
    wanted = []
    for value in dims if isinstance(dims, list) else [dims]:
        number = native_dims if value in ("native", None) else value
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= native_dims:
            raise UserError(
                f"dims={value} is not possible: {model} has {native_dims} dimensions.",
                f"Give whole numbers from 1 to {native_dims}, as in dims=[{native_dims // 2},{native_dims}].",
            )
        wanted.append(number)
    if not wanted:
        raise UserError("dims=[] leaves nothing to measure.", f"Give a number, as in dims={native_dims}.")
    return list(dict.fromkeys(wanted))


def check(config: RunConfig) -> None:
    """What the types alone don't say. Raises UserError for the first value that can't work."""
    for group in MULTI_GROUPS:
        if not getattr(config, group):
            raise UserError(f"{group}=[] leaves nothing to measure.", choices_hint(group))
    if not config.model.name:
        raise UserError("model.path is not set.", "Give it on the command line: model.path=<folder>.")
    if config.store.dtype not in STORE_DTYPES:
        raise UserError(f"store.dtype={config.store.dtype} is unknown.", did_you_mean(config.store.dtype, STORE_DTYPES))
    for name, value, least in (
        ("memory_gb", config.memory_gb, 0),
        ("load_seconds", config.load_seconds, 0),
        ("store.max_gb", config.store.max_gb, 0),
        ("top_k", config.top_k, 1),
        ("runtime.latency_calls", config.runtime.latency_calls, 1),
        ("store.shard_texts", config.store.shard_texts, 1),
        ("runtime.token_budget", config.runtime.token_budget, 1),
        ("runtime.threads", config.runtime.threads, 1),
    ):
        if value is not None and value < least:
            raise UserError(f"{name}={value} is not possible.", f"Give a number of at least {least}.")
    for name, quantization in config.quantization.items():
        if bool(quantization.faiss) == bool(quantization._target_):
            raise UserError(
                f"quantization.{name} needs either faiss or _target_.",
                "faiss is a fragment of FAISS's index_factory, _target_ a class of your own.",
            )
        if quantization.rescore is None:
            continue
        store, factor = quantization.rescore.store, quantization.rescore.factor
        if store not in STORES:
            raise UserError(f"quantization.{name}.rescore.store={store} is unknown.", did_you_mean(store, STORES))
        if factor < 1:
            raise UserError(f"quantization.{name}.rescore.factor={factor} is not possible.", "Give at least 1.")
