"""The schemas of the commands beside ``run``: conf/<command>.yaml."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from evalkit.config.schema.cost import PricingConfig, WorkloadConfig


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
    allow_missing: bool = False
    measures: list[str] | None = None
    policy: str = "no_regression"
    tolerance: float = 0.0
    relative: bool = False
    alpha: float = 0.05
    resamples: int = 5_000
    limits: dict[str, float | None] | None = None
    least_ms: float = 1.0
    require_same_space: bool = False
    inconclusive_exit_code: int = 3
    repeat: int = 1
    results_dir: str = "results"
    reports_dir: str = "reports"


@dataclass
class ReportConfig:
    """Which runs ``python -m evalkit report`` ranks, and by what; conf/report.yaml has the defaults."""

    runs: list[str] = field(default_factory=list)
    task: str | None = None
    corpus_size: str | None = None
    measure: str | None = None
    cost: str | None = None
    within: float = 0.01
    alpha: float = 0.05
    pricing: PricingConfig = field(default_factory=PricingConfig)
    workload: WorkloadConfig = field(default_factory=WorkloadConfig)
    results_dir: str = "results"
    reports_dir: str = "reports"


@dataclass
class BaselineConfig:
    """What ``python -m evalkit baseline accept`` keeps, and where; conf/baseline.yaml has the defaults."""

    run: str | None = None
    name: str = "main"
    allow_busy: bool = False
    results_dir: str = "results"


@dataclass
class NewCorpusConfig:
    """What ``python -m evalkit new-corpus`` makes of a folder; conf/new-corpus.yaml has the defaults."""

    output_dir: str | None = None
    chunk_characters: int | None = None
    headings: bool = False
    keep_changed: bool = False


@dataclass
class StoreCommandConfig:
    """What ``python -m evalkit store`` looks at and removes; conf/store.yaml has the defaults."""

    path: str | None = None
    verify: bool = False
    older_than_days: float | None = None
    max_gb: float | None = None


@dataclass
class ShowConfig:
    """Which stored run ``python -m evalkit show`` prints; conf/show.yaml has the defaults."""

    run: str | None = None
    results_dir: str = "results"


@dataclass
class ListConfig:
    """Where ``python -m evalkit list`` looks for runs; conf/list.yaml has the defaults."""

    results_dir: str = "results"


@dataclass
class CompareConfig:
    """How ``python -m evalkit compare`` pairs the points of two runs; conf/compare.yaml has the defaults."""

    match: list[str] = field(default_factory=list)
    measures: list[str] = field(default_factory=list)
    alpha: float = 0.05
    resamples: int = 5_000
    results_dir: str = "results"


@dataclass
class RecommendConfig:
    """Among which settings ``python -m evalkit recommend`` chooses, and by what; conf/recommend.yaml has the defaults.

    ``runs`` says where a model must run: ``anywhere``, or ``local`` for none that texts are sent to.
    """

    by: str | None = None
    runs: str = "anywhere"
    task: str | None = None
    corpus_size: str | None = None
    measure: str | None = None
    alpha: float = 0.05
    pricing: PricingConfig = field(default_factory=PricingConfig)
    workload: WorkloadConfig = field(default_factory=WorkloadConfig)
    results_dir: str = "results"
