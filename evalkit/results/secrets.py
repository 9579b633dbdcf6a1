"""What is never written down: values of keys, in configs, command lines and texts."""

import os
import re
from collections.abc import Sequence
from typing import Any

from evalkit.config.trust.secrets import KEPT_FIELDS, LOOKS_RANDOM, hashed, kept_fields, sounds_secret, without
from evalkit.web.addresses import REMOVED, with_addresses_shown

SHORTEST = 4  # characters of a value that is told apart from a word
FREE_FIELDS = "extra"  # of a config: fields whose names are the user's
FIELD_NAME = re.compile(r"[\w-]+(?=\s*[:=])")
LONGEST_WORD = 16  # characters that a value of the environment may share with a text


def without_secrets(value: Any, name: str = "") -> Any:
    """A copy of nested dicts and lists in which no value of a name that sounds secret is, and no address has one.

    What a user puts into requests (``extra``) is kept by its name, or as a hash: see config.secrets.
    """
    if isinstance(value, dict):
        if name == FREE_FIELDS:
            return {side: kept_fields(fields) for side, fields in value.items()}
        if name == "options":
            return {k: hashed(v) if v and sounds_secret(str(k)) else without_secrets(v, k) for k, v in value.items()}
        return {k: REMOVED if v and sounds_secret(str(k)) else without_secrets(v, str(k)) for k, v in value.items()}
    if isinstance(value, list):
        return [without_secrets(each, name) for each in value]
    return with_addresses_shown(value) if isinstance(value, str) else value


def command_without_secrets(arguments: Sequence[str]) -> list[str]:
    """Command-line words, the value of ``key=value`` removed where the key sounds secret or is one of ``extra``."""
    return [word_without_secrets(*word.partition("=")) for word in arguments]


def word_without_secrets(name: str, equals: str, value: str) -> str:
    _, is_free, fields = name.partition(f".{FREE_FIELDS}")
    free_names = set(FIELD_NAME.findall(f"{fields}={value}")) if is_free else set()
    if equals and (sounds_secret(name.rpartition(".")[2]) or not free_names <= KEPT_FIELDS | {"query", "document"}):
        return f"{name}={REMOVED}"
    return with_addresses_shown(name + equals + value)


def text_without_secrets(text: str) -> str:
    """``text`` without values of environment variables that hold keys, however spelled, and what addresses hide."""
    text = with_addresses_shown(text)
    for value in sorted(secret_values(), key=len, reverse=True):
        text = without(value, text, max(LONGEST_WORD, len(value) // 2))
    return text


def secret_values() -> set[str]:
    """Values of variables that sound secret or look like keys."""
    values = {
        value.strip()
        for name, value in os.environ.items()
        if sounds_secret(name) or LOOKS_RANDOM.fullmatch(value.strip())
    }
    return {value for value in values if len(value) >= SHORTEST}
