"""Whose code a run may import: modules that its user names, in a file of ``--config-dir`` or by ``allow_code``."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from evalkit.config.schema.run import RunConfig
from evalkit.errors import UserError

TARGET = "_target_"
GROUPS_WITH_CODE = ("quantization", "experiment")  # whose files may name a class


def check_code(config: RunConfig) -> None:
    """Raises UserError for a class that no module of ``allow_code`` has, and for what is no module's name."""
    for module in config.allow_code:
        if not all(part.isidentifier() for part in module.split(".")):
            raise UserError(f"allow_code has {module!a}, which is no module.", "Write allow_code=[my_quantizers].")
    for name, quantization in config.quantization.items():
        target = quantization._target_
        if target and not is_allowed(target, config.allow_code):
            module = target.rpartition(".")[0] or "<module>"
            raise UserError(
                f"quantization.{name}._target_ names {target!a}, code that nothing allows to run.",
                f"If you trust it, add allow_code=[{module}], or name it in a file of --config-dir.",
            )


def is_allowed(target: str, modules: Sequence[str]) -> bool:
    """Whether ``target`` is in one of ``modules``, or in a module of such a package."""
    return any(target.startswith(f"{module}.") for module in modules)


def with_code_of(config: RunConfig, folders: Sequence[Path]) -> RunConfig:
    """``config`` that allows the modules of those of its classes that stand in a file of ``folders``."""
    targets = [quantization._target_ for quantization in config.quantization.values() if quantization._target_]
    if not targets or not folders:
        return config
    there = set(targets_in(folders))
    modules = (target.rpartition(".")[0] for target in targets if target in there)
    return replace(config, allow_code=list(dict.fromkeys((*config.allow_code, *modules))))


def targets_in(folders: Sequence[Path]) -> Iterator[str]:
    """Every class that a config file in ``folders`` names."""
    for file in (f for folder in folders for group in GROUPS_WITH_CODE for f in (folder / group).rglob("*.yaml")):
        with suppress(OSError, ValueError, YAMLError, OmegaConfBaseException):  # it may be one that nobody chose
            yield from targets_of(OmegaConf.to_container(OmegaConf.load(file)))


def targets_of(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for key, value in content.items():
            if key == TARGET and isinstance(value, str):
                yield value
            yield from targets_of(value)
