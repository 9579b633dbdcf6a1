"""Which settings of executors and ranks can work together."""

from evalkit.config.schema.models import VectorModel
from evalkit.config.schema.run import ExecutorConfig, RunConfig
from evalkit.errors import UserError

SETTINGS = {"local": (), "processes": ("workers",), "ray": ("workers", "address")}  # that a kind reads


def check_workers(config: RunConfig) -> None:
    """Raises UserError for a setting that does nothing, a rank without its number of ranks, and one beyond it."""
    check_executor(config.executor)
    if config.executor.kind != ExecutorConfig().kind and not isinstance(config.model, VectorModel):
        raise UserError(
            f"executor={config.executor.kind} does nothing for {config.model.name}, which encodes nothing.",
            "Leave it out.",
        )
    rank, world_size = config.rank, config.world_size
    if (rank is None) != (world_size is None):
        given, other = ("rank", "world_size") if world_size is None else ("world_size", "rank")
        raise UserError(f"{given} is set, and {other} is not.", "Give both, as in rank=0 world_size=4, or neither.")
    if rank is None or world_size is None:
        if config.executor.lapse_seconds != ExecutorConfig().lapse_seconds:
            raise UserError(
                "executor.lapse_seconds does nothing without ranks.", "Leave it out, or set rank and world_size."
            )
        return
    if rank >= world_size:
        raise UserError(f"there is no rank={rank} of world_size={world_size}.", "Ranks count from 0.")


def check_executor(executor: ExecutorConfig) -> None:
    for name in ("workers", "address"):
        known = SETTINGS.get(executor.kind, ("workers", "address"))
        if getattr(executor, name) is not None and name not in known:
            kinds = [kind for kind, settings in SETTINGS.items() if name in settings]
            hint = f"Leave it out, or use {' or '.join(f'executor={kind}' for kind in kinds)}."
            raise UserError(f"executor.{name} does nothing for executor={executor.kind}.", hint)
