"""The folder conf/ as files: where it lies, and what its groups offer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from evalkit.config.input.yaml_files import check_yaml

GLOBAL = "# @package _global_\n"  # the first line of a config that sets what belongs to other groups


def conf_dir() -> Path:
    """The folder of shipped configs: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[2]
    return next(d for d in (package / "conf", package.parent / "conf") if (d / "run.yaml").is_file())


def user_conf_dirs(arguments: Sequence[str]) -> list[Path]:
    """The folders given with Hydra's ``--config-dir`` (or ``-cd``) on the command line."""
    folders = []
    for i, argument in enumerate(arguments):
        flag, _, value = argument.partition("=")
        if flag in {"--config-dir", "-cd"}:
            folders.append(Path(value or "".join(arguments[i + 1 : i + 2])))
    return folders


def overrides_of(arguments: Sequence[str]) -> list[str]:
    """Those of ``arguments`` that set something: no flags, and no folder behind one."""
    values = [i + 1 for i, argument in enumerate(arguments) if argument in {"--config-dir", "-cd"}]
    sets = [argument.startswith("~") or ("=" in argument and not argument.startswith("-")) for argument in arguments]
    return [argument for i, argument in enumerate(arguments) if sets[i] and i not in values]


def group_choices(group: str, extra: Sequence[Path] = ()) -> dict[str, str]:
    """name → the one-line description of every config of ``group``, own configs included.

    The description is the text behind the dash of a file's first comment line, Hydra's ``# @package`` aside.
    """
    choices = {}
    for folder in (conf_dir(), *extra):
        for file in sorted((folder / group).glob("*.yaml"), key=lambda f: f.stem):
            first = file.read_text(encoding="utf-8").removeprefix(GLOBAL).partition("\n")[0]
            choices[file.stem] = first.partition("—")[2].strip() if first.startswith("#") else ""
    return choices


def choices_hint(group: str) -> str:
    return f"Known: {', '.join(group_choices(group))}."


def kinds_in_files(group: str, key: str, path: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """The ``key`` (kind, source) in the files of ``group`` that ``arguments`` choose, without composing them.

    For models it stands at the top of a file, for corpora under their name, the first of ``path``. None where no
    file says it.
    """
    settings = dict(word.lstrip("+").partition("=")[::2] for word in overrides_of(arguments))
    if "experiment" in settings and group not in settings:  # which may choose any
        return []
    if f"{group}.{key}" in settings:
        return settings[f"{group}.{key}"].split(",")
    run: Any = OmegaConf.to_container(OmegaConf.load(conf_dir() / "run.yaml"))
    default = next(entry[group] for entry in run["defaults"] if isinstance(entry, dict) and group in entry)
    names = settings.get(group, default)
    contents = [
        content(group, name.strip(), user_conf_dirs(arguments))
        for name in (names.strip("[]").split(",") if isinstance(names, str) else names)
    ]
    values = [c.get(path[0], {}) if group == "corpus" and path else c for c in contents]
    return list(dict.fromkeys(str(settings[key]) for settings in values if key in settings))


def names_in_files(path: Sequence[str], extra: Sequence[Path]) -> list[str]:
    """The keys that stand at ``path`` in the files of its group, as the machines of ``pricing.machines``."""
    names: list[str] = []
    for name in group_choices(path[0], extra):
        node: Any = content(path[0], name, extra)
        for key in path[1:]:
            node = node.get(key) if isinstance(node, dict) else None
        names += node if isinstance(node, dict) else []
    return names


def content(group: str, name: str, extra: Sequence[Path]) -> dict[str, Any]:
    """A config file of ``group``, with those that it builds on; empty where there is none.

    Raises UserError for a file that is no config: some errors are told before the command line's check of all files.
    """
    file = next((f for d in (*extra, conf_dir()) if (f := d / group / f"{name}.yaml").is_file()), None)
    if file is None:
        return {}
    check_yaml(file)
    own: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(file))  # type: ignore[assignment]
    below = [n for n in own.pop("defaults", []) if isinstance(n, str) and n != "_self_"]
    merged: dict[str, Any] = {k: v for n in below for k, v in content(group, n, extra).items()}
    return merged | own
