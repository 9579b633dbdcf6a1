"""What of a user's settings and of foreign text may be written: no secret, however it is named or spelled."""

import base64
import binascii
import hashlib
import html
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from evalkit.web.addresses import REMOVED

TELLING = re.compile(r"password|passwd|passphrase|secret|credential|authorization|api_?key", re.IGNORECASE)
TELLING_WORDS = frozenset(
    {"auth", "bearer", "cookie", "cookies", "jwt", "pat", "pwd", "sas", "session", "sessionid", "sig", "signature"}
)
TELLING_ENDS = ("key", "token")  # of the last word: hf_token, subscription-key, and not token_budget or key_variable
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
LOOKS_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.+/=~-]{20,}")

# Fields of embedding requests that say how a text is read, as servers document them: kept as they are.
KEPT_FIELDS = frozenset(
    {"add_special_tokens", "dimensions", "embedding_type", "embedding_types", "input_type", "instruction"}
    | {"keep_alive", "lang", "language", "late_chunking", "normalize", "normalized", "num_ctx", "output_dtype"}
    | {"pooling", "priority", "prompt", "prompt_name", "role", "side", "task", "task_type"}
    | {"truncate", "truncate_prompt_tokens", "truncation", "truncation_direction"}
)

UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202f\u2060-\u2064\ufeff]")
SHORTEST_PART = 8  # characters of a secret that no other text has by chance
MASKED = re.compile(r"([^\s*.…•]{0,400}?)(\.{2,}|…|\*{2,}|•{2,}|#{2,}|[xX]{4,}|-{3,}|_{3,})([^\s*.…•]{0,400})")
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


def sounds_secret(name: str) -> bool:
    """Whether ``name``, of a setting, a field, a header or a variable, is one that secrets have."""
    words = [word.lower() for word in WORD.findall(name)]
    return bool(TELLING.search(name)) or (
        bool(words) and (not TELLING_WORDS.isdisjoint(words) or words[-1].endswith(TELLING_ENDS))
    )


def kept_fields(fields: Any, name: str = "") -> Any:
    """``fields`` as they are stored: values of KEPT_FIELDS, and a hash of every other, so that runs still differ."""
    if isinstance(fields, dict):
        return {key: kept_fields(value, str(key)) for key, value in fields.items()}
    is_kept = name in KEPT_FIELDS and not LOOKS_RANDOM.fullmatch(str(fields))
    return fields if is_kept or fields is None else hashed(fields)


def hashed(value: Any) -> str:
    """The sha256 of ``value``: the same wherever it is the same. A short secret can be guessed from it."""
    return f"sha256:{hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]}"


def without(secret: str, text: str, shortest_part: int = SHORTEST_PART) -> str:
    """``text`` without ``secret``: whole, in parts of ``shortest_part`` characters, masked (``sk-a…yz``), encoded.

    Invisible characters between those of the secret hide nothing.
    """
    if not secret:
        return text
    for spelling in spellings(secret):
        text = without_parts(spelling, text, shortest_part)
    text = without_masked(secret, text)
    return BASE64.sub(lambda match: REMOVED if secret in decoded(match[0]) else match[0], text)


def spellings(secret: str) -> set[str]:
    """``secret`` as it is, and as URLs, JSON, HTML, Python and base64 write it."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    spelled = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1], html.escape(secret)}
    return spelled | {encoded, encoded.translate(str.maketrans("+/", "-_")), secret.encode().hex()}


def without_parts(secret: str, text: str, shortest: int) -> str:
    """``text`` without any run of at least ``shortest`` characters of ``secret``, in letters of either case."""
    size = min(shortest, len(secret))
    folded = secret.lower()
    parts = {folded[start : start + size] for start in range(len(folded) - size + 1)}
    places = [place for place, character in enumerate(text) if not UNSEEN.match(character)]
    seen = "".join(lowered(text[place]) for place in places)
    removed = bytearray(len(text))
    for start in range(len(seen) - size + 1):
        if seen[start : start + size] in parts:
            first, last = places[start], places[start + size - 1]
            removed[first : last + 1] = b"\x01" * (last + 1 - first)
    return "".join(pieces(text, removed))


def lowered(character: str) -> str:
    """In small letters where that is one character, too."""
    small = character.lower()
    return small if len(small) == 1 else character


def pieces(text: str, removed: bytearray) -> Iterator[str]:
    """The characters of ``text`` that are not ``removed``, and REMOVED once for each run of those that are."""
    for place, character in enumerate(text):
        if not removed[place]:
            yield character
        elif not place or not removed[place - 1]:
            yield REMOVED


def without_masked(secret: str, text: str) -> str:
    """``text`` without the beginning and the end of ``secret`` around a mask, as APIs show keys."""

    def shown(match: re.Match[str]) -> str:
        before, after = match[1], match[3]
        kept = next((size for size in range(len(before), 1, -1) if secret.startswith(before[-size:])), 0)
        ends = next((size for size in range(len(after), 1, -1) if secret.endswith(after[:size])), 0)
        if not kept and not ends:
            return match[0]
        return f"{before[: len(before) - kept]}{REMOVED}{after[ends:]}"

    return MASKED.sub(shown, text)


def decoded(text: str) -> str:
    """What ``text`` is in base64; empty where it is none."""
    standard = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
