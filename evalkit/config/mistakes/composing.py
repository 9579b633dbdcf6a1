"""What Hydra and OmegaConf raise while a config is composed, as one line each with the nearest valid name."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from traceback import walk_tb
from typing import Any, get_origin

from evalkit.config import CORPUS_SOURCES, GROUPS, SCHEMAS
from evalkit.config.input.files import group_choices, kinds_in_files, names_in_files, overrides_of, user_conf_dirs
from evalkit.config.input.words import hints_of, takes_several
from evalkit.config.input.yaml_files import problem_of
from evalkit.config.mistakes.meant import CALLED, places_of, where_it_is
from evalkit.config.schema.kinds import MODEL_SCHEMAS, dataclass_of, keys_below, takes_any_field, unknown_setting
from evalkit.config.schema.values import MOST_SHOWN, expected
from evalkit.errors import UserError, abridged, did_you_mean, first_line

WORDS_HINT = """Write key=value, and quotes around what has ( or = in it: 'measures=["P(rel=2)@10"]'."""
COMPOSE_HINT = "Leave out one setting after the other to see which it is: --cfg job prints what is composed."
NESTED = "something is nested too deeply, or refers to itself"
SINGULAR = {"stages": "stage"}
LIBRARIES = ("hydra", "omegaconf", "yaml", "antlr4")
OF_REFERENCES = ("InterpolationKeyError", "InterpolationResolutionError", "UnsupportedInterpolationType")


@contextmanager
def readable_config_errors(
    arguments: Sequence[str], command: str = "run", can_sweep: bool | None = None
) -> Iterator[None]:
    """Turn what Hydra and OmegaConf raise while composing into a UserError with the nearest valid name.

    ``can_sweep`` null is whether ``command`` can.
    """
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
        can_sweep = command == "run" if can_sweep is None else can_sweep
        raise explained(cause, first_line(error), arguments, command, can_sweep) from None
    except (AssertionError, AttributeError) as error:  # OmegaConf's answers to a group that is null
        if "Unexpected type for root" not in str(error) and "full_key: " not in str(error):
            raise
        raise below_null(arguments) from None
    except Exception as error:
        if not is_of_libraries(error):
            raise
        reason = NESTED if isinstance(error, RecursionError) else problem_of(error)
        raise UserError(f"the settings can't be composed: {reason.rstrip('.')}.", COMPOSE_HINT) from None


def is_of_libraries(error: Exception) -> bool:
    """Whether what composes raised ``error``, over something that it was given, and no code of evalkit's own."""
    rooms = [str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in walk_tb(error.__traceback__)]
    return next((room in LIBRARIES for room in reversed(rooms) if room in (*LIBRARIES, "evalkit")), False)


def explained(error: BaseException, context: str, arguments: Sequence[str], command: str, can_sweep: bool) -> UserError:
    """``error`` of OmegaConf or Hydra; ``context`` is the first line of what was raised from it."""
    if several := re.match(r"Ambiguous value for argument '([^']*?)=", context):
        key = several[1].lstrip("+~")
        return several_values(key, given_for(key, arguments) or key, command, can_sweep)
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
    if full_key and "Invalid type assigned: dict is not" in str(error):
        hint = "Write it into a file, <folder>/<group>/<name>.yaml, and give --config-dir <folder>."
        added = re.match(r"Error merging override \++([^=]+)=", context)
        return UserError(f"{added[1] if added else full_key} is in no file and can't be added.", hint)
    if swept := re.match(r"Sweep parameters '(.*)' requires --multirun", context):
        return UserError(f"'{abridged(swept[1], MOST_SHOWN)}' sweeps over several values.", "Write it behind -m.")
    path = re.sub(r"\[\d+\]$", "", full_key)  # of the list that an item is in
    given, types = given_for(path, arguments), hints_of(path, [command])
    if type(error).__name__ == "GrammarParseError":
        shown = abridged(given or full_key, MOST_SHOWN)
        return UserError(f"can't read '{shown}': {first_line(error)}.", "Write \\${ where it is a text.")
    if given and types and type(error).__name__ not in OF_REFERENCES:
        shown = abridged(given, MOST_SHOWN)
        return UserError(f"'{shown}' is not possible: {path} takes {expected(types)}.", wrong_type_hint(given, types))
    detail = first_line(error)
    where = f" ({full_key})" if full_key else ""
    return UserError(detail + where if detail == context else f"{context.rstrip('.')}: {detail}{where}")


def several_values(key: str, given: str, command: str, can_sweep: bool) -> UserError:
    """The one line for ``key=a,b`` outside a sweep."""
    value = given.partition("=")[2]
    together = "both" if value.count(",") == 1 else "all"
    as_list = f"'{key}=[{value}]' for one run with {together}" if takes_several(key, [command]) else ""
    sweep = f"-m {given} for one run each" if can_sweep else ""
    ways = ", or ".join(filter(None, (as_list, sweep)))
    return UserError(f"'{given}' gives several values to one.", f"Write {ways}." if ways else "Give one.")


def given_for(path: str, arguments: Sequence[str]) -> str:
    """The last of ``arguments`` that sets what is at ``path``; empty where none does."""
    setting = [word for word in overrides_of(arguments) if word.lstrip("+").partition("=")[0] == path]
    return setting[-1] if setting else ""


def wrong_type_hint(given: str, types: Sequence[Any]) -> str:
    key, _, value = given.partition("=")
    takes_list = any(get_origin(hint) is list for hint in types)
    if takes_list and value and value[0] not in "[{'\"" and len(given) <= MOST_SHOWN:
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
            unknown = unknown_setting(".".join(path[:depth]), path[depth], known, owner)
            return misplaced(path, unknown.problem, arguments, command) or unknown
    parent, key = ".".join(path[:-1]), path[-1]
    if parent and takes_any_field(path[:-1]):
        return UserError(f"{parent} has no field '{key}' yet.", f"Add it: +{parent}.{key}=<value>.")
    known = names_in_files(path[:-1], user_conf_dirs(arguments)) if parent else keys_below(SCHEMAS[command], ())
    return unknown_setting(parent or command, key, known)


def misplaced(path: Sequence[str], problem: str, arguments: Sequence[str], command: str) -> UserError | None:
    """``problem`` with where the setting at ``path`` is, if it is in another group or called otherwise; else null."""
    places = places_of(path[-1], (command,))
    if places != [CALLED.get(path[-1])]:
        places = [place for place in places if place.partition(".")[0] != path[0]]
    if not places:
        return None
    value = given_for(".".join(path), arguments).partition("=")[2]
    return UserError(problem, where_it_is(path[-1], value, places))


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
