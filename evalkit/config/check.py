"""Which values of a config can work, beyond what their types say."""

from dataclasses import fields
from typing import Any

from evalkit.config import (
    MULTI_GROUPS,
    ChunkingConfig,
    PricingConfig,
    RescoreConfig,
    RunConfig,
    StageConfig,
    WorkloadConfig,
)
from evalkit.config.files import choices_hint
from evalkit.config.schema.stages import STAGE_KINDS
from evalkit.errors import UserError, did_you_mean

RESCORE_STORES = ("float32", "float16", "int8")
STORE_DTYPES = ("float32", "float16")


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
        missing = "model.path" if config.model.kind == "sentence_transformers" else "model.name"
        raise UserError(f"{missing} is not set.", f"Give it on the command line: {missing}=<{missing[6:]}>.")
    if config.store.dtype not in STORE_DTYPES:
        raise UserError(f"store.dtype={config.store.dtype} is unknown.", did_you_mean(config.store.dtype, STORE_DTYPES))
    for name, value, least in (
        ("memory_gb", config.memory_gb, 0),
        ("load_seconds", config.load_seconds, 0),
        ("at_workload_seconds", config.at_workload_seconds, 0),
        ("store.max_gb", config.store.max_gb, 0),
        ("top_k", config.top_k, 1),
        ("runtime.latency_calls", config.runtime.latency_calls, 1),
        ("store.shard_texts", config.store.shard_texts, 1),
        ("chunking.size", config.chunking.size, 1),
        ("chunking.overlap", config.chunking.overlap, 0),
        ("chunking.top_chunks", config.chunking.top_chunks, 1),
        ("runtime.timing_seconds", config.runtime.timing_seconds, 0),
        ("runtime.token_budget", config.runtime.token_budget, 1),
        ("runtime.threads", config.runtime.threads, 1),
    ):
        at_least(name, value, least)
    if not 1 <= config.served <= config.top_k:
        raise UserError(
            f"serve_k={config.serve_k} is not possible.",
            f"Give a number from 1 to top_k={config.top_k}, or raise top_k; null is 10, or top_k where that is less.",
        )
    check_chunking(config)
    stages_of(config)
    check_cost(config.pricing, config.workload)
    for name, quantization in config.quantization.items():
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


def check_chunking(config: RunConfig) -> None:
    """Raises UserError for a setting of chunking where it is not chosen."""
    unset = vars(ChunkingConfig(kind="none"))
    changed = [name for name, value in vars(config.chunking).items() if value != unset[name]]
    if config.chunking.kind == "none" and changed:
        way_out = "Add chunking=tokens or chunking=sentences."
        raise UserError(f"chunking.{changed[0]} is set, but chunking=none is chosen.", way_out)


def stages_of(config: RunConfig) -> dict[str, StageConfig]:
    """name → the stage by the schema of its kind, in the order given.

    Raises UserError for an unknown kind, a key that it does not have, and a depth that can't be.
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
        stages[name] = schema(**given)
        depth = getattr(stages[name], "depth", 1)
        if not 1 <= depth <= config.top_k:
            raise UserError(
                f"stages.{name}.depth={depth} is not possible.",
                f"Give a number from 1 to top_k={config.top_k}, or raise top_k.",
            )
    return stages


def check_cost(pricing: PricingConfig, workload: WorkloadConfig) -> None:
    """Raises UserError for the first price or volume that can't be."""
    volumes = ("tokens_per_document", "tokens_per_query", "changed_documents_per_month", "queries_per_month")
    for name in (*volumes, "reembeddings_per_year", "machine_hours_per_month"):
        at_least(f"workload.{name}", getattr(workload, name), 0)
    for name in ("documents", "write_off_months", "replicas"):
        at_least(f"workload.{name}", getattr(workload, name), 1)
    at_least("pricing.usd_per_hour", pricing.usd_per_hour, 0)


def at_least(name: str, value: float | None, least: float) -> None:
    if value is not None and not value >= least:
        raise UserError(f"{name}={value} is not possible.", f"Give a number of at least {least}.")
