"""What is never written down: values of keys, in configs, command lines and texts."""

import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from evalkit.config.secrets import REMOVED, sounds_secret

SECRET_VARIABLE = re.compile(r"key|token|secret|passw|credential|auth", re.IGNORECASE)
LOOKS_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.+=~-]{20,}")  # a key in a variable of any name
USER_OF_URL = re.compile(r"(?<=://)[^/\s@]+(?=@)")
SHORTEST = 4  # characters of a value that is told apart from a word


def without_secrets(value: Any) -> Any:
    """A copy of nested dicts and lists in which the values of keys that sound secret are removed."""
    if isinstance(value, dict):
        return {k: REMOVED if v and sounds_secret(str(k)) else without_secrets(v) for k, v in value.items()}
    return [without_secrets(v) for v in value] if isinstance(value, list) else value


def command_without_secrets(arguments: Sequence[str]) -> list[str]:
    """Command-line words, the value of ``key=value`` removed where the key sounds secret."""
    pairs = (word.partition("=") for word in arguments)
    return [f"{key}={REMOVED}" if sep and sounds_secret(key) else key + sep + value for key, sep, value in pairs]


def text_without_secrets(text: str) -> str:
    """``text`` without values of environment variables that hold keys, and without what stands before @ in a URL."""
    for value in sorted(secret_values(), key=len, reverse=True):
        text = text.replace(value, REMOVED)
    return USER_OF_URL.sub(REMOVED, text)


def secret_values() -> set[str]:
    """Values of variables that sound secret or look like keys, also as a URL and as ``repr`` spell them."""
    values = {
        value.strip()
        for name, value in os.environ.items()
        if SECRET_VARIABLE.search(name) or LOOKS_RANDOM.fullmatch(value.strip())
    }
    spelt = {spelling for value in values for spelling in (value, quote(value, safe=""), repr(value)[1:-1])}
    return {value for value in spelt if len(value) >= SHORTEST}
