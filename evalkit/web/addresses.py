"""Addresses as they are shown and kept: without user and password, and with no value of a query but harmless ones."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

REMOVED = "<removed>"  # what is written in the place of a secret
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>\\\\]+", re.IGNORECASE)
# Of libpq, which takes `host=… password=…`; a value may be in quotes.
PASSWORD = re.compile(r"(\b\w*password\s*=\s*)('(?:\\.|[^'\\])*(?:'|$)|(?:\\.|[^\s\\])+)", re.IGNORECASE)
USER_ALONE = re.compile(r"(?<![\w/@])[^\s/@:\"'<>=]+:[^\s/@\"'<>]+(?=@[\w.-]+:\d)")
USER_FIRST = re.compile(r"^(?:[^\s/@:=]*:[^\s]*|[^\s/@:=]+)@(?=[^\s@/]+)")  # of an address without a scheme
HOST = re.compile(r"(\[[^\]]*\]|[^:@\[\]]*)(:\d*)?")
HARMLESS = frozenset(
    {"api-version", "format", "lang", "language", "limit", "page", "revision", "split", "version"}
    | {"application_name", "channel_binding", "connect_timeout", "sslmode", "target_session_attrs"}  # of libpq
)
STAYING = ("https", "unix")  # schemes of what is encrypted, or stays on this machine


def shown(address: str) -> str:
    """``address`` without what may be a secret: user, password, fragment, values of a query that are not HARMLESS."""
    if "://" not in address:
        return PASSWORD.sub(rf"\1{REMOVED}", USER_FIRST.sub(f"{REMOVED}@", address))
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


def is_sent_in_clear(address: str) -> bool:
    """Whether what is sent to ``address`` (with its scheme) leaves this machine without encryption."""
    parts = urlsplit(address)
    if parts.scheme in STAYING or parts.hostname == "localhost":
        return False
    try:
        return not ip_address(str(parts.hostname)).is_loopback
    except ValueError:
        return True


def with_addresses_shown(text: str) -> str:
    """``text`` whose addresses are as ``shown``; of ``user:password@host:80`` without a scheme, too."""
    return USER_ALONE.sub(REMOVED, ADDRESS.sub(lambda match: shown(match[0]), text))
