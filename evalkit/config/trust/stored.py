"""What a stored run may decide of a new one: its settings are data, whoever wrote them.

Those of config.outside come from conf/ or the command line: a stored value is taken only where it says the same.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from evalkit.config.input.files import content, group_choices
from evalkit.config.input.words import quoted
from evalkit.config.schema.kinds import MODEL_SCHEMAS
from evalkit.config.trust.outside import DATA_OF_CORPUS, Place, outside, put, value_at
from evalkit.config.trust.own_code import ENGINE, TARGET, is_allowed, module_of, names_code
from evalkit.errors import UserError, printable

Settings = dict[str, Any]
Reach = list[tuple[Place, Any]]  # settings that reach outside
WhyNot = Callable[[str, Mapping[str, Any]], str]  # key and settings of a corpus → why its files are not taken, or ""

KEYED = ("task", "corpus", "quantization", "index", "stages")  # groups of any number of choices, each under its key
OF_CLASS = {  # group and setting → the setting that names the class which it is of
    ("quantization", TARGET): TARGET,
    ("quantization", "options"): TARGET,
    ("index", ENGINE): ENGINE,
}


@dataclass(frozen=True)
class Local:
    """What conf/ and the command line say: ``settings``, those that the latter has ``given``, and its ``folders``."""

    settings: Settings
    given: Sequence[str]
    folders: Sequence[Path]

    def at(self, place: Place) -> Any:
        value = value_at(self.settings, place)
        return None if value == MISSING else value

    def has_given(self, place: Place) -> bool:
        """Whether the command line sets what is at ``place``, or a group that it is in."""
        return any(place[: len(keys)] == keys for keys in (tuple(key.split(".")) for key in self.given))


def confirmed(group: str, stored: Any, local: Local, run: str, why_not: WhyNot) -> Any:
    """The ``stored`` settings of a ``group``, where what reaches outside is as ``local`` says.

    Raises UserError, with the words to add, for what ``local`` doesn't say. The files of a corpus may be taken all the
    same: ``why_not`` decides.
    """
    if not isinstance(stored, Mapping):
        return stored
    settings = {group: deepcopy(dict(stored))}
    alone = [(place, value) for place, value in outside(settings) if not is_said(place, value, settings, local)]
    files = data_of_corpora(alone)
    reasons = {key: why_not(key, stored[key]) for key in files}
    refused = [(place, value) for place, value in alone if place[0] != "corpus" or reasons.get(place[1], "not data")]
    if refused:
        raise not_chosen(refused, run, next(filter(None, reasons.values()), ""))
    for place, _ in outside({group: local.settings.get(group) or {}}):
        around = value_at(settings, place[:-1])
        if around is not None and place[-1] not in around and local.at(place) is not None:
            put(settings, place, local.at(place))
    return settings[group]


def is_said(place: Place, value: Any, settings: Settings, local: Local) -> bool:
    """Whether conf/ or the command line says the same, or allows the class that it is of."""
    own = local.at(place)
    is_same = (type(value) is type(own) and bool(value == own)) or not (value or own)
    is_of_evalkit = (place[0], place[-1]) == ("index", ENGINE) and not names_code(value)
    return is_same or is_of_evalkit or local.has_given(place) or is_of_allowed_class(place, settings, local)


def is_of_allowed_class(place: Place, settings: Settings, local: Local) -> bool:
    if (place[0], place[-1]) not in OF_CLASS:
        return False
    target = value_at(settings, (*place[:2], OF_CLASS[place[0], place[-1]]))
    return isinstance(target, str) and is_allowed(target, local.settings.get("allow_code") or [])


def data_of_corpora(alone: Reach) -> list[str]:
    """The keys of the corpora of which nothing but files is not said."""
    keys = dict.fromkeys(place[1] for place, _ in alone if place[0] == "corpus")
    return [key for key in keys if all(place[-1] in DATA_OF_CORPUS for place, _ in alone if place[1] == key)]


def not_chosen(settings: Reach, run: str, reason: str) -> UserError:
    """The one line for ``settings`` that a stored run alone says, with the words that would say them, too."""
    values = dict(settings)
    place, value = settings[0]
    more = f" and {len(settings) - 1} more" if settings[1:] else ""
    what = f"{printable('.'.join(place), 100)}={printable(written(value), 100)}{more}"
    words = [word_for(place, values) for place in values if not is_name_of_folder(place, values)]
    return UserError(
        f"{run} has {what}, which conf/ doesn't say and a stored run can't decide{f': {reason}' if reason else '.'}",
        f"If you trust it, add: {printable(' '.join(dict.fromkeys(words)), 1000)}",
    )


def is_name_of_folder(place: Place, values: Mapping[Place, Any]) -> bool:
    """Whether a model is called as its folder is, so that its path says both."""
    folder = values.get((*place[:-1], "path"))
    return place[-1] == "name" and isinstance(folder, str) and Path(folder).name == values[place]


def word_for(place: Place, values: Mapping[Place, Any]) -> str:
    """The word of a command line that says what is at ``place``, as a shell takes it."""
    if (place[0], place[-1]) in OF_CLASS:
        module = module_of(str(values.get((*place[:2], OF_CLASS[place[0], place[-1]]))))
        return shlex.quote(f"allow_code=[{module}]") if module else "--config-dir <folder>"
    return shlex.quote(f"{'.'.join(place)}={written(values[place])}")


def written(value: Any, is_nested: bool = False) -> str:
    """``value`` as a command line has it."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{written(each, True)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(each, True) for each in value) + "]"
    if isinstance(value, str):
        return quoted(value) if is_nested else value
    return "null" if value is None else str(value).lower()


def choices_like(stored: Mapping[str, Any], groups: Sequence[str], folders: Sequence[Path]) -> list[str]:
    """``corpus=[beir]``, ``index=[flat]``: the words that choose the files of conf/ which have the stored keys.

    A BEIR folder that no file has is under a key of its own, as config.corpus_paths writes it.
    """
    words = []
    for key, settings in (stored.get("corpus") or {}).items() if "corpus" in groups else ():
        is_folder = settings.get("source") == "beir" and re.fullmatch(r"[A-Za-z][\w-]*", key, re.ASCII)
        if is_folder and not file_with("corpus", key, folders):
            words.append(f"+corpus/folder@corpus.{key}=beir")
    for group in groups:
        files = dict.fromkeys(file_with(group, key, folders) for key in stored.get(group) or ())
        if names := [name for name in files if name]:
            words.append(f"{group}=[{','.join(names)}]")
    return words


def file_with(group: str, key: str, folders: Sequence[Path]) -> str | None:
    """The name of the file of ``group`` that has ``key``: the one that is called so first; null for none."""
    names = sorted(group_choices(group, folders), key=lambda name: name != key)
    return next((name for name in names if key in readable_content(group, name, folders)), None)


def readable_content(group: str, name: str, folders: Sequence[Path]) -> Settings:
    with suppress(OmegaConfBaseException, ValueError, OSError):
        return content(group, name, folders)
    return {}


def nearest_model(stored: Mapping[str, Any], local: Local) -> Settings:
    """The model of conf/ that says most of what reaches outside in the ``stored`` one, with what is given of it."""

    def unsaid(model: Settings) -> int:
        own = Local({"model": model}, local.given, local.folders)
        return sum(not is_said(place, value, {}, own) for place, value in outside({"model": stored}))

    return min(models_of_kind(stored.get("kind"), local), key=unsaid, default={})


def models_of_kind(kind: Any, local: Local) -> Iterator[Settings]:
    """Every model of ``kind`` in conf/, and one with nothing but the defaults of its schema."""
    if kind not in MODEL_SCHEMAS:
        return
    for name in (*group_choices("model", local.folders), ""):
        file = readable_content("model", name, local.folders) if name else {"kind": kind}
        if file.get("kind") == kind and (model := complete(MODEL_SCHEMAS[kind], file, local.settings)):
            for key in local.given:
                if key.startswith("model."):
                    put({"model": model}, tuple(key.split(".")), local.at(tuple(key.split("."))))
            if not model["name"] and model.get("path"):
                model["name"] = Path(model["path"]).expanduser().resolve().name
            yield model


def complete(schema: type, given: Settings, root: Mapping[str, Any]) -> Settings:
    """``given`` with the defaults of its ``schema``, interpolations of ``root`` resolved; empty where it fits none."""
    plain = {name: value for name, value in root.items() if not isinstance(value, Mapping)}
    with suppress(OmegaConfBaseException, ValueError):
        resolved: Any = OmegaConf.to_container(OmegaConf.create({**plain, "own": given}), resolve=True)
        whole: Any = OmegaConf.to_container(OmegaConf.merge(OmegaConf.structured(schema), resolved["own"]))
        return {str(key): value for key, value in whole.items()}
    return {}
