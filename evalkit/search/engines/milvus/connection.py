"""A Milvus: a client for each thread, and whatever fails there told in one line without a secret."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from evalkit.config import IndexConfig
from evalkit.errors import UserError, abridged, first_line, printable
from evalkit.search.engines.database import Clients, address_of
from evalkit.search.engines.milvus.index_types import FIRST, IndexType
from evalkit.search.engines.milvus.lite import ENDING, Lite, imported, opened_lite, private_lite
from evalkit.search.engines.server_errors import foreign_words, secrets_of
from evalkit.web.addresses import is_sent_in_clear, shown

SCHEMES = ("http", "https", "tcp", "unix")
KEY_VARIABLE = "MILVUS_TOKEN"
LITE = "milvus_lite"  # what its version begins with
NOT_ALLOWED = ("auth check", "unauthenticated", "permission", "privilege", "password")  # of a server that refuses a key
SELDOM = {"grpc.keepalive_time_ms": 300_000}  # a gRPC server as it comes, like Milvus Lite's, hangs up on more pings
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Timed:
    """A ``client`` whose every call ends after ``seconds``; null for as long as it takes."""

    client: Any
    seconds: float | None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(getattr(self.client, name), timeout=self.seconds)


class Connection:
    """``lite`` is null for a server. ``where`` is what messages call it, ``version`` is its own."""

    def __init__(self, index: IndexConfig, address: str, where: str, lite: Lite | None = None) -> None:
        self.address, self.where, self.lite = address, where, lite
        self.key_variable = index.key_variable or KEY_VARIABLE
        self.key = "" if lite else os.environ.get(self.key_variable, "")
        self.timeout_seconds = index.timeout_seconds
        self.clients: Clients[Any] = Clients(self.connect, lambda client: client.close())
        self.version = ""

    def connect(self) -> Any:
        """A new client. Raises UserError for a key that would be sent in the clear."""
        from pymilvus import MilvusClient

        if self.has_secret and is_sent_in_clear(self.address):
            raise UserError(f"{self.where} would be sent the key unencrypted.", "Give https://….")
        return MilvusClient(
            self.address, token=self.key, timeout=self.timeout_seconds, dedicated=True, grpc_options=SELDOM
        )

    @property
    def has_secret(self) -> bool:
        return bool(self.key or urlsplit(self.address).password)

    @property
    def is_lite(self) -> bool:
        """Whether it is Milvus Lite, in this process or served by another."""
        return self.version.startswith(LITE)

    def ask(self, doing: str, call: Callable[[Any], Answer], is_building: bool = False) -> Answer:
        """What ``call`` gets from this thread's client. Raises UserError for whatever fails; ``doing`` says when.

        Each of its calls ends after ``timeout_seconds``; what builds in this process takes as long as it takes.
        """
        from pymilvus import MilvusException

        try:
            return call(Timed(self.clients.get(), None if is_building and self.lite else self.timeout_seconds))
        except MilvusException as error:
            raise self.told(words_of(error), doing) from None
        except (OSError, ValueError) as error:  # gRPC's, too, where the address can't be one
            raise self.told(first_line(error), doing) from None

    def told(self, said: str, doing: str) -> UserError:
        """For what a server or pymilvus ``said``."""
        words = said.lower()
        if any(word in words for word in NOT_ALLOWED):
            problem = f"{self.where} refuses the key, {doing}: {self.safe(said)}"
            return UserError(problem, f"Put one that may do so into {self.key_variable}, as user:password or a token.")
        if "fail connecting" in words or "unavailable" in words:
            return UserError(f"{self.where} is not reachable, {doing}.", "Is it running, and is its address right?")
        if "deadline" in words or "timeout" in words:
            problem = f"{self.where} did not answer within {self.timeout_seconds:g} s, {doing}."
            return UserError(problem, "Give it longer: timeout_seconds.")
        return UserError(f"{self.where} failed, {doing}: {self.safe(said)}", "See its log.")

    def safe(self, text: str) -> str:
        """``text`` of a server or a library as a sentence without secrets."""
        return f"{foreign_words(text, secrets_of(self.address, self.key))}."

    def check(self, kind: IndexType) -> None:
        """Raises UserError for a Milvus that can't be reached, and one that doesn't build ``kind``."""
        self.version = self.ask("asked for its version", lambda client: client.get_server_version())
        if self.is_lite:
            check_lite(kind)
        elif not is_new_enough(self.version, max(kind.since, FIRST)):
            oldest = ".".join(map(str, max(kind.since, FIRST)))
            problem = f"{self.where} is of version {abridged(printable(self.version), 40)}, too old for {kind.name}."
            raise UserError(problem, f"It needs {oldest} or newer.")


def words_of(error: Exception) -> str:
    """What a failed call says; of a connection that was not made, why, as gRPC has it."""
    import grpc

    cause: Any = error.__cause__
    if isinstance(cause, grpc.RpcError):
        return f"{cause.code().name}: {cause.details()}"
    return str(getattr(error, "message", error))


def check_lite(kind: IndexType) -> None:
    """Raises UserError for what Milvus Lite doesn't build."""
    if kind.in_lite:
        return
    what = kind.name if kind.vector_type == "FLOAT_VECTOR" else f"{kind.name} of {kind.vector_type}"
    if kind.codes.get("sq_type"):
        what += f" with {kind.codes['sq_type']}"
    raise UserError(
        f"Milvus Lite accepts or refuses {what}, and builds nothing of it.",
        "Give the url of a Milvus server, or quantization=float32 or int8.",
    )


@contextmanager
def connected(index: IndexConfig) -> Iterator[Connection]:
    """To the Milvus of ``index``: a private one, a Milvus Lite of a folder, or a server. Closed at the end."""
    address = address_of(index)
    with ExitStack() as opened:
        opened.enter_context(imported())
        if address is None:
            lite = opened.enter_context(private_lite())
            connection = Connection(index, lite.address, "Milvus Lite", lite)
        elif is_path(address):
            where = f"Milvus Lite in {printable(address)}"
            lite = opened.enter_context(opened_lite(existing_folder(address, index)))
            connection = Connection(index, lite.address, where, lite)
        else:
            where = f"Milvus at {shown(address) if index.url else f'the address in {index.url_variable}'}"
            connection = Connection(index, address, where)
        opened.callback(connection.clients.close)
        yield connection


def is_path(address: str) -> bool:
    """Whether it is the folder of a Milvus Lite. Raises UserError for what is no address either."""
    if address.endswith(ENDING) and "://" not in address:
        return True
    if address.partition(":")[0].lower() in SCHEMES:
        return False
    raise UserError(
        "the url of Milvus is no address and no database of Milvus Lite.",
        f"Give one as http://host:19530, or a folder as ./my{ENDING}.",
    )


def existing_folder(address: str, index: IndexConfig) -> Path:
    folder = Path(address).expanduser()
    if folder.is_file():
        raise UserError(f"{printable(address)} is a file, of a Milvus Lite before 3.", "Fill a new one.")
    if not folder.is_dir() and not (index.keep and folder.parent.is_dir()):
        raise UserError(f"there is no Milvus Lite in {printable(address)}.", "Leave out url for a private one.")
    return folder


def is_new_enough(version: str, oldest: tuple[int, int]) -> bool:
    parts = version.removeprefix("v").split(".")[:2]
    return all(part.isdigit() for part in parts) and tuple(map(int, parts)) >= oldest
