"""What holds of every value of a config, whatever it is for: its type all the way down, its range, no odd characters.

OmegaConf checks what is in a list or dict less: ``runs=[[a]]`` passes for a list of texts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from evalkit.config.schema.kinds import dataclass_of, unknown_setting
from evalkit.config.schema.ranges import Range, range_of
from evalkit.errors import UserError, abridged

TYPES = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", NoneType: "null"}
WRITTEN_TO = ("results_dir", "reports_dir", "output_dir", "store.path")  # printed as one line of stdout
DEEPEST = 64  # lists and dicts within each other
MOST_SHOWN = 200  # characters of a value


def check_values(config: Any, parent: str = "") -> None:
    """Raises UserError for the first value of ``config``, a dataclass of a schema, that can't be whatever it is for."""
    hints = get_type_hints(type(config))
    for name in vars(config).keys() - hints.keys():  # OmegaConf lets one behind + into a dict's dataclass
        raise unknown_setting(parent, name, hints)
    for setting, hint in hints.items():
        name = f"{parent}.{setting}" if parent else setting
        check_value(name, getattr(config, setting), hint, range_of(type(config), setting))


def check_value(name: str, value: Any, hint: Any, of: Range, depth: int = 0) -> None:
    """Raises UserError where ``value``, at ``name``, is no ``hint``, or a number beyond its range, or deeper nested."""
    if depth > DEEPEST:
        raise UserError(f"{name.partition('.')[0]} is nested more than {DEEPEST} deep.", "Give it less nested.")
    if not is_of(value, hint):
        raise UserError(f"{name}={shown(value)} is not possible: {name} takes {expected([hint])}.")
    if is_dataclass(value):
        check_values(value, name)
    elif isinstance(value, Mapping):
        for key, below in value.items():
            check_text(name, str(key))
            check_value(f"{name}.{key}", below, item_of(hint), of, depth + 1)
    elif isinstance(value, list):
        if wrong := [item for item in value if not is_of(item, item_of(hint))]:
            raise UserError(f"{name}={shown(wrong)} is not possible: {name} takes {expected([hint])}.")
        for item in value:
            check_value(name, item, item_of(hint), of, depth + 1)
    elif isinstance(value, str):
        check_text(name, value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        check_number(name, value, of)


def check_number(name: str, value: float, of: Range) -> None:
    if not of.lowest <= value <= of.highest:  # nor is nan
        kind = "a whole number" if isinstance(value, int) else "a number"
        hint = f"Give {kind} from {plain(of.lowest)} to {plain(of.highest)} ({of.of})."
        raise UserError(f"{name}={shown(value)} is not possible.", hint)


def plain(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:,.6f}".rstrip("0")


def check_text(name: str, text: str) -> None:
    """Raises UserError for what no file, database or line of output takes."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise UserError(f"{name}={shown(text)} has a character that no text can hold.", "Leave it out.")
    if name in WRITTEN_TO and not text.isprintable():
        raise UserError(f"{name}={shown(text)} has a character that can't be printed.", "Give a plain folder name.")


def is_of(value: Any, hint: Any) -> bool:
    """Whether ``value`` itself is a ``hint``; what it holds is another matter. Whole numbers are numbers."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kinds = tuple(get_origin(option) or option for option in options)
    if Any in kinds:
        return True
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, (*kinds, int) if float in kinds else kinds)


def item_of(hint: Any) -> Any:
    """The type of what is in a list or dict of type ``hint``."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    items = [get_args(option)[-1] for option in options if get_args(option)]
    return items[0] if items else Any


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


def shown(value: Any) -> str:
    """``value`` as a message names it: a whole number of 400 digits by its size."""
    if isinstance(value, int) and abs(value) >= 10**MOST_SHOWN:
        return f"{'-' * (value < 0)}10^{math.log10(abs(value)):.0f}"
    return abridged(str(value), MOST_SHOWN)
