"""The folder conf/ as files: where it lies, and what its groups offer."""

from collections.abc import Sequence
from pathlib import Path

GLOBAL = "# @package _global_\n"  # the first line of a config that sets what belongs to other groups


def conf_dir() -> Path:
    """The folder of shipped configs: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(d for d in (package / "conf", package.parent / "conf") if (d / "run.yaml").is_file())


def user_conf_dirs(arguments: Sequence[str]) -> list[Path]:
    """The folders given with Hydra's ``--config-dir`` (or ``-cd``) on the command line."""
    found = []
    for i, argument in enumerate(arguments):
        flag, _, value = argument.partition("=")
        if flag in {"--config-dir", "-cd"}:
            found.append(Path(value or "".join(arguments[i + 1 : i + 2])))
    return found


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
