"""What went wrong between this process and a database's server, as one clear line without keys."""

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import SplitResult, unquote

from evalkit.config.trust.secrets import SHORTEST_PART, sounds_secret, without
from evalkit.encoders.hosted.http_errors import is_transient, status_of
from evalkit.encoders.hosted.server_words import MOST_READ, one_line, said_by
from evalkit.errors import UserError, abridged
from evalkit.web.addresses import PASSWORD, REMOVED, shown, without_user

T = TypeVar("T")
WAITS = (1.0, 2.0, 4.0)  # seconds, where a server is asked too often
LIBRARIES = ("grpc", "httpcore", "httpx", "pinecone", "weaviate")
LOST_CODES = ("CANCELLED", "DEADLINE_EXCEEDED", "UNAVAILABLE")  # of gRPC
HTTP_STATUS = {  # of gRPC's codes
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
}
KEY_VARIABLES = ("PGPASSWORD", "QDRANT_API_KEY", "MILVUS_TOKEN", "WEAVIATE_API_KEY", "PINECONE_API_KEY")
TOO_OFTEN = 429
MOVED = "wants to be asked at another address"
MEANINGS = {  # status: what it means, and what helps
    301: (MOVED, "Keys follow no redirect: give the address that is meant."),
    401: ("refuses the key", "Set {key_variable} to a key of this server."),
    403: ("refuses the key", "Set {key_variable} to a key that may do this."),
    404: ("does not have what is asked for", "Is this the address of a {name} server, and does what you name exist?"),
    413: ("finds a request too large", "Fewer dims make smaller requests."),
    TOO_OFTEN: ("is asked too often, also after waiting", "Try again later, or raise its limit."),
}
LOST = ("can't be reached, or broke off", "Is it running, and is this its address?")
FAILED = ("failed", "What it says may tell why.")


@dataclass(frozen=True)
class Server:
    """A server of the database ``name`` at ``address``; ``key`` is what opens it, kept in ``key_variable``."""

    name: str
    address: str
    key_variable: str
    key: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.name} at {shown(self.address)}"

    @contextmanager
    def told(self, doing: str) -> Iterator[None]:
        """Raises UserError for whatever goes wrong within between here and the server: ``doing`` says at what."""
        try:
            yield
        except Exception as error:
            if not is_of_a_client(error):
                raise
            raise self.refusal(error, doing) from None

    def patiently(self, call: Callable[[], T]) -> T:
        """What ``call`` gives; it is called again, after WAITS, where the server is asked too often."""
        for seconds in WAITS:
            try:
                return call()
            except Exception as error:
                if status_of_any(error) != TOO_OFTEN:
                    raise
            time.sleep(seconds)
        return call()

    def refusal(self, error: BaseException, doing: str) -> UserError:
        status = status_of_any(error)
        known = 301 if status in range(300, 400) else status or 0
        problem, hint = MEANINGS.get(known, LOST if is_lost(error) else FAILED)
        words = self.words(said_by(error, status))
        hint = hint.format(name=self.name, key_variable=self.key_variable)
        return UserError(f"{self} {problem} (while {doing}): {words}.", hint)

    def words(self, said: str) -> str:
        """What the server ``said``, in one line without a secret."""
        return foreign_words(said, secrets_of(self.address, self.key))


def foreign_words(said: str, secrets: Iterable[str]) -> str:
    """What a server or a client library ``said``, on one line, without ``secrets`` and what addresses hide."""
    words, known = abridged(said, MOST_READ), list(secrets)
    for secret in known:  # whole ones first: of two that are alike, a part of one would be left
        words = words.replace(secret, REMOVED)
    for secret in known:
        words = without(secret, words)
    return one_line(words).rstrip(".")


def secrets_of(address: str | None, key: str | None = None) -> list[str]:
    """All that opens a server at ``address``, the longest first: its ``key``, what the address has, keys around.

    A key of the form ``user:password`` is one, and so is its password alone.
    """
    keys = [key or "", *(os.environ.get(variable, "") for variable in KEY_VARIABLES)]
    secrets = {*keys, *(each.partition(":")[2] for each in keys), *secrets_in(address or "")}
    return sorted(filter(None, secrets), key=len, reverse=True)


def secrets_in(address: str) -> list[str]:
    """Passwords and keys in an address, or in libpq's ``host=… password=…``, as they are written and as they are."""
    secrets = [re.sub(r"\\(.)", r"\1", found[2].strip("'")) for found in PASSWORD.finditer(address)]
    rest = address.partition("://")[2] or address
    hidden = without_user(rest)
    if hidden != rest:
        user, _, password = rest[: len(rest) - len(hidden) + len(REMOVED)].partition(":")
        secrets.append(password or (user if len(user) >= SHORTEST_PART and address.startswith("http") else ""))
    for part in rest.partition("#")[0].partition("?")[2].split("&"):
        name, _, value = part.partition("=")
        secrets.append(value if sounds_secret(name) else "")
    return [spelled for secret in secrets if secret for spelled in (secret, unquote(secret))]


def has_host(parts: SplitResult) -> bool:
    """Whether an address names a host, and a port that can be."""
    try:
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_of_a_client(error: BaseException) -> bool:
    """Whether a client library raised it, or the network."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in LIBRARIES


def status_of_any(error: BaseException) -> int | None:
    """The HTTP status of a refusal, also of one by gRPC; null where no answer came."""
    code = grpc_code(error)
    return HTTP_STATUS.get(code) if code else status_of(error)


def is_lost(error: BaseException) -> bool:
    """Whether there was no answer, for want of a connection or of time."""
    code = grpc_code(error)
    return code in LOST_CODES if code else any(map(is_transient, chain(error)))


def grpc_code(error: BaseException) -> str:
    """The name of the code that a call by gRPC ended with; empty where there was none."""
    codes = (getattr(each, "code", None) for each in chain(error))
    return next((str(code().name) for code in codes if callable(code)), "")


def chain(error: BaseException) -> list[BaseException]:
    """It, and all that it was raised from or while handling."""
    errors = [error]
    while (behind := errors[-1].__cause__ or errors[-1].__context__) is not None and behind not in errors:
        errors.append(behind)
    return errors
