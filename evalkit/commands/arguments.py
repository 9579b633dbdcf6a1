"""The words of a command line, split once for every command: what sets something, what stands alone, and flags."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from itertools import accumulate, takewhile
from pathlib import Path

from evalkit.config import GROUPS, SCHEMAS
from evalkit.config.input.corpus_paths import with_corpus_paths
from evalkit.config.input.files import group_choices, user_conf_dirs
from evalkit.config.input.words import ALSO_SET, is_there, readable, takes_several
from evalkit.config.input.yaml_files import check_yaml
from evalkit.config.mistakes.meant import places_of
from evalkit.config.schema.values import MOST_SHOWN
from evalkit.errors import UserError, abridged, did_you_mean

# Each flag, and whether a value follows it.
FLAGS = {"--config-dir": True, "-cd": True}
HYDRA_FLAGS = {
    **FLAGS,
    **{"-m": False, "--multirun": False, "--resolve": False},
    **{"--cfg": True, "-c": True, "--info": True, "-i": True, "--package": True, "-p": True},
}
ALL = {"--info": "all", "-i": "all"}  # what a flag without its value shows
CFG, INFO = ("job", "hydra", "all"), ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
CHOICES = {"--cfg": CFG, "-c": CFG, "--info": INFO, "-i": INFO}
ALONE = ({"-m", "--multirun"}, {"--cfg", "-c"}, {"--info", "-i"})  # of which Hydra does one at a time
SWEEPS = {"-m", "--multirun"}
SHOWN_INSTEAD = {"--cfg", "-c", "--info", "-i"}  # of a run: what it is composed of
OF_CFG = ("--resolve", "--package", "-p")
MOST_CHARACTERS, MOST_OPEN = 100_000, 64  # of a word, and brackets in it that are open at once


@dataclass(frozen=True)
class Arguments:
    """``names`` stand alone (runs, folders, a verb), ``overrides`` set something, ``flags`` are with their values."""

    names: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def settings(self) -> list[str]:
        """What composes a config: flags first, since Hydra does not take them among overrides."""
        return [*self.flags, *self.overrides]


def split(command: str, words: Sequence[str], flags: Mapping[str, bool] = FLAGS) -> Arguments:
    """``words`` of ``command`` by what they are. Nothing is left out; values get the quotes that Hydra needs.

    Raises UserError for a flag that is none of ``flags``, one without its value, and a ``--config-dir`` that is no
    folder.
    """
    names, overrides, given = [], [], []
    before: list[str] = []
    waiting = list(words)
    check_words(words)
    while waiting:
        word = waiting.pop(0)
        if word.startswith("-"):
            given += [word, *value_of(command, word, waiting, flags)]
        elif sets_something(command, word):
            overrides.append(word)
        else:
            if before and before == overrides[-1:]:
                check_list(command, before[0], [word, *takewhile(is_value, waiting)])
            names.append(word)
        before = [word]
    for folder in user_conf_dirs(given):
        check_folder(folder)
    check_flags([flag.partition("=")[0] for flag in given if flag.startswith("-")])
    is_sweep = not SWEEPS.isdisjoint(given)
    if "run" in (command, *ALSO_SET.get(command, ())):
        overrides = with_corpus_paths(overrides, user_conf_dirs(given), is_sweep)
    settings = (readable(word, (command, *ALSO_SET.get(command, ())), is_sweep) for word in overrides)
    return Arguments(tuple(names), tuple(settings), tuple(given))


def sets_something(command: str, word: str) -> bool:
    """Whether ``word`` is no name: one with = in it is a name where it is that of a file, and not of a setting."""
    if command == "run":
        return "=" in word or word.startswith("~")
    is_setting = word.lstrip("+~").partition("=")[0].partition(".")[0] in {f.name for f in fields(SCHEMAS[command])}
    return "=" in word and (is_setting or not is_there(word))


def value_of(command: str, word: str, waiting: list[str], flags: Mapping[str, bool]) -> list[str]:
    """The value that follows the flag ``word``, taken from ``waiting``; none where it has none, or holds it itself."""
    flag, is_joined, joined = word.partition("=")
    if flag not in flags:
        given = [joined] if is_joined else list(takewhile(is_value, waiting))
        hint = setting_meant(command, flag, given) or did_you_mean(flag, flags)
        raise UserError(f"there is no flag '{flag}' of {command}.", hint)
    if is_joined and not flags[flag]:
        raise UserError(f"{flag} takes no value, '{word}' gives one.", f"Write {flag}.")
    if not flags[flag]:
        return []
    follows = not is_joined and waiting and not waiting[0].startswith("-")
    if flag in ALL and not joined and (not follows or sets_something(command, waiting[0])):
        return [ALL[flag]]
    value = waiting.pop(0) if follows else joined
    if not value:
        raise UserError(f"{flag} needs a value.", f"Write {flag} <value>, or {flag}=<value>.")
    if value not in CHOICES.get(flag, (value,)):
        raise UserError(f"{flag} can't show '{value}'.", did_you_mean(value, CHOICES[flag]))
    return [] if is_joined else [value]


def is_value(word: str) -> bool:
    """Whether ``word``, behind a flag, may be a value of it."""
    return "=" not in word and not word.startswith("-")


def setting_meant(command: str, flag: str, values: Sequence[str]) -> str:
    """A hint for a ``flag`` that is a setting's name with dashes before it, or the last part of one; else empty."""
    name, commands = flag.lstrip("-").replace("-", "_"), (command, *ALSO_SET.get(command, ()))
    settings = {field.name for each in commands for field in fields(SCHEMAS[each])}
    places = [name] if name.partition(".")[0] in settings else places_of(name, commands)
    if len(places) != 1:
        return ""
    word = f"{places[0]}={values[0] if values else '<value>'}"
    if values[1:] and takes_several(places[0], commands):
        word = f"'{places[0]}=[{','.join(values)}]'"
    return f"Settings have no dashes: write {word}."


def check_list(command: str, given: str, words: Sequence[str]) -> None:
    """Raises UserError for ``words`` without = behind the setting ``given``, where they are more values of it."""
    key, _, value = given.partition("=")
    is_open = value.startswith("[") and not value.endswith("]")
    choices = group_choices(key) if key in GROUPS else ()
    rest = words[: 1 + next((at for at, word in enumerate(words) if word.endswith("]")), 0)]
    is_one_more = words[0] in choices or (words[0].isdecimal() and value.isdecimal())
    if takes_several(key, (command, *ALSO_SET.get(command, ()))) and (is_open or is_one_more):
        values = re.sub(r"[\s,]+", ",", " ".join((value, *rest)).strip("[]"))
        hint = f"A list has commas between its values, and is one word: '{key}=[{values}]'."
        raise UserError(f"'{words[0]}' behind '{given}' sets nothing.", hint)


def check_words(words: Sequence[str]) -> None:
    """Raises UserError for a word that no program can be called with, or that would take minutes to read."""
    for word in words:
        if "\0" in word:
            raise UserError(f"'{abridged(word, MOST_SHOWN)}' has a NUL, which no text can hold.", "Leave it out.")
        if len(word) > MOST_CHARACTERS:
            problem = (
                f"'{abridged(word, MOST_SHOWN)}' has {len(word):,} characters, at most {MOST_CHARACTERS:,} are read."
            )
            raise UserError(problem, "Write it into a file of --config-dir.")
        if most_open(word.partition("=")[2]) > MOST_OPEN:
            problem = f"'{abridged(word, MOST_SHOWN)}' has more than {MOST_OPEN} brackets that are open at once."
            raise UserError(problem, "Give it less nested.")


def most_open(text: str) -> int:
    """How many brackets of ``text`` are open at once, at most."""
    return max(accumulate((c in "([{") - (c in ")]}") for c in text), default=0)


def check_folder(folder: Path) -> None:
    """Raises UserError for a ``--config-dir`` that is no folder, and for the first of its files that can't be read."""
    if "\0" in str(folder) or not folder.is_dir():
        raise UserError(f"--config-dir {folder} is no folder.", "Give one that holds <group>/<name>.yaml.")
    for group in (*GROUPS, "hydra"):
        for file in sorted((folder / group).rglob("*.yaml")):
            check_yaml(file)


def check_flags(given: Sequence[str]) -> None:
    """Raises UserError for flags that Hydra does not take together."""
    chosen = [flag for flag in given if any(flag in group for group in ALONE)]
    if len(chosen) > 1:
        raise UserError(f"{chosen[0]} and {chosen[1]} can't go together.", "Leave out one of them.")
    alone = [flag for flag in given if flag in OF_CFG]
    if alone and {"--cfg", "-c"}.isdisjoint(given):
        more = "" if alone[0] == "--resolve" else " <group>"
        raise UserError(f"{alone[0]} belongs to --cfg.", f"Write --cfg job {alone[0]}{more}.")


def refuse_names(command: str, names: Sequence[str]) -> None:
    """Raises UserError for the first of ``names``, for a command that takes none; offers the setting it is nearest to.

    ``run`` is called without its name, so a word of it may be meant for a model.
    """
    if not names:
        return
    word, settings = names[0], sorted(f.name for f in fields(SCHEMAS[command]))
    if near := get_close_matches(word, settings, n=1, cutoff=0.6):
        hint = f"Write key=value, as in {near[0]}=<value>."
    elif word in SCHEMAS and command in ("run", word):
        hint = f"A command comes first: python -m evalkit {word} …"
    elif command == "run":
        models = group_choices("model")
        name = next(iter([word] * (word in models) or get_close_matches(word, models, n=1) or ["minilm"]))
        hint = f"Write key=value, as in model={name}."
    else:
        hint = f"Write key=value. Known: {', '.join(settings)}."
    raise UserError(f"'{word}' sets nothing.", hint)
