"""Addresses as they are shown and kept: without user and password, and with no value of a query but harmless ones."""

import re

REMOVED = "<removed>"  # what is written in the place of a secret
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>\\\\]+", re.IGNORECASE)
USER_ALONE = re.compile(r"(?<![\w/@])[^\s/@:\"'<>=]+:[^\s/@\"'<>]+(?=@[\w.-]+:\d)")
HOST = re.compile(r"(\[[^\]]*\]|[^:@\[\]]*)(:\d*)?")
HARMLESS = frozenset({"api-version", "format", "lang", "language", "limit", "page", "revision", "split", "version"})


def shown(address: str) -> str:
    """``address`` without what may be a secret: user, password, fragment, values of a query that are not HARMLESS."""
    scheme, separator, rest = address.partition("://")
    path, question, query = without_user(rest).partition("#")[0].partition("?")
    queries = "&".join(map(shown_query, query.split("&")))
    return f"{scheme}{separator}{path}{question}{queries}"


def without_user(rest: str) -> str:
    """What follows ``://``, with the user hidden. A password may have slashes and question marks in it, unescaped."""
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" not in rest or HOST.fullmatch(host):
        return rest
    place = host.rfind("@") if HOST.fullmatch(host.rpartition("@")[2]) and "@" in host else rest.rfind("@")
    return f"{REMOVED}{rest[place:]}"


def shown_query(part: str) -> str:
    """One ``name=value`` of a query, its value removed unless the name is harmless; a value alone has no name."""
    name, equals, _ = part.partition("=")
    if not part or name.lower() in HARMLESS:
        return part
    return f"{name}={REMOVED}" if equals else REMOVED


def is_shown_whole(address: str) -> bool:
    """Whether nothing of ``address`` may be a secret."""
    return shown(address) == address


def with_addresses_shown(text: str) -> str:
    """``text`` whose addresses are as ``shown``; of ``user:password@host:80`` without a scheme, too."""
    return USER_ALONE.sub(REMOVED, ADDRESS.sub(lambda match: shown(match[0]), text))
