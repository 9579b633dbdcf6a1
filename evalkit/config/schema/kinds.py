"""One schema per kind of model and source of a corpus: composed with the keys of all kinds, then narrowed to one's own.

Hydra must know every key before it knows the kind. So it composes into a union of all schemas, in which nothing has a
value: what has one afterwards was set by somebody, and is refused where the kind has no such setting.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, is_dataclass, make_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evalkit.config.schema.corpora import CORPUS_SOURCES, CorpusConfig
from evalkit.config.schema.models import MODEL_KINDS, ModelConfig
from evalkit.config.schema.run import RunConfig
from evalkit.config.schema.tasks import TASK_KINDS, TaskConfig
from evalkit.errors import UserError, did_you_mean, first_line

Schema = TypeVar("Schema")

REFERENCE = re.compile(r"(\\*)\$\{")
MODEL_SCHEMAS = {kind: known.schema for kind, known in MODEL_KINDS.items()}


@cache
def composed_run() -> type[RunConfig]:
    """``RunConfig`` as Hydra composes it: with the settings of every kind of model and source of a corpus."""
    model, corpus = union("AnyModel", MODEL_SCHEMAS.values()), union("AnyCorpus", CORPUS_SOURCES.values())
    task = union("AnyTask", TASK_KINDS.values())
    wider = [
        ("task", dict[str, task], field(default_factory=dict)),  # type: ignore[valid-type]
        ("model", model, field(default_factory=model)),
        ("corpus", dict[str, corpus], field(default_factory=dict)),  # type: ignore[valid-type]
    ]
    return make_dataclass("ComposedRun", wider, bases=(RunConfig,))


def narrowed(composed: DictConfig) -> DictConfig:
    """A composed run with the schemas of its own kinds. Raises UserError for a setting that a kind does not have."""
    values = values_set(composed)
    target: Any = OmegaConf.structured(RunConfig)
    target.model = OmegaConf.structured(model_schema(values.get("model", {})))
    for name, settings in values.get("task", {}).items():
        target.task[name] = OmegaConf.structured(task_schema(name, settings))
    for name, settings in values.get("corpus", {}).items():
        target.corpus[name] = OmegaConf.structured(corpus_schema(name, settings))
    merged = OmegaConf.unsafe_merge(target, literal(values))  # neither is used again, so neither is copied
    assert isinstance(merged, DictConfig)  # noqa: S101
    return merged


def literal(value: Any) -> Any:
    """``value`` with the texts in it written so that OmegaConf refers to nothing where they hold ``${``."""
    if isinstance(value, Mapping):
        return {key: literal(below) for key, below in value.items()}
    if isinstance(value, list):
        return [literal(below) for below in value]
    return REFERENCE.sub(r"\1\1\\${", value) if isinstance(value, str) else value


def model_config(settings: Mapping[str, Any], where: str = "model") -> ModelConfig:
    """``settings`` of a model as its kind's schema; ``where`` is what the command line calls them.

    Raises UserError for what the kind lacks, and what isn't set.
    """
    return built(where, model_schema(settings, where), settings)


def corpus_config(name: str, settings: Mapping[str, Any]) -> CorpusConfig:
    """``settings`` of the corpus ``name`` as its source's schema. Raises UserError as ``model_config`` does."""
    return built(f"corpus.{name}", corpus_schema(name, settings), settings)


def task_config(name: str, settings: Mapping[str, Any]) -> TaskConfig:
    """``settings`` of the task ``name`` as its kind's schema. Raises UserError as ``model_config`` does."""
    return built(f"task.{name}", task_schema(name, settings), settings)


def model_schema(settings: Mapping[str, Any], where: str = "model") -> type[ModelConfig]:
    """The schema of a model with ``settings``. Raises UserError for an unknown kind, and what the kind lacks."""
    kind = chosen(where, "kind", settings, MODEL_SCHEMAS)
    check_keys(where, f"kind {kind}", settings, MODEL_SCHEMAS[kind], MODEL_KINDS[kind].no_use_for)
    return MODEL_SCHEMAS[kind]


def corpus_schema(name: str, settings: Mapping[str, Any]) -> type[CorpusConfig]:
    """The same for a corpus, by its ``source``."""
    source = chosen(f"corpus.{name}", "source", settings, CORPUS_SOURCES)
    check_keys(f"corpus.{name}", f"source {source}", settings, CORPUS_SOURCES[source])
    return CORPUS_SOURCES[source]


def task_schema(name: str, settings: Mapping[str, Any]) -> type[TaskConfig]:
    """The same for a task, by its ``kind``."""
    kind = chosen(f"task.{name}", "kind", settings, TASK_KINDS)
    check_keys(f"task.{name}", f"kind {kind}", settings, TASK_KINDS[kind])
    return TASK_KINDS[kind]


def built(parent: str, schema: type[Schema], settings: Mapping[str, Any]) -> Schema:
    """``schema`` with ``settings``. Raises UserError for one of the wrong type, or one that must be set and isn't."""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(schema), dict(settings))
    except OmegaConfBaseException as error:
        raise UserError(f"{parent}.{getattr(error, 'full_key', '')}: {first_line(error)}") from None
    for key in sorted(OmegaConf.missing_keys(merged)):
        raise UserError(f"{parent}.{key} is not set.", f"Give it: {parent}.{key}=<value>.")
    config: Any = OmegaConf.to_object(merged)
    return config  # type: ignore[no-any-return]


def known_of_stored(stored: Mapping[str, Any], schema: type, no_use_for: Iterable[str] = ()) -> dict[str, Any]:
    """What of a ``stored`` config its ``schema`` has: older runs hold the settings of every kind, at their defaults."""
    kept = {}
    for name, hint in settings_of(schema, no_use_for).items():
        if name in stored:
            below, value = dataclass_of(hint), stored[name]
            is_group = below is not None and isinstance(value, Mapping)
            kept[name] = known_of_stored(value, below, within(name, no_use_for)) if below and is_group else value
    return kept


def keys_below(schema: Any, path: Sequence[str]) -> list[str]:
    """Names of the settings at ``path`` below ``schema``; none where nothing is there."""
    return list(get_type_hints(dataclass_of(hint_at(schema, path)) or NoneType))


def hint_at(schema: Any, path: Sequence[str]) -> Any:
    """The type of the setting at ``path`` below ``schema``; null where nothing is there."""
    for name in path:
        values = next((value for value in get_args(schema)[1:] if get_origin(schema) is dict), None)
        schema = values or get_type_hints(dataclass_of(schema) or NoneType).get(name)
    return schema


def takes_any_field(path: Sequence[str]) -> bool:
    """Whether the setting at ``path`` holds fields of any name, which are given together."""
    return path[0] == "model" and any(hint_at(each, path[1:]) == dict[str, Any] for each in MODEL_SCHEMAS.values())


def unknown_setting(parent: str, key: str, known: Iterable[str], owner: str = "") -> UserError:
    """The one line for a setting that isn't there; ``owner`` says of what kind ``parent`` is."""
    return UserError(
        f"there is no setting '{key}' in {parent}{f' ({owner})' if owner else ''}.", did_you_mean(key, known)
    )


def union(name: str, schemas: Iterable[type]) -> type:
    """A dataclass with the fields of all ``schemas``, every one MISSING; groups of settings are unions themselves."""
    hints: dict[str, list[Any]] = {}
    for schema in schemas:
        for key, hint in get_type_hints(schema).items():
            hints.setdefault(key, []).append(hint)
    joined: list[tuple[str, Any, Any]] = []
    for key, types in hints.items():
        groups = [below for below in map(dataclass_of, types) if below]
        if groups:
            below = union(f"{name}_{key}", groups)
            joined.append((key, below, field(default_factory=below)))
        else:
            is_one_type = all(hint == types[0] for hint in types)
            is_open = get_origin(types[0]) is dict  # typed, it would take no key that it hasn't
            joined.append((key, types[0] if is_one_type and not is_open else Any, field(default=MISSING)))
    return make_dataclass(name, joined)


def values_set(composed: DictConfig) -> dict[str, Any]:
    """What of ``composed`` has a value, as plain dicts; interpolations resolved."""
    values: Any = OmegaConf.to_container(composed, resolve=True)
    return without_missing(values)  # type: ignore[no-any-return]


def without_missing(values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    kept = {key: without_missing(value) for key, value in values.items() if value != MISSING}
    return {key: value for key, value in kept.items() if value != {} or values[key] == {}}


def chosen(group: str, key: str, settings: Mapping[str, Any], known: Mapping[str, type]) -> str:
    """The kind or source that ``settings`` name. Raises UserError for none, and for an unknown one."""
    if settings.get(key) is None:
        raise UserError(f"{group}.{key} is not set.", f"Known: {', '.join(sorted(known))}.")
    kind = str(settings[key])
    if kind not in known:
        raise UserError(f"{group}.{key}={kind} is unknown.", did_you_mean(kind, known))
    return kind


def check_keys(
    parent: str, owner: str, settings: Mapping[str, Any], schema: type, no_use_for: Iterable[str] = ()
) -> None:
    """Raises UserError for the first key of ``settings`` that ``schema`` lacks or its kind has no use for."""
    hints = settings_of(schema, no_use_for)
    for key, value in settings.items():
        if key not in hints:
            raise unknown_setting(parent, str(key), hints, owner)
        below = dataclass_of(hints[key])
        if below is not None and isinstance(value, Mapping):
            check_keys(f"{parent}.{key}", owner, value, below, within(key, no_use_for))


def settings_of(schema: type, no_use_for: Iterable[str]) -> dict[str, Any]:
    """Name → type of every setting of ``schema``, without those there is ``no_use_for``."""
    return {name: hint for name, hint in get_type_hints(schema).items() if name not in no_use_for}


def within(group: str, paths: Iterable[str]) -> set[str]:
    """Those of the dotted ``paths`` that begin with ``group``, from there on."""
    return {path.removeprefix(f"{group}.") for path in paths if path.startswith(f"{group}.")}


def dataclass_of(hint: Any) -> type | None:
    """The dataclass that ``hint`` is, or is besides null; null for every other type."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    classes = [option for option in options if isinstance(option, type) and is_dataclass(option)]
    return classes[0] if len(classes) == 1 else None
