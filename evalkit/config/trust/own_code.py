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

TARGET, ENGINE = "_target_", "engine"
GROUPS_WITH_CODE = ("quantization", "index", "experiment")  # whose files may name a class


def check_code(config: RunConfig) -> None:
    """Raises UserError for a class that no module of ``allow_code`` has, and for what is no module's name."""
    for module in config.allow_code:
        if not all(part.isidentifier() for part in module.split(".")):
            raise UserError(f"allow_code has {module!a}, which is no module.", "Write allow_code=[my_quantizers].")
    for setting, target in classes_of(config).items():
        if not is_allowed(target, config.allow_code):
            module = module_of(target) or "<module>"
            raise UserError(
                f"{setting} names {target!a}, code that nothing allows to run.",
                f"If you trust it, add allow_code=[{module}], or name it in a file of --config-dir.",
            )


def classes_of(config: RunConfig) -> dict[str, str]:
    """Setting → the class of a user's own that it names: of a quantizer, or of an engine."""
    quantizers = {f"quantization.{name}.{TARGET}": each._target_ for name, each in config.quantization.items()}
    engines = {f"index.{name}.{ENGINE}": each.engine for name, each in config.index.items()}
    named = quantizers | {setting: engine for setting, engine in engines.items() if names_code(engine)}
    return {setting: target for setting, target in named.items() if target}


def names_code(engine: Any) -> bool:
    """Whether an ``engine`` is ``module:Class``, and no name of one of evalkit's own."""
    return ":" in str(engine)


def module_of(target: str) -> str:
    return dotted(target).rpartition(".")[0]


def dotted(target: str) -> str:
    return target.replace(":", ".")


def is_allowed(target: str, modules: Sequence[str]) -> bool:
    """Whether ``target`` (``module.Class``, ``module:Class``) is in one of ``modules``, or in one of such a package."""
    return any(dotted(target).startswith(f"{module}.") for module in modules)


def with_code_of(config: RunConfig, folders: Sequence[Path]) -> RunConfig:
    """``config`` that allows the modules of those of its classes that stand in a file of ``folders``."""
    targets = list(classes_of(config).values())
    if not targets or not folders:
        return config
    there = set(targets_in(folders))
    modules = (module_of(target) for target in targets if target in there)
    return replace(config, allow_code=list(dict.fromkeys((*config.allow_code, *modules))))


def targets_in(folders: Sequence[Path]) -> Iterator[str]:
    """Every class that a config file in ``folders`` names."""
    for file in (f for folder in folders for group in GROUPS_WITH_CODE for f in (folder / group).rglob("*.yaml")):
        with suppress(OSError, ValueError, YAMLError, OmegaConfBaseException):  # it may be one that nobody chose
            yield from targets_of(OmegaConf.to_container(OmegaConf.load(file)))


def targets_of(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for key, value in content.items():
            if isinstance(value, str) and (key == TARGET or (key == ENGINE and names_code(value))):
                yield value
            yield from targets_of(value)
