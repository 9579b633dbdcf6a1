"""The typed schema of conf/, and what turns a mistyped setting into one clear line.

Hydra composes ``conf/<command>.yaml`` with the command line; the dataclasses here say which keys exist and of
which type. Every error of composing leaves this module as a :class:`UserError`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import MISSING, DictConfig, OmegaConf

from evalkit.errors import UserError, did_you_mean

MULTI_GROUPS = ("corpus", "quantization", "index")
GROUPS = ("model", *MULTI_GROUPS, "runtime", "experiment")
STORES = ("float32", "float16", "int8")
STORE_DTYPES = ("float32", "float16")
TAKEN_OVER = (
    *("model", "corpus", "quantization", "index", "runtime", "dims", "measures", "top_k"),
    *("memory_gb", "search_device", "load_seconds", "data_dir"),
)


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


WORDS_HINT = """Write key=value, and quotes around what has ( or = in it: 'measures=["P(rel=2)@10"]'."""


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
Schema = TypeVar("Schema")


def conf_dir() -> Path:
    """The folder of shipped configs: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    return next(d for d in (package / "conf", package.parent / "conf") if (d / "run.yaml").is_file())


def user_conf_dirs(arguments: Sequence[str]) -> list[Path]:
    """The folders given with Hydra's ``--config-dir`` (or ``-cd``) on the command line."""
    found = []
    for i, argument in enumerate(arguments):
        flag, _, value = argument.partition("=")
        if flag in {"--config-dir", "-cd"}:
            found.append(Path(value or "".join(arguments[i + 1 : i + 2])))
    return found


def group_choices(group: str, extra: Sequence[Path] = ()) -> dict[str, str]:
    """name → the one-line description of every config of ``group``, own configs included.

    The description is the text behind the dash of a file's first comment line.
    """
    choices = {}
    for folder in (conf_dir(), *extra):
        for file in sorted((folder / group).glob("*.yaml"), key=lambda f: f.stem):
            first = file.read_text(encoding="utf-8").partition("\n")[0]
            choices[file.stem] = first.partition("—")[2].strip() if first.startswith("#") else ""
    return choices


def register_schemas() -> None:
    """Tell Hydra the schemas under the names that conf/<command>.yaml puts first in its defaults."""
    from hydra.core.config_store import ConfigStore

    for name, schema in SCHEMAS.items():
        ConfigStore.instance().store(name=f"{name}_schema", node=schema)


def check_overrides(command: str, overrides: Sequence[str]) -> None:
    """Refuse what Hydra alone would accept or answer with a traceback.

    Raises UserError for a first key that is no setting (also behind ``+``) and for a group set to null.
    """
    settings = {f.name for f in fields(SCHEMAS[command])}
    for override in overrides:
        key, _, value = override.partition("=")
        first = re.split(r"[.@/]", key.lstrip("+~"))[0]
        if first == "hydra":
            continue
        if first not in settings | set(GROUPS):
            raise UserError(f"there is no setting '{first}' (in '{override}').", did_you_mean(first, settings))
        if first == key and first in GROUPS and value in {"null", ""}:
            raise UserError(f"{first} needs a name, '{override}' gives none.", choices_hint(first))


def choices_hint(group: str) -> str:
    return f"Known: {', '.join(group_choices(group))}."


@contextmanager
def readable_config_errors(arguments: Sequence[str]) -> Iterator[None]:
    """Turn what Hydra and OmegaConf raise while composing into a UserError with the nearest valid name."""
    from hydra.errors import HydraException, MissingConfigException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    extra = user_conf_dirs(arguments)
    try:
        yield
    except MissingConfigException as error:
        missing = (error.missing_cfg_file or "").removesuffix(".yaml")
        group, _, name = missing.rpartition("/")
        if group not in GROUPS:
            raise UserError(first_line(error)) from None
        raise UserError(f"there is no {group} '{name}'.", did_you_mean(name, group_choices(group, extra))) from None
    except OverrideParseException as error:
        raise UserError(f"can't read '{error.override}': {first_line(error)}", WORDS_HINT) from None
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
        raise explained(cause, first_line(error)) from None


def explained(error: BaseException, context: str) -> UserError:
    unknown = re.search(r"Key '([^']+)' (?:is )?not in (?:'([^']+)'|struct)", str(error))
    if unknown:
        key = unknown[1]
        parent = unknown[2] or str(getattr(error, "full_key", "")).rpartition(".")[0]
        return UserError(f"there is no setting '{key}' in {parent}.", did_you_mean(key, known_keys(parent)))
    missing = getattr(error, "full_key", None)
    if "mandatory value" in str(error):
        return UserError(f"{missing} is not set.", f"Give it on the command line: {missing}=<value>.")
    detail = first_line(error)
    where = f" ({missing})" if missing else ""
    return UserError(detail + where if detail == context else f"{context.rstrip('.')}: {detail}{where}")


def known_keys(parent: str) -> list[str]:
    """The keys of the schema class or config node that OmegaConf calls ``parent``."""
    by_name = {cls.__name__: cls for cls in globals().values() if is_dataclass(cls) and isinstance(cls, type)}
    if parent in by_name:
        return [f.name for f in fields(by_name[parent])]
    group, _, name = parent.partition(".")
    file = conf_dir() / group / f"{name}.yaml"
    if not file.is_file():
        return list(group_choices(group)) or [f.name for f in fields(RunConfig)]
    return list(OmegaConf.to_container(OmegaConf.load(file))[name])  # type: ignore[call-overload,index]


def first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def typed(config: DictConfig, schema: type[Schema]) -> Schema:
    """The composed config as ``schema``; interpolations resolved, every value present and of its type."""
    value = OmegaConf.to_object(config)
    if not isinstance(value, schema):
        raise TypeError(f"expected {schema.__name__}, composed {type(value).__name__}")
    return value


def compose(command: str, arguments: Sequence[str]) -> Any:
    """Compose conf/<command>.yaml with ``arguments`` (overrides, ``--config-dir``) into its schema.

    For commands that run once; ``run`` itself goes through Hydra's own main, for sweeps and launchers.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    register_schemas()
    overrides = [a for a in arguments if "=" in a and not a.startswith("-")]
    search = [f"hydra.searchpath=[file://{d.resolve()}]" for d in user_conf_dirs(arguments)]
    check_overrides(command, overrides)
    with (
        readable_config_errors(arguments),
        initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="evalkit"),
    ):
        return typed(hydra_compose(command, overrides=[*overrides, *search]), SCHEMAS[command])


def like_run(stored: Mapping[str, Any], overrides: Sequence[str]) -> RunConfig:
    """A run with the settings of a ``stored`` one (the config in its run.json), but for what ``overrides`` set.

    Where results and embeddings lie is not taken over. Raises UserError as ``compose`` does.
    """
    keys = [word.lstrip("+~").partition("=")[0] for word in overrides]
    taken = [name for name in TAKEN_OVER if name not in keys and name in stored]
    config: RunConfig = compose("run", overrides)
    with readable_config_errors([]):
        composed = OmegaConf.structured(config)
        merged: Any = OmegaConf.merge(OmegaConf.structured(RunConfig), {name: stored[name] for name in taken})
        new = [f.name for f in fields(RunConfig) if f.name not in taken]
        for key in (*new, *(key for key in keys if "." in key)):
            OmegaConf.update(merged, key, OmegaConf.select(composed, key), merge=False)
        return typed(merged, RunConfig)


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
