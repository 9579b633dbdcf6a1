"""Which file makes which kind of executor."""

from importlib import import_module

from evalkit.config import ExecutorConfig
from evalkit.embeddings.executors.executor import Executor
from evalkit.errors import UserError, did_you_mean

KINDS = {
    "in_process": "evalkit.embeddings.executors.in_process:InProcess",
}


def load_executor(config: ExecutorConfig) -> Executor:
    """The executor of ``config.kind``. Raises UserError for an unknown kind; starts nothing yet."""
    if config.kind not in KINDS:
        raise UserError(f"executor.kind={config.kind} is unknown.", did_you_mean(config.kind, KINDS))
    module, _, name = KINDS[config.kind].partition(":")
    executor: Executor = getattr(import_module(module), name)()
    return executor
