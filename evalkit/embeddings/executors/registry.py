"""Which file makes which kind of executor."""

from importlib import import_module

from evalkit.config import ExecutorConfig
from evalkit.embeddings.executors.executor import Executor
from evalkit.errors import UserError, did_you_mean, require

KINDS = {
    "local": "evalkit.embeddings.executors.local:Local",
    "processes": "evalkit.embeddings.executors.processes:Processes",
    "ray": "evalkit.embeddings.executors.ray_actors:RayActors",
}
EXTRAS = {"ray": "ray"}  # the package that a kind needs, which is called as its extra is


def load_executor(config: ExecutorConfig) -> Executor:
    """The executor of ``config.kind``. Raises UserError for an unknown kind, and without what it needs.

    Starts nothing yet.
    """
    if config.kind not in KINDS:
        raise UserError(f"executor.kind={config.kind} is unknown.", did_you_mean(config.kind, KINDS))
    if package := EXTRAS.get(config.kind):
        require(package, package, f"executor={config.kind}")
    module, _, name = KINDS[config.kind].partition(":")
    made = getattr(import_module(module), name)
    executor: Executor = made() if config.kind == "local" else made(config)
    return executor
