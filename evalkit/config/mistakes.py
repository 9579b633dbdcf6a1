"""What Hydra and OmegaConf raise while a config is composed, as one line each with the nearest valid name."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from types import NoneType
from typing import Any, get_args, get_origin

from evalkit.config import CORPUS_SOURCES, GROUPS, MULTI_GROUPS, SCHEMAS
from evalkit.config.files import group_choices, kinds_in_files, names_in_files, overrides_of, user_conf_dirs
from evalkit.config.kinds import MODEL_SCHEMAS, dataclass_of, keys_below, takes_any_field, unknown_setting
from evalkit.config.words import hints_of
from evalkit.errors import UserError, did_you_mean, first_line

WORDS_HINT = """Write key=value, and quotes around what has ( or = in it: 'measures=["P(rel=2)@10"]'."""
SINGULAR = {"stages": "stage"}
TYPES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", NoneType: "null"}


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
        choices = group_choices(group, extra) if group in GROUPS else error.options or ()
        if not group:
            raise UserError(first_line(error)) from None
        raise UserError(f"there is no {SINGULAR.get(group, group)} '{name}'.", did_you_mean(name, choices)) from None
    except OverrideParseException as error:
        raise UserError(f"can't read '{error.override}': {first_line(error)}", WORDS_HINT) from None
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
        raise explained(cause, first_line(error), arguments, command) from None
    except (AssertionError, AttributeError) as error:  # OmegaConf's answers to a group that is null
        if "Unexpected type for root" not in str(error) and "full_key: " not in str(error):
            raise
        raise below_null(arguments) from None


def explained(error: BaseException, context: str, arguments: Sequence[str], command: str) -> UserError:
    """``error`` of OmegaConf or Hydra; ``context`` is the first line of what was raised from it."""
    if several := re.match(r"Ambiguous value for argument '([^']*?)=", context):
        return several_values(several[1], next(a for a in arguments if a.startswith(f"{several[1]}=")), command)
    named = re.search(r"full_key: (\S+)", str(error))
    full_key = str(getattr(error, "full_key", None) or (named and named[1]) or "")
    unknown = re.search(r"Key '([^']+)' (?:is )?not in (?:'[^']+'|struct)", str(error))
    if unknown:
        key, parent = unknown[1], full_key.rpartition(".")[0]
        if parent in GROUPS and key in group_choices(parent):
            return UserError(f"{parent}.{key} is set, but {parent}={key} is not chosen.", f"Add {parent}={key}.")
        return nowhere((full_key or key).split("."), arguments, command)
    if "mandatory value" in str(error):
        return UserError(f"{full_key} is not set.", f"Give it on the command line: {full_key}=<value>.")
    path = re.sub(r"\[\d+\]$", "", full_key)  # of the list that an item is in
    given, types = given_for(path, arguments), hints_of(path, [command])
    if given and types and type(error).__name__ == "ValidationError":
        return UserError(
            f"'{given}' is not possible: {full_key} takes {expected(types)}.", wrong_type_hint(given, types)
        )
    if type(error).__name__ == "GrammarParseError":
        return UserError(f"can't read '{given or full_key}': {first_line(error)}.", "Write \\${ where it is a text.")
    detail = first_line(error)
    where = f" ({full_key})" if full_key else ""
    return UserError(detail + where if detail == context else f"{context.rstrip('.')}: {detail}{where}")


def several_values(key: str, given: str, command: str) -> UserError:
    """The one line for ``key=a,b`` outside a sweep."""
    value = given.partition("=")[2]
    takes_list = any(get_origin(hint) is list or hint is Any for hint in hints_of(key, [command]))
    as_list = f"'{key}=[{value}]'" if takes_list or key in (*MULTI_GROUPS, "stages") else ""
    sweep = f"a sweep over them: -m {given}" if command == "run" else ""
    ways = " or ".join(filter(None, (as_list, sweep)))
    return UserError(f"'{given}' gives several values to one.", f"Write {ways}." if ways else "Give one.")


def given_for(path: str, arguments: Sequence[str]) -> str:
    """The last of ``arguments`` that sets what is at ``path``; empty where none does."""
    setting = [word for word in overrides_of(arguments) if word.lstrip("+").partition("=")[0] == path]
    return setting[-1] if setting else ""


def expected(types: Sequence[Any]) -> str:
    """What a setting of one of ``types`` takes, in words."""
    options = [option for hint in types for option in (get_args(hint) if NoneType in get_args(hint) else (hint,))]
    groups = [below for below in map(dataclass_of, options) if below]
    if groups:
        names = dict.fromkeys(field.name for group in groups for field in fields(group))
        return f"a group of settings ({', '.join(names)})"
    return " or ".join(dict.fromkeys(words_of(option) for option in options))


def words_of(option: Any) -> str:
    if get_origin(option) is list:
        return f"a list, each item {TYPES.get(get_args(option)[0], 'a value')}"
    return TYPES.get(option, "a group of settings" if get_origin(option) is dict else "a value")


def wrong_type_hint(given: str, types: Sequence[Any]) -> str:
    key, _, value = given.partition("=")
    if any(get_origin(hint) is list for hint in types) and value and value[0] not in "[{'":
        return f"Write '{key}=[{value}]'."
    groups = [below for below in map(dataclass_of, types) if below]
    return f"Set one of them, as in {key}.{fields(groups[0])[0].name}=<value>." if groups else ""


def below_null(arguments: Sequence[str]) -> UserError:
    """The one line for a setting below a group that is null, and for such a group set as a whole."""
    words = overrides_of(arguments)
    deepest = max(words, key=lambda a: a.partition("=")[0].count("."), default="")
    key, _, value = deepest.lstrip("+").partition("=")
    group = key if value.startswith("{") else key.rpartition(".")[0]
    hint = (
        f"Choose one that has it, or write one: a file in <folder>/{key.partition('.')[0]}/, and --config-dir <folder>."
    )
    return UserError(f"{group} is null, so nothing in it can be set ('{deepest}').", hint)


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
