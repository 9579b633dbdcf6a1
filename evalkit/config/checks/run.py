"""What a config alone can tell: which values can work beyond what their types say, and which do nothing."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from evalkit.config import (
    MODEL_KINDS,
    MULTI_GROUPS,
    ChunkingConfig,
    HostedModel,
    LoadConfig,
    ModelConfig,
    PricingConfig,
    RerankerConfig,
    RescoreConfig,
    RunConfig,
    RuntimeConfig,
    StageConfig,
    StoreConfig,
    VectorModel,
    VectorsModel,
    WorkloadConfig,
)
from evalkit.config.checks.depths import check_depths
from evalkit.config.checks.filters import check_filter
from evalkit.config.checks.indexes import check_fragment, check_indexes
from evalkit.config.checks.requests import check_requests
from evalkit.config.checks.sizes import check_sizes
from evalkit.config.checks.workers import check_workers
from evalkit.config.input.files import choices_hint
from evalkit.config.schema.models import RERANKED
from evalkit.config.schema.run import CLIENTS
from evalkit.config.schema.stages import STAGE_KINDS
from evalkit.config.schema.values import check_values
from evalkit.config.trust.own_code import check_code
from evalkit.errors import UserError, did_you_mean, say

RESCORE_STORES = ("float32", "float16", "int8")
STORE_DTYPES = ("float32", "float16")
PRECISIONS = ("float32", "bf16", "fp16")
DEVICES = ("auto", "cpu", "cuda", "mps")
NO_RUNTIME = RuntimeConfig(kind="torch")
LEAST_OFFERED = 20  # queries, of which one in 20 may take longer than a p95
OF_VECTORS = ("dims", "quantization", "index", "chunking")
AUTO = "auto"


def check(config: RunConfig) -> None:
    """What the types alone don't say. Raises UserError for the first value that can't work."""
    check_values(config)
    check_model(config.model)
    if isinstance(config.model, VectorModel) and config.model.native_dims:  # else the model itself tells, once loaded
        dims_list(config.dims, config.model.native_dims, config.model.name)
    for group in MULTI_GROUPS:
        is_read = group in ("task", "corpus") or MODEL_KINDS[config.model.kind].has_vectors
        if is_read and not getattr(config, group):
            raise UserError(f"{group}=[] leaves nothing to measure.", choices_hint(group))
    check_runtime(config.runtime)
    check_store(config.store)
    check_chunking(config.chunking)
    check_depths(config, stages_of(config))
    check_cost(config.pricing, config.workload)
    check_load(config.load)
    check_quantizations(config)
    check_code(config)
    check_indexes(config.index)
    check_filter(config)
    check_sizes(config)
    check_workers(config)


def fitted(config: RunConfig, given: Sequence[str], is_sweep: bool) -> RunConfig:
    """``config`` without the settings that do nothing for its kind of model, which is how a run is recorded.

    ``given`` are the overrides of the command line. Raises UserError where they set such a setting for one model
    alone; in a sweep, where it is meant for the other models, a line on stderr says that it is left out.
    """
    unused = unused_settings(config, given)
    if unused and not is_sweep:
        raise UserError(f"{why_unused(config.model)}: leave out {', '.join(unused)}.")
    if unused:
        say(f"evalkit: {why_unused(config.model)}: {', '.join(unused)} left out")
    used = runtime_fields(config)
    kept = {f.name: getattr(config.runtime, f.name) for f in fields(RuntimeConfig) if f.name in used}
    if config.runtime.kind == AUTO:
        kept["kind"] = AUTO
    config = replace(config, runtime=replace(NO_RUNTIME, **kept))
    if MODEL_KINDS[config.model.kind].has_vectors:
        return config
    return replace(config, dims="native", quantization={}, index={}, chunking=ChunkingConfig(kind="none"))


def unused_settings(config: RunConfig, given: Sequence[str]) -> list[str]:
    """Those of the overrides ``given`` that do nothing for the config's kind of model, by their names."""
    keys = [word.lstrip("+~").partition("=")[0].partition("@")[0] for word in given]
    used = runtime_fields(config)
    is_lexical = not MODEL_KINDS[config.model.kind].has_vectors
    unused = [key for key in keys if is_lexical and key.partition(".")[0] in OF_VECTORS]
    for key in keys:
        group, _, name = key.partition(".")
        names = [name] if name else [f.name for f in fields(RuntimeConfig)]
        if group == "runtime" and any(n not in used and does_differ(config.runtime, n) for n in names):
            unused.append(key)
    return list(dict.fromkeys(unused))


def does_differ(runtime: RuntimeConfig, name: str) -> bool:
    """Whether a field is set to something of its own; ``runtime=auto`` finds the one runtime that a kind has."""
    value = getattr(runtime, name)
    return bool(value != getattr(NO_RUNTIME, name)) and not (name == "kind" and value == AUTO)


def runtime_fields(config: RunConfig) -> frozenset[str]:
    """The fields of the runtime that change something: for the model, and for a reranker behind it."""
    of_model = MODEL_KINDS[config.model.kind].runtime
    stages = (STAGE_KINDS.get(str(stage.kind)) for stage in config.stages.values())
    return of_model | RERANKED if RerankerConfig in stages else of_model


def why_unused(model: ModelConfig) -> str:
    if not MODEL_KINDS[model.kind].has_vectors:
        return f"{model.name} has no vectors and no runtime to choose"
    return f"{model.name} (kind {model.kind}) does not depend on it"


def dims_list(dims: Any, native_dims: int, model: str) -> list[int]:
    """``dims`` of the config as a list of whole numbers, in the order given, without repeats.

    Raises UserError for anything that is no number from 1 to ``native_dims`` and not ``native``.
    """
    numbers = []
    for value in dims if isinstance(dims, list) else [dims]:
        number = native_dims if value in ("native", None) else value
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= native_dims:
            example = f"[{native_dims // 2},{native_dims}]" if native_dims > 1 else "1"
            raise UserError(
                f"dims={value} is not possible: {model} has {native_dims} dimensions.",
                f"Give whole numbers from 1 to {native_dims}, as in dims={example}.",
            )
        numbers.append(number)
    if not numbers:
        raise UserError("dims=[] leaves nothing to measure.", f"Give a number, as in dims={native_dims}.")
    return list(dict.fromkeys(numbers))


def check_model(model: ModelConfig) -> None:
    """Raises UserError for an unknown kind, a model without a name, and requests that can't be."""
    if model.kind not in MODEL_KINDS:
        raise UserError(f"model.kind={model.kind} is unknown.", did_you_mean(model.kind, MODEL_KINDS))
    if not model.name:
        missing = "model.path" if model.kind == "sentence_transformers" else "model.name"
        raise UserError(f"{missing} is not set.", f"Give it on the command line: {missing}=<{missing[6:]}>.")
    if isinstance(model, VectorsModel):
        for side in ("documents", "queries"):
            if not getattr(model, side):
                raise UserError(f"model.{side} is not set.", f"Give the file of its vectors: model.{side}=<file>.npy.")
    if isinstance(model, HostedModel):
        check_requests(model)
    if isinstance(model, HostedModel) and model.api.native_dims and model.native_dims is None:
        raise UserError(
            "model.api.native_dims=true asks the API for model.native_dims, which is not set.",
            "Give the width: model.native_dims=<number>.",
        )


def check_runtime(runtime: RuntimeConfig) -> None:
    """Raises UserError for a precision or device that nothing has."""
    if runtime.precision not in (*PRECISIONS, AUTO):
        hint = did_you_mean(runtime.precision, PRECISIONS)
        raise UserError(f"runtime.precision={runtime.precision} is unknown.", hint)
    if runtime.device not in DEVICES and not re.fullmatch(r"cuda:\d+", runtime.device):
        name = runtime.device.lower().replace("gpu", "cuda")
        hint = did_you_mean(name, (*DEVICES, "cuda:0"))
        raise UserError(f"runtime.device={runtime.device} is unknown.", hint)
    if runtime.compile and runtime.kind != "torch":
        raise UserError(f"runtime={runtime.kind} can't compile.", "Leave out runtime.compile, or use runtime=torch.")


def check_store(store: StoreConfig) -> None:
    """Raises UserError for an unknown dtype."""
    if store.dtype not in STORE_DTYPES:
        raise UserError(f"store.dtype={store.dtype} is unknown.", did_you_mean(store.dtype, STORE_DTYPES))


def check_chunking(chunking: ChunkingConfig) -> None:
    """Raises UserError for a setting of chunking where none is chosen."""
    unset = vars(ChunkingConfig(kind="none"))
    changed = [name for name, value in vars(chunking).items() if value != unset[name]]
    if chunking.kind == "none" and changed:
        way_out = "Add chunking=tokens or chunking=sentences."
        raise UserError(f"chunking.{changed[0]} is set, but chunking=none is chosen.", way_out)


def check_quantizations(config: RunConfig) -> None:
    """Raises UserError for a quantization that is neither FAISS's nor a class, and for its rescoring."""
    for name, quantization in config.quantization.items():
        check_fragment(f"quantization.{name}.faiss", quantization.faiss)
        check_fragment(f"quantization.{name}.transform", quantization.transform)
        if bool(quantization.faiss) == bool(quantization._target_):
            raise UserError(
                f"quantization.{name} needs either faiss or _target_.",
                "faiss is a fragment of FAISS's index_factory, _target_ a class of your own.",
            )
        if quantization.rescore is not None:
            check_rescoring(f"quantization.{name}.rescore", quantization.rescore, config.served)


def check_rescoring(name: str, rescore: RescoreConfig, serve_k: int) -> None:
    """Raises UserError for an unknown store, and for numbers of candidates that can't be re-ordered."""
    if rescore.store not in RESCORE_STORES:
        raise UserError(f"{name}.store={rescore.store} is unknown.", did_you_mean(rescore.store, RESCORE_STORES))
    if rescore.factor is not None and rescore.candidates is not None:
        raise UserError(
            f"{name} has both factor={rescore.factor} and candidates={rescore.candidates}.",
            f"Give one of them, the other is null, as in {name}.factor=null.",
        )
    for key, given, least in (("factor", rescore.factor, 1), ("candidates", rescore.candidates, serve_k)):
        values = given if isinstance(given, list) else [given]
        wrong = [value for value in values if given is not None and not is_whole(value, least)]
        if wrong or not values:
            reason = "" if key == "factor" else f" (serve_k={serve_k} of them are served)"
            raise UserError(
                f"{name}.{key}={wrong[0] if wrong else '[]'} is not possible.",
                f"Give a whole number of at least {least}, or a list of them{reason}.",
            )


def is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def stages_of(config: RunConfig) -> dict[str, StageConfig]:
    """name → the stage by the schema of its kind, in the order given.

    Raises UserError for an unknown kind and a key that it does not have.
    """
    stages: dict[str, StageConfig] = {}
    for name, stage in config.stages.items():
        given = {key: value for key, value in vars(stage).items() if value is not None}
        if (kind := given.get("kind")) not in STAGE_KINDS:
            raise UserError(f"stages.{name}.kind={kind} is unknown.", did_you_mean(str(kind), STAGE_KINDS))
        schema = STAGE_KINDS[str(kind)]
        known = [field.name for field in fields(schema)]
        if unknown := [key for key in given if key not in known]:
            raise UserError(f"stages.{name} has no setting '{unknown[0]}'.", did_you_mean(unknown[0], known))
        if not isinstance(given.get("model", {}), Mapping):
            raise UserError(
                f"stages.{name}.model={given['model']} is not possible: it takes a group of settings.",
                f"Set one of them, as in stages.{name}.model.kind=bm25.",
            )
        stages[name] = schema(**given)
    return stages


def check_cost(pricing: PricingConfig, workload: WorkloadConfig) -> None:
    """Raises UserError for a machine or storage without a price."""
    for name, key, priced in (
        ("pricing.machine", pricing.machine, (AUTO, *pricing.machines)),
        ("workload.storage", workload.storage, (*pricing.storage,)),
    ):
        if key not in priced:
            raise UserError(f"{name}={key} has no price.", did_you_mean(key, priced))


def check_load(load: LoadConfig) -> None:
    """Raises UserError for a number of clients without a column, and for a rate that nobody offers for any time."""
    if unknown := [clients for clients in load.clients if clients not in CLIENTS]:
        known = ", ".join(map(str, CLIENTS))
        raise UserError(f"load.clients={unknown[0]} has no column.", f"Give some of {known}, as in load.clients=[1,8].")
    if load.seconds and not load.clients and load.queries_per_second is None:
        raise UserError("load.clients=[] leaves nothing to measure.", "Give some, as in load.clients=[1,8].")
    if load.queries_per_second is not None and not load.seconds:
        raise UserError(
            f"load.queries_per_second={load.queries_per_second:g} is offered for load.seconds=0, so for no time.",
            "Say for how long: load.seconds=10.",
        )
    if load.queries_per_second and load.queries_per_second * load.seconds < LEAST_OFFERED:
        raise UserError(
            f"load.queries_per_second={load.queries_per_second:g} offers fewer than {LEAST_OFFERED} queries in "
            f"load.seconds={load.seconds:g}, of which no p95 can be told.",
            f"Offer for longer: load.seconds={math.ceil(LEAST_OFFERED / load.queries_per_second)}.",
        )
