"""From conf/ and the command line to typed configs; what is mistyped becomes one clear line.

Hydra composes ``conf/<command>.yaml`` with the command line. Every error of composing leaves this module as a
:class:`UserError` with the nearest valid name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf

from evalkit import config
from evalkit.config import GROUPS, SCHEMAS, RunConfig
from evalkit.config.files import choices_hint, conf_dir, group_choices, user_conf_dirs
from evalkit.config.moved import check_moved
from evalkit.errors import UserError, did_you_mean

TAKEN_OVER = (
    *("task", "model", "corpus", "quantization", "index", "chunking", "stages", "runtime", "dims", "measures", "top_k"),
    *(
        "serve_k",
        "memory_gb",
        "search_device",
        "load_seconds",
        "at_workload_seconds",
        "data_dir",
        "pricing",
        "workload",
    ),
)

WORDS_HINT = """Write key=value, and quotes around what has ( or = in it: 'measures=["P(rel=2)@10"]'."""

Schema = TypeVar("Schema")


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

    Where results and embeddings lie is not taken over. A run older than ``serve_k`` served all of its ``top_k``.
    Raises UserError as ``compose`` does.
    """
    stored = {"serve_k": stored.get("top_k"), **stored}
    keys = [word.lstrip("+~").partition("=")[0] for word in overrides if "=" in word and not word.startswith("-")]
    taken = [name for name in TAKEN_OVER if name not in keys and name in stored]
    given: RunConfig = compose("run", overrides)
    with readable_config_errors([]):
        composed = OmegaConf.structured(given)
        merged: Any = OmegaConf.merge(OmegaConf.structured(RunConfig), {name: stored[name] for name in taken})
        new = [f.name for f in fields(RunConfig) if f.name not in taken]
        for key in (*new, *(key for key in keys if "." in key)):
            OmegaConf.update(merged, key, OmegaConf.select(composed, key), merge=False)
        return typed(merged, RunConfig)


def typed(composed: DictConfig, schema: type[Schema]) -> Schema:
    """The composed config as ``schema``; interpolations resolved, every value present and of its type."""
    value = OmegaConf.to_object(composed)
    if not isinstance(value, schema):
        raise TypeError(f"expected {schema.__name__}, composed {type(value).__name__}")
    return value


def check_overrides(command: str, overrides: Sequence[str]) -> None:
    """Refuse what Hydra alone would accept or answer with a traceback.

    Raises UserError for a first key that is no setting (also behind ``+``) and for a group set to null.
    """
    if command == "run":
        check_moved(overrides)
    settings = {f.name for f in fields(SCHEMAS[command])}
    known = settings | set(GROUPS) if command == "run" else settings
    for override in overrides:
        key, _, value = override.partition("=")
        first = re.split(r"[.@/]", key.lstrip("+~"))[0]
        if first == "hydra":
            continue
        if first not in known:
            raise UserError(f"there is no setting '{first}' (in '{override}').", did_you_mean(first, settings))
        if first == key and first in GROUPS and value in {"null", ""}:
            raise UserError(f"{first} needs a name, '{override}' gives none.", choices_hint(first))


def register_schemas() -> None:
    """Tell Hydra the schemas under the names that conf/<command>.yaml puts first in its defaults."""
    from hydra.core.config_store import ConfigStore

    for name, schema in SCHEMAS.items():
        ConfigStore.instance().store(name=f"{name}_schema", node=schema)


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
        if parent in GROUPS and key in group_choices(parent):
            return UserError(f"{parent}.{key} is set, but {parent}={key} is not chosen.", f"Add {parent}={key}.")
        return UserError(f"there is no setting '{key}' in {parent}.", did_you_mean(key, known_keys(parent)))
    missing = getattr(error, "full_key", None)
    if "mandatory value" in str(error):
        return UserError(f"{missing} is not set.", f"Give it on the command line: {missing}=<value>.")
    detail = first_line(error)
    where = f" ({missing})" if missing else ""
    return UserError(detail + where if detail == context else f"{context.rstrip('.')}: {detail}{where}")


def known_keys(parent: str) -> list[str]:
    """The keys of the schema class or config node that OmegaConf calls ``parent``."""
    by_name = {cls.__name__: cls for cls in vars(config).values() if is_dataclass(cls) and isinstance(cls, type)}
    if parent in by_name:
        return [f.name for f in fields(by_name[parent])]
    group, _, name = parent.partition(".")
    file = conf_dir() / group / f"{name}.yaml"
    if not file.is_file():
        return list(group_choices(group)) or [f.name for f in fields(RunConfig)]
    return list(OmegaConf.to_container(OmegaConf.load(file))[name])  # type: ignore[call-overload,index]


def first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
