"""From conf/ and the command line to typed configs: Hydra composes ``conf/<command>.yaml`` with the command line.

Every error of composing leaves this module as a :class:`UserError`, by mistakes/.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, TypeVar, get_args, get_origin

from omegaconf import DictConfig, OmegaConf

from evalkit.config import CORPUS_SOURCES, GROUPS, MODEL_KINDS, MULTI_GROUPS, SCHEMAS, TASK_KINDS, RunConfig
from evalkit.config.checks.run import fitted
from evalkit.config.input.files import choices_hint, conf_dir, group_choices, overrides_of, user_conf_dirs
from evalkit.config.input.words import ALSO_SET, hints_of, parse, quoted, takes_several
from evalkit.config.mistakes.composing import readable_config_errors
from evalkit.config.mistakes.meant import meant
from evalkit.config.mistakes.moved import check_moved, renamed
from evalkit.config.schema.kinds import (
    composed_run,
    hint_at,
    known_of_stored,
    literal,
    narrowed,
)
from evalkit.config.schema.values import MOST_SHOWN, check_values, expected
from evalkit.config.trust.outside import put, value_at
from evalkit.config.trust.own_code import with_code_of
from evalkit.config.trust.stored import KEYED, Local, WhyNot, choices_like, confirmed, nearest_model
from evalkit.errors import UserError, abridged

TAKEN_OVER = (
    *("task", "model", "corpus", "quantization", "index", "chunking", "stages", "runtime", "dims"),
    *("measures", "top_k", "serve_k", "memory_gb", "search_device", "load", "at_workload_seconds"),
    *("pricing", "workload"),
)
NUMBER = re.compile(r"\s*[+-]?[\d.]\S*\s*")
KINDS_BELOW: dict[str, tuple[str, Mapping[str, type]]] = {  # group: the setting that says the kind, and all kinds
    "corpus": ("source", CORPUS_SOURCES),
    "task": ("kind", TASK_KINDS),
}
MAY_BE_LEFT_OUT = ("stages", "experiment", *MULTI_GROUPS)
HYDRA_SETTINGS = ("hydra/launcher", "hydra/sweeper", "hydra.launcher", "hydra.sweeper", "hydra.sweep")

Schema = TypeVar("Schema")


def compose(command: str, arguments: Sequence[str], as_written: Sequence[str] | None = None) -> Any:
    """Compose conf/<command>.yaml with ``arguments`` (overrides, ``--config-dir``) into its schema.

    Errors quote ``as_written``, the arguments before anything was put into quotes for Hydra. Sweeps go through Hydra's
    own main.
    """
    with readable_config_errors(as_written or arguments, command):
        config: Any = typed(composed(command, arguments), SCHEMAS[command])
    return with_code_of(config, user_conf_dirs(arguments)) if isinstance(config, RunConfig) else config


def not_here(key: str, settings: Mapping[str, Any]) -> str:
    """Why the files of a corpus that a stored run names are not taken, where nobody looks into them."""
    return "nothing shows that they are what it measured"


def like_run(
    stored: Mapping[str, Any], overrides: Sequence[str], run: str = "the stored run", why_not: WhyNot = not_here
) -> RunConfig:
    """A run with the settings of a ``stored`` one (the config in its run.json), but for what ``overrides`` set.

    Where results and embeddings lie is not taken over, nor what the run's kind of model has no use for. A run older
    than ``serve_k`` served all of its ``top_k``. What names code, models, addresses, keys or files must be in conf/ or
    ``overrides``, too (config.stored); ``why_not`` decides of a corpus's files. Raises UserError as ``compose`` does.
    """
    stored = {"serve_k": stored.get("top_k"), **renamed(stored)}
    given, folders = overrides_of(overrides), user_conf_dirs(overrides)
    keys = [word.lstrip("+~").partition("=")[0] for word in given]
    taken = [name for name in TAKEN_OVER if name not in keys and stored.get(name) not in (None, {})]
    with readable_config_errors(overrides, can_sweep=False):
        alike = choices_like(stored, [group for group in KEYED if group in taken], folders)
        new: Any = OmegaConf.to_container(composed("run", [*alike, *overrides]), resolve=True)
        kind = value_at(new, ("model", "kind")) if "model.kind" in keys else None
        of_run = {name: of_its_kind(name, stored[name], kind) for name in taken}
        local = Local(new, keys, folders)
        if "model" in taken:
            local.settings["model"] = nearest_model(of_run["model"], local)
        of_run = {name: confirmed(name, value, local, run, why_not) for name, value in of_run.items()}
        merged = {**{f.name: new[f.name] for f in fields(RunConfig)}, **of_run}
        for place in (tuple(key.split(".")) for key in keys if "." in key and "@" not in key):
            put(merged, place, value_at(new, place))
        whole: Any = OmegaConf.merge(OmegaConf.structured(composed_run()), literal(merged))
        config = typed(whole, RunConfig)
        return fitted(with_code_of(config, folders), given, is_sweep=False)


def of_its_kind(name: str, stored: Any, kind: str | None) -> Any:
    """The ``stored`` group ``name`` with the settings that its kind of model, or its corpora's sources, have."""
    if name == "model" and (known := MODEL_KINDS.get(kind or str(stored.get("kind")))):
        return known_of_stored(stored, known.schema, known.no_use_for)
    if name in KINDS_BELOW:
        key_of_kind, kinds = KINDS_BELOW[name]
        schemas = {key: kinds.get(str(settings.get(key_of_kind))) for key, settings in stored.items()}
        return {key: known_of_stored(stored[key], schema) if schema else stored[key] for key, schema in schemas.items()}
    return stored


def composed(command: str, arguments: Sequence[str]) -> DictConfig:
    """conf/<command>.yaml with ``arguments`` as Hydra composes it, a model with the settings of every kind."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    register_schemas()
    overrides, named = apart(command, overrides_of(arguments))
    search = [f"hydra.searchpath=[{quoted(f'file://{d.resolve()}')}]" for d in user_conf_dirs(arguments)]
    check_overrides(command, overrides)
    with programs_hydra_aside(), initialize_config_dir(str(conf_dir()), version_base="1.3", job_name="evalkit"):
        config = hydra_compose(command, overrides=[*overrides, *search])
    for override in named:
        config[override.partition("=")[0]] = parse(override).value()
    return config


def apart(command: str, overrides: Sequence[str]) -> tuple[list[str], list[str]]:
    """``overrides`` without those of texts that are called as a group of files is, and these: Hydra would look for a
    file. ``task`` of a report names a task of its runs.
    """
    texts = {f.name for f in fields(SCHEMAS[command]) if f.name in GROUPS and f.type == (str | None)}
    named = [override for override in overrides if override.partition("=")[0] in texts and "=" in override]
    return [override for override in overrides if override not in named], named


@contextmanager
def programs_hydra_aside() -> Iterator[None]:
    """Put aside, within, what a program that calls evalkit has initialized Hydra for: there can be one at a time."""
    from hydra.core.global_hydra import GlobalHydra

    of_program = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        yield
    finally:
        GlobalHydra.instance().hydra = of_program


def typed(composed: DictConfig, schema: type[Schema]) -> Schema:
    """The composed config as ``schema``; interpolations resolved, every value present, of its type and in its range."""
    value = OmegaConf.to_object(narrowed(composed) if schema is RunConfig else composed)
    if not isinstance(value, schema):
        raise TypeError(f"expected {schema.__name__}, composed {type(value).__name__}")
    check_values(value)
    return value


def check_overrides(command: str, overrides: Sequence[str]) -> None:
    """Refuse what Hydra alone would accept or answer with a traceback.

    Raises UserError for a first key that is no setting (also behind ``+``), for what is no name of a group's files,
    and for a setting that is taken away though every config has it.
    """
    if command == "run":
        check_moved(overrides)
    settings = {f.name for f in fields(SCHEMAS[command])}
    known = settings | set(GROUPS) if command == "run" else settings
    for override in overrides:
        key = override.partition("=")[0]
        first = re.split(r"[.@/]", key.lstrip("+~"))[0]
        if first == "hydra":
            check_hydra(command, override)
            continue
        if first not in known:
            hint = meant(first, override.partition("=")[2], (command, *ALSO_SET.get(command, ())))
            raise UserError(f"there is no setting '{first}' (in '{override}').", hint)
        check_truth(command, key, override)
        check_commas(command, override)
        if key.startswith("~") and key.lstrip("~") not in GROUPS:
            check_removal(command, override)
        if first in GROUPS:
            check_choice(first, override)


def check_hydra(command: str, override: str) -> None:
    """Raises UserError for an ``override`` of Hydra's own config that does nothing here, or would call anything."""
    key, _, value = override.lstrip("+~").partition("=")
    if command != "run" or not any(key == own or key.startswith(f"{own}.") for own in HYDRA_SETTINGS):
        problem = f"'{abridged(override, MOST_SHOWN)}' sets nothing of {command}."
        settings = f"A run takes {', '.join(HYDRA_SETTINGS)}." if command == "run" else "Leave it out."
        raise UserError(problem, settings)
    if "_target_" in key or "_target_" in value:
        raise UserError(
            f"'{abridged(override, MOST_SHOWN)}' would call something.", "Choose one: hydra/launcher=<name>."
        )


def check_truth(command: str, key: str, override: str) -> None:
    """Raises UserError for a number where a setting is true or false: OmegaConf takes 5 for true."""
    value = override.partition("=")[2]
    hints = hints_of(key.lstrip("+"), [command])
    if hints and all(bool in (hint, *get_args(hint)) for hint in hints) and NUMBER.fullmatch(value):
        raise UserError(f"'{abridged(override, MOST_SHOWN)}' is not possible: {key} takes {expected(hints)}.")


def check_commas(command: str, override: str) -> None:
    """Raises UserError for a list of names or numbers in which spaces are where commas should be."""
    key, _, value = override.partition("=")
    items = [item.strip(" '\"") for item in value.strip("'\"").strip("[]").split(",")]
    known = {*group_choices(key), "native"} if key in (*GROUPS, "dims") else set()
    spaced = [item.split() for item in items if len(item.split()) > 1]
    if key not in (*GROUPS, "dims", "measures") or not takes_several(key, [command]):
        return
    if spaced and all(key == "measures" or part in known or part.isdecimal() for item in spaced for part in item):
        commas = ",".join(part for item in items for part in item.split())
        raise UserError(f"'{abridged(override, MOST_SHOWN)}' has spaces between values.", f"Write '{key}=[{commas}]'.")


def check_removal(command: str, override: str) -> None:
    """Raises UserError for a setting that is taken away, where it is no name in a group or a dict of them."""
    key = override.lstrip("~").partition("=")[0]
    path = re.split(r"[.@/]", key)
    parent = hint_at(SCHEMAS[command], path[:-1]) if path[1:] else None
    is_item = any(get_origin(hint) is dict for hint in (parent, *get_args(parent)))
    if not is_item:
        raise UserError(f"'{override}' takes away what there always is.", f"Leave {key} out, and its default holds.")


def check_choice(group: str, override: str) -> None:
    """Raises UserError for an ``override`` that chooses nothing of ``group``, or several where a run has one.

    Hydra would merge several: a model with another one's prompts.
    """
    key, is_set, value = override.partition("=")
    if key.lstrip("+~") != group:
        return
    nothing = f" {group}=[] is for none." if group == "stages" else ""
    if key.startswith("~") and group not in MAY_BE_LEFT_OUT:
        raise UserError(f"{group} needs a name, '{override}' takes it away.", f"Write {group}=<name>.")
    if is_set and value in {"null", ""} and group != "experiment":
        raise UserError(f"{group} needs a name, '{override}' gives none.", choices_hint(group) + nothing)
    if override == "experiment=null":
        return
    parsed = parse(override) if is_set else None
    if parsed is not None and not all(isinstance(name, str) for name in names_of(parsed)):
        raise UserError(f"'{abridged(override, MOST_SHOWN)}' names no {group}.", choices_hint(group))
    if key.startswith("+"):
        raise UserError(f"'{override}' adds to a choice that there is already.", f"Write {group}={value}.")
    if value.startswith("[") and group not in MAY_BE_LEFT_OUT:
        names = [name.strip(" '\"") for name in value.strip("[]").split(",")]
        sweep = f", or a sweep over them: -m {group}={','.join(names)}" if names[1:] else ""
        raise UserError(f"a run has one {group}, '{override}' is a list.", f"Write {group}={names[0]}{sweep}.")


def names_of(parsed: Any) -> list[Any]:
    """What an override of Hydra's chooses: the names of a list, of every choice in a sweep."""
    from hydra.core.override_parser.types import ChoiceSweep, Glob, QuotedString

    value = parsed.value()
    if isinstance(value, Glob):
        return list(value.include)
    choices = value.list if isinstance(value, ChoiceSweep) else [value]
    names = [name for choice in choices for name in (choice if isinstance(choice, list) else [choice])]
    return [name.text if isinstance(name, QuotedString) else name for name in names]


def register_schemas() -> None:
    """Tell Hydra once the schemas under the names that conf/<command>.yaml puts first in its defaults."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    for name, schema in SCHEMAS.items():
        if f"{name}_schema.yaml" not in store.repo:
            store.store(name=f"{name}_schema", node=composed_run() if schema is RunConfig else schema)
