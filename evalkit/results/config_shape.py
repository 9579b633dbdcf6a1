"""Whether the config of a run.json has the types of today's schemas, as far as it has their settings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from evalkit.config import (
    CORPUS_SOURCES,
    MODEL_KINDS,
    TASK_KINDS,
    CorpusConfig,
    ModelConfig,
    RescoreConfig,
    RunConfig,
    TaskConfig,
)
from evalkit.errors import printable
from evalkit.formats.json_shapes import is_number

LADDER = int | list[int] | None
NARROWER: Mapping[tuple[type, str], Any] = {(RescoreConfig, name): LADDER for name in ("factor", "candidates")}
KINDS: Mapping[type, Sequence[type]] = {  # of which a config may have any one's settings
    ModelConfig: [kind.schema for kind in MODEL_KINDS.values()],
    CorpusConfig: list(CORPUS_SOURCES.values()),
    TaskConfig: list(TASK_KINDS.values()),
}


def config_defect(config: Mapping[str, Any]) -> str:
    """The first setting that is of another type, in words; empty where none is."""
    return next(defects("config", config, [RunConfig]), "")


def defects(path: str, value: Any, hints: Sequence[Any]) -> Iterator[str]:
    """What is wrong at ``path`` by the only type there, or by every one of several ``hints``."""
    schemas = [schema for hint in hints for schema in schemas_of(hint)]
    if schemas and isinstance(value, Mapping):
        for name, below in hints_of(schemas).items():
            if name in value:
                yield from defects(f"{path}.{name}", value[name], below)
    elif schemas:
        if value is not None or not any(NoneType in get_args(hint) for hint in hints):
            yield f"{path} is no object"
    elif (of_keys := [get_args(hint)[1] for hint in hints if get_origin(hint) is dict]) and isinstance(value, Mapping):
        for key, below in value.items():
            yield from defects(f"{path}.{printable(str(key), 40)}", below, of_keys)
    elif not any(is_of(value, hint) for hint in hints):
        yield f"{path} is {printable(repr(value), 80)}"


def schemas_of(hint: Any) -> list[type]:
    """The schemas that a setting of type ``hint`` may have; none where it is a value."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    classes = [option for option in options if isinstance(option, type) and is_dataclass(option)]
    return [schema for each in classes for schema in KINDS.get(each, [each])]


def hints_of(schemas: Iterable[type]) -> dict[str, list[Any]]:
    """name → the types that a setting has in any of ``schemas``."""
    hints: dict[str, list[Any]] = {}
    for schema in schemas:
        for name, hint in get_type_hints(schema).items():
            hints.setdefault(name, []).append(NARROWER.get((schema, name), hint))
    return hints


def is_of(value: Any, hint: Any) -> bool:
    """Whether ``value`` is of the type ``hint``: of a number that is finite, and no truth value."""
    origin = get_origin(hint)
    if hint is Any:
        return True
    if origin in (Union, UnionType):
        return any(is_of(value, option) for option in get_args(hint))
    if origin is list:
        return isinstance(value, list) and all(is_of(each, get_args(hint)[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(is_of(each, get_args(hint)[1]) for each in value.values())
    if hint is NoneType:
        return value is None
    if hint is float:
        return is_number(value)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
