"""Words of a command line in Hydra's grammar, so that a text needs no quotes but the shell's.

Hydra would refuse ``corpus.beir.path=语料`` and ``name=a(b)``, split ``data_dir=a,b`` and drop the last space of
``model.prompts.query=query: ``. A word that it reads as its writer means it stays as it is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

from evalkit.config import CORPUS_SOURCES, MULTI_GROUPS, SCHEMAS, TASK_KINDS
from evalkit.config.schema.kinds import MODEL_SCHEMAS, hint_at
from evalkit.errors import say

PLAIN = re.compile(r"[A-Za-z_./-][\w./:@+-]*", re.ASCII)  # reads the same with quotes and without
HOME = re.compile(r"~(/.*)?")
OF_KINDS: Mapping[str, Mapping[str, type]] = {  # settings lie below the name of each choice
    "corpus": CORPUS_SOURCES,
    "task": TASK_KINDS,
}
ALSO_SET = {"gate": ("run",)}  # commands that also take another's settings


def readable(word: str, commands: Sequence[str], is_sweep: bool = False) -> str:
    """``word`` (``key=value``) with quotes around the value where Hydra needs them to read what is written.

    ``commands`` are those whose settings it may be one of. Lists, dicts, interpolations and, in a sweep, what has
    commas stay as they are; ``~`` is the user's home folder where a text is asked for.
    """
    key, sets, value = word.partition("=")
    if not sets or key.startswith("~"):
        return word
    is_text = takes_text(key.lstrip("+"), commands)
    if is_text and HOME.fullmatch(value):
        with suppress(RuntimeError):  # nobody knows where it is
            value = str(Path(value).expanduser())
    if PLAIN.fullmatch(value) and value.lower() not in ("null", "true", "false", "nan", "inf"):
        return f"{key}={value}"
    parsed = parse(f"{key}={value}")
    if parsed is None:
        return repaired(key, value, is_text, is_sweep)
    if is_text and not is_sweep and not is_as_meant(parsed, value):
        return f"{key}={quoted(value)}"
    if is_text and parsed.is_sweep_override() and is_there(value):
        hint = f"one that is called so needs quotes: {key}={quoted(value)}"
        say(f"evalkit: {word} sweeps over several values; {hint}")
    return f"{key}={value}"


def repaired(key: str, value: str, is_text: bool, is_sweep: bool) -> str:
    """``key=value``, which Hydra can't read, with quotes; as it is where they don't help, or it was to be a list."""
    if value[0] in "[{'\"" and not is_text:
        return f"{key}={value}"
    whole = f"{key}={quoted(value)}"
    if is_sweep and "," in value and not is_there(value):
        parts = (part if parse(f"{key}={part}") else quoted(part) for part in value.split(","))
        whole = f"{key}={','.join(parts)}"
    return whole if parse(whole) else f"{key}={value}"


def quoted(text: str) -> str:
    """``text`` as one string of Hydra's, in which nothing but ``${`` means anything."""
    from hydra.core.override_parser.types import Quote, QuotedString

    return QuotedString(text, Quote.single).with_quotes()


def parse(word: str) -> Any:
    """Hydra's override of ``word``; null where its grammar knows none, or its parser fails."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        return OverridesParser.create().parse_override(word)
    except (HydraException, RecursionError, ValueError):  # as of a number of 5,000 digits
        return None


def is_as_meant(parsed: Any, value: str) -> bool:
    """Whether Hydra reads the text that ``value`` is: null, a text in quotes, and signs that a \\ frees, among them."""
    read = None if parsed.is_sweep_override() else parsed.value()
    if parsed.is_sweep_override() or not isinstance(read, str | NoneType):
        return False
    return read in (None, value) or value[0] in "'\"" or "\\" in value


def is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # as of a name that is too long, or has a NUL
        return False


def takes_text(key: str, commands: Sequence[str]) -> bool:
    """Whether the setting ``key`` of one of ``commands`` is a text, in some kind of model or source at least."""
    return any(hint is str or set(get_args(hint)) == {str, NoneType} for hint in hints_of(key, commands))


def takes_several(key: str, commands: Sequence[str]) -> bool:
    """Whether a list may be given to the setting ``key`` of one of ``commands``."""
    of_run = "run" in commands and key in (*MULTI_GROUPS, "stages")
    return of_run or any(get_origin(hint) is list or hint is Any for hint in hints_of(key, commands))


def hints_of(key: str, commands: Sequence[str]) -> list[Any]:
    """The types that the setting ``key`` has, one for each kind of model or source that has it."""
    group, *below = key.split(".")
    places = [place for command in commands for place in schemas_of(command, group, below)]
    return [hint for schema, path in places if (hint := hint_at(schema, path)) is not None]


def schemas_of(command: str, group: str, below: list[str]) -> Iterator[tuple[type, list[str]]]:
    """Each schema that may have the setting, and its path there."""
    if command == "run" and group == "model":
        yield from ((schema, below) for schema in MODEL_SCHEMAS.values())
    elif command == "run" and group in OF_KINDS:
        yield from ((schema, below[1:]) for schema in OF_KINDS[group].values())
    else:
        yield SCHEMAS[command], [group, *below]
