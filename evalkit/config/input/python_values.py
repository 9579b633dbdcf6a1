"""Settings given from Python, as the words of a command line: one language for both, and one way to check it."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, get_origin

from evalkit.config import GROUPS, MULTI_GROUPS
from evalkit.config.input.corpus_paths import is_path, with_corpus_paths
from evalkit.config.input.files import group_choices
from evalkit.config.input.words import hints_of, quoted, readable
from evalkit.config.schema.kinds import dataclass_of, literal
from evalkit.config.schema.values import MOST_SHOWN, item_of
from evalkit.errors import UserError, abridged

KEYED = (*MULTI_GROUPS, "stages")  # groups whose settings lie below the name of each choice


def overrides(command: str, settings: Mapping[str, Any], folders: Sequence[Path] = ()) -> list[str]:
    """``settings`` of ``command`` as overrides: ``dims=[64, 256]`` is ``dims=[64,256]``, texts are in quotes.

    A dict sets what is below: ``runtime={"precision": "bf16"}``; of a group it may also choose, by name, what it sets:
    ``corpus={"beir": {"path": "data/ours"}}``. Raises UserError for a value that no config can hold.
    """
    return [word for key, value in settings.items() for word in words_of(command, key, value, folders)]


def words_of(command: str, key: str, value: Any, folders: Sequence[Path]) -> Iterator[str]:
    """The overrides that give ``value`` to the setting ``key``, which may have a dotted path."""
    if command == "run" and key in GROUPS and isinstance(value, Mapping) and is_choice(key, value, folders):
        names = [str(name) for name in value]
        yield f"{key}={written(key, names if key in KEYED else names[0])}"
        below = value if key in KEYED else value[names[0]]
        yield from (word for name, own in below.items() for word in words_of(command, f"{key}.{name}", own, folders))
    elif isinstance(value, Mapping) and value and not is_open(command, key):
        yield from (word for name, own in value.items() for word in words_of(command, f"{key}.{name}", own, folders))
    elif command == "run" and key == "corpus" and any(is_path(name, folders) for name in names_in(value)):
        given = ",".join(names_in(value))
        given = f"[{given}]" if isinstance(value, list | tuple) else given
        yield from (readable(word, (command,), False) for word in with_corpus_paths([f"corpus={given}"], folders))
    else:
        yield f"{key}={written(key, value)}"


def names_in(value: Any) -> list[str]:
    """The names of corpora, or the paths of their folders, that ``value`` gives."""
    return [str(name) for name in (value if isinstance(value, list | tuple) else [value])]


def is_choice(group: str, value: Mapping[Any, Any], folders: Sequence[Path]) -> bool:
    """Whether the keys of ``value`` are names in ``group``, and not settings."""
    is_one = len(value) == 1 and all(isinstance(settings, Mapping) for settings in value.values())
    return group in KEYED or (is_one and not value.keys() - group_choices(group, folders).keys())


def is_open(command: str, key: str) -> bool:
    """Whether ``key`` takes fields of any name, which are given together."""
    return any(get_origin(hint) is dict and not dataclass_of(item_of(hint)) for hint in hints_of(key, [command]))


def written(key: str, value: Any) -> str:
    """``value`` in Hydra's grammar, so that it reads back as just that: no sweep, reference or other type.

    Raises UserError for what no config can hold.
    """
    match plain(value):
        case None:
            return "null"
        case bool() as truth:
            return str(truth).lower()
        case int() | float() as number:
            return str(number)
        case str() as text:
            return quoted(literal(text))
        case list() | tuple() as items:
            return "[" + ",".join(written(key, item) for item in items) + "]"
        case Mapping() as fields:
            pairs = (f"{field_name(key, name)}:{written(key, own)}" for name, own in fields.items())
            return "{" + ",".join(pairs) + "}"
    kind = type(value).__name__
    raise UserError(
        f"{key}={abridged(repr(value), MOST_SHOWN)} is not possible: it is of type {kind}.",
        "Give numbers, texts, lists or dicts of them, true, false or None.",
    )


def field_name(key: str, name: Any) -> str:
    """The name of a field in a dict. Raises UserError for one that Hydra's grammar has no quotes for."""
    if not re.fullmatch(r"[\w./+@-]+", str(name)):
        raise UserError(f"{key} can't have a field called {abridged(ascii(name), MOST_SHOWN)}.", "Give a plain name.")
    return str(name)


def plain(value: Any) -> Any:
    """``value`` with paths as texts, and numbers and arrays of NumPy as Python's own."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, range | Set):
        return list(value)
    return value.tolist() if hasattr(value, "tolist") else value
