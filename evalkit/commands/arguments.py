"""The words of a command line, split once for every command: what sets something, what stands alone, and flags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches

from evalkit.config import SCHEMAS
from evalkit.config.files import user_conf_dirs
from evalkit.config.words import is_there, readable
from evalkit.errors import UserError, did_you_mean

# Each flag, and whether a value follows it.
FLAGS = {"--config-dir": True, "-cd": True}
HYDRA_FLAGS = {
    **FLAGS,
    **{"-m": False, "--multirun": False, "--resolve": False},
    **{"--cfg": True, "-c": True, "--info": True, "-i": True, "--package": True, "-p": True},
}
VALUE_IS_OPTIONAL = ("--info", "-i")
CFG, INFO = ("job", "hydra", "all"), ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
CHOICES = {"--cfg": CFG, "-c": CFG, "--info": INFO, "-i": INFO}
ALONE = ({"-m", "--multirun"}, {"--cfg", "-c"}, {"--info", "-i"})  # of which Hydra does one at a time
SWEEPS = {"-m", "--multirun"}
ALSO_SET = {"gate": ("gate", "run")}  # commands that also take another's settings


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
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if word.startswith("-"):
            given += [word, *value_of(command, word, waiting, flags)]
        elif sets_something(command, word):
            overrides.append(word)
        else:
            names.append(word)
    for folder in user_conf_dirs(given):
        if not folder.is_dir():
            raise UserError(f"--config-dir {folder} is no folder.", "Give one that holds <group>/<name>.yaml.")
    check_flags([flag.partition("=")[0] for flag in given if flag.startswith("-")])
    is_sweep = not SWEEPS.isdisjoint(given)
    settings = (readable(word, ALSO_SET.get(command, (command,)), is_sweep) for word in overrides)
    return Arguments(tuple(names), tuple(settings), tuple(given))


def sets_something(command: str, word: str) -> bool:
    """Whether ``word`` is no name: one with = in it is a name where it is that of a file, and not of a setting."""
    if command == "run":
        return "=" in word or word.startswith("~")
    is_setting = word.lstrip("+~").partition("=")[0].partition(".")[0] in {f.name for f in fields(SCHEMAS[command])}
    return "=" in word and (is_setting or not is_there(word))


def value_of(command: str, word: str, waiting: list[str], flags: Mapping[str, bool]) -> list[str]:
    """The value that follows the flag ``word``, taken from ``waiting``; none where it has none, or holds it itself."""
    flag, is_joined, _ = word.partition("=")
    if flag not in flags:
        raise UserError(f"there is no flag '{flag}' of {command}.", did_you_mean(flag, flags))
    if is_joined or not flags[flag]:
        return []
    if waiting and not waiting[0].startswith("-"):
        if waiting[0] not in CHOICES.get(flag, waiting):
            raise UserError(f"{flag} can't show '{waiting[0]}'.", did_you_mean(waiting[0], CHOICES[flag]))
        return [waiting.pop(0)]
    if flag not in VALUE_IS_OPTIONAL:
        raise UserError(f"{flag} needs a value.", f"Write {flag} <value>, or {flag}=<value>.")
    return []


def check_flags(given: Sequence[str]) -> None:
    """Raises UserError for flags that Hydra does not take together."""
    chosen = [flag for flag in given if any(flag in group for group in ALONE)]
    if len(chosen) > 1:
        raise UserError(f"{chosen[0]} and {chosen[1]} can't go together.", "Leave out one of them.")
    if "--resolve" in given and not {"--cfg", "-c"} & set(given):
        raise UserError("--resolve belongs to --cfg.", "Write --cfg job --resolve.")


def refuse_names(command: str, names: Sequence[str]) -> None:
    """Raises UserError for the first of ``names``, for a command that takes none; offers the setting it is nearest to.

    ``run`` is called without its name, so a word of it may be meant for a model.
    """
    if not names:
        return
    word, settings = names[0], sorted(f.name for f in fields(SCHEMAS[command]))
    if near := get_close_matches(word, settings, n=1, cutoff=0.6):
        hint = f"Write key=value, as in {near[0]}=<value>."
    elif command == "run":
        hint = f"Write key=value, as in model={word}."
    else:
        hint = f"Write key=value. Known: {', '.join(settings)}."
    raise UserError(f"'{word}' sets nothing.", hint)
