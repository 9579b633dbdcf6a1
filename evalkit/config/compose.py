"""From conf/ and the command line to typed configs; what is mistyped becomes one clear line.

Hydra composes ``conf/<command>.yaml`` with the command line. Every error of composing leaves this module as a
:class:`UserError` with the nearest valid name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf

from evalkit.config import CORPUS_SOURCES, GROUPS, MODEL_KINDS, SCHEMAS, RunConfig
from evalkit.config.check import fitted
from evalkit.config.files import choices_hint, conf_dir, group_choices, kinds_in_files, names_in_files, user_conf_dirs
from evalkit.config.kinds import (
    MODEL_SCHEMAS,
    composed_run,
    keys_below,
    known_of_stored,
    narrowed,
    takes_any_field,
    unknown_setting,
)
from evalkit.config.moved import check_moved
from evalkit.errors import UserError, did_you_mean, first_line

TAKEN_OVER = (
    *("task", "model", "corpus", "quantization", "index", "chunking", "stages", "runtime", "dims"),
    *("measures", "top_k", "serve_k", "memory_gb", "search_device", "load_seconds", "at_workload_seconds"),
    *("data_dir", "pricing", "workload"),
)
WORDS_HINT = """Write key=value, and quotes around what has ( or = in it: 'measures=["P(rel=2)@10"]'."""

Schema = TypeVar("Schema")


def compose(command: str, arguments: Sequence[str]) -> Any:
    """Compose conf/<command>.yaml with ``arguments`` (overrides, ``--config-dir``) into its schema.

    For commands that run once; ``run`` itself goes through Hydra's own main, for sweeps and launchers.
    """
    with readable_config_errors(arguments, command):
        return typed(composed(command, arguments), SCHEMAS[command])


def like_run(stored: Mapping[str, Any], overrides: Sequence[str]) -> RunConfig:
    """A run with the settings of a ``stored`` one (the config in its run.json), but for what ``overrides`` set.

    Where results and embeddings lie is not taken over, nor what the run's kind of model has no use for. A run older
    than ``serve_k`` served all of its ``top_k``. Raises UserError as ``compose`` does.
    """
    stored = {"serve_k": stored.get("top_k"), **stored}
    given = [word for word in overrides if "=" in word and not word.startswith("-")]
    keys = [word.lstrip("+~").partition("=")[0] for word in given]
    taken = [name for name in TAKEN_OVER if name not in keys and stored.get(name, {}) != {}]
    with readable_config_errors(overrides):
        new = composed("run", overrides)
        OmegaConf.resolve(new)
        kind = OmegaConf.select(new, "model.kind") if "model.kind" in keys else None
        of_run = {name: of_its_kind(name, stored[name], kind) for name in taken}
        merged: Any = OmegaConf.merge(OmegaConf.structured(composed_run()), of_run)
        others = [f.name for f in fields(RunConfig) if f.name not in taken]
        for key in (*others, *(key for key in keys if "." in key)):
            OmegaConf.update(merged, key, OmegaConf.select(new, key), merge=False)
        return fitted(typed(merged, RunConfig), given, is_sweep=False)


def of_its_kind(name: str, stored: Any, kind: str | None) -> Any:
    """The ``stored`` group ``name`` with the settings that its kind of model, or its corpora's sources, have."""
    if name == "model" and (known := MODEL_KINDS.get(kind or str(stored.get("kind")))):
        return known_of_stored(stored, known.schema, known.no_use_for)
    if name == "corpus":
        schemas = {key: CORPUS_SOURCES.get(str(settings.get("source"))) for key, settings in stored.items()}
        return {key: known_of_stored(stored[key], schema) if schema else stored[key] for key, schema in schemas.items()}
    return stored


def composed(command: str, arguments: Sequence[str]) -> DictConfig:
    """conf/<command>.yaml with ``arguments`` as Hydra composes it, a model with the settings of every kind."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    register_schemas()
    overrides = [a for a in arguments if "=" in a and not a.startswith("-")]
    search = [f"hydra.searchpath=[file://{d.resolve()}]" for d in user_conf_dirs(arguments)]
    check_overrides(command, overrides)
    with initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="evalkit"):
        return hydra_compose(command, overrides=[*overrides, *search])


def typed(composed: DictConfig, schema: type[Schema]) -> Schema:
    """The composed config as ``schema``; interpolations resolved, every value present and of its type."""
    value = OmegaConf.to_object(narrowed(composed) if schema is RunConfig else composed)
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
        node = composed_run() if schema is RunConfig else schema
        ConfigStore.instance().store(name=f"{name}_schema", node=node)


@contextmanager
def readable_config_errors(arguments: Sequence[str], command: str = "run") -> Iterator[None]:
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
        raise explained(cause, first_line(error), arguments, command) from None
    except AssertionError as error:  # OmegaConf's answer to a key below a group that is null
        if "Unexpected type for root" not in str(error):
            raise
        deepest = max((a for a in arguments if "=" in a), key=lambda a: a.partition("=")[0].count("."), default="")
        parent, _, key = deepest.partition("=")[0].rpartition(".")
        hint = f"Give all of it: '{parent}={{{key}: {deepest.partition('=')[2]}, …}}'."
        raise UserError(f"{parent} is null, so nothing below it can be set ('{deepest}').", hint) from None


def explained(error: BaseException, context: str, arguments: Sequence[str], command: str) -> UserError:
    named = re.search(r"full_key: (\S+)", str(error))
    full_key = getattr(error, "full_key", None) or (named and named[1])
    unknown = re.search(r"Key '([^']+)' (?:is )?not in (?:'[^']+'|struct)", str(error))
    if unknown:
        key, parent = unknown[1], str(full_key or "").rpartition(".")[0]
        if parent in GROUPS and key in group_choices(parent):
            return UserError(f"{parent}.{key} is set, but {parent}={key} is not chosen.", f"Add {parent}={key}.")
        return nowhere(str(full_key or key).split("."), arguments, command)
    if "mandatory value" in str(error):
        return UserError(f"{full_key} is not set.", f"Give it on the command line: {full_key}=<value>.")
    detail = first_line(error)
    where = f" ({full_key})" if full_key else ""
    return UserError(detail + where if detail == context else f"{context.rstrip('.')}: {detail}{where}")


def nowhere(path: Sequence[str], arguments: Sequence[str], command: str) -> UserError:
    """The one line for a setting at ``path`` that isn't there: the first of its keys that nothing has."""
    for depth in range(1, len(path)):
        known, owner = known_keys(path[:depth], arguments, command)
        if known and path[depth] not in known:
            return unknown_setting(".".join(path[:depth]), path[depth], known, owner)
    parent, key = ".".join(path[:-1]), path[-1]
    if parent and takes_any_field(path[:-1]):
        return UserError(f"{parent} has no field '{key}' yet.", f"Add it: +{parent}.{key}=<value>.")
    return unknown_setting(parent or command, key, names_in_files(path[:-1], user_conf_dirs(arguments)))


def known_keys(path: Sequence[str], arguments: Sequence[str], command: str) -> tuple[list[str], str]:
    """The settings that there are at ``path``, and of which kind those of a model or a corpus are."""
    group, below = path[0], list(path[1:])
    if command != "run" or group not in ("model", "corpus") or (group == "corpus" and not below):
        return keys_below(SCHEMAS[command], path), ""
    schemas = MODEL_SCHEMAS if group == "model" else CORPUS_SOURCES
    key, of_one = ("kind", below) if group == "model" else ("source", below[1:])
    kinds = [kind for kind in kinds_in_files(group, key, below[:1], arguments) if kind in schemas]
    names = [name for kind in kinds or schemas for name in keys_below(schemas[kind], of_one)]
    return names, f"{key} {', '.join(kinds)}" if kinds else ""
