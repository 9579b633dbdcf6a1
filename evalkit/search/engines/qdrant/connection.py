"""A Qdrant server: one connection for each thread, and whatever fails there told in one line without a secret."""

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from evalkit.config import IndexConfig
from evalkit.errors import UserError, first_line, printable
from evalkit.search.engines.database import Clients, address_of
from evalkit.search.engines.server_errors import foreign_words, secrets_of
from evalkit.web.addresses import is_sent_in_clear, shown

if TYPE_CHECKING:
    from qdrant_client import QdrantClient

OLDEST = (1, 10)  # the first that answers /points/query
KEY_VARIABLE = "QDRANT_API_KEY"
Answer = TypeVar("Answer")


class Connection:
    """``where`` is what messages call the server."""

    def __init__(self, index: IndexConfig) -> None:
        address = str(address_of(index))
        self.address = address if "://" in address else f"http://{address}"
        self.where = f"Qdrant at {shown(self.address) if index.url else f'the address in {index.url_variable}'}"
        self.key_variable = index.key_variable or KEY_VARIABLE
        self.key = os.environ.get(self.key_variable)
        self.timeout_seconds = math.ceil(index.timeout_seconds)
        self.clients: Clients[QdrantClient] = Clients(self.connect, lambda client: client.close())

    def connect(self) -> "QdrantClient":
        """Raises UserError for an address that can't be one, and for a key that would be sent in the clear."""
        from qdrant_client import QdrantClient

        if self.key and is_sent_in_clear(self.address):
            raise UserError(f"{self.where} would be sent the key in {self.key_variable} unencrypted.", "Give https://…")
        try:
            return QdrantClient(
                url=self.address,
                prefer_grpc=False,
                timeout=self.timeout_seconds,
                headers={"api-key": self.key} if self.key else None,
                check_compatibility=False,
            )
        except (ValueError, TypeError):
            raise UserError(
                f"{self.where} can't be reached: that is no address.", "Give one as http://host:6333."
            ) from None

    def ask(self, doing: str, call: Callable[["QdrantClient"], Answer]) -> Answer:
        """What ``call`` gets from this thread's client. Raises UserError for whatever fails; ``doing`` says when."""
        client = self.clients.get()
        with self.told(doing):
            return call(client)

    def check(self) -> None:
        """Raises UserError for a server that can't be reached, is too old, or refuses the key."""
        self.ask("it was asked for its collections", lambda client: client.get_collections())
        version = self.version()
        if not is_new_enough(version):
            oldest = ".".join(map(str, OLDEST))
            raise UserError(
                f"{self.where} is of version {printable(version, 40)}, which is too old.",
                f"It needs {oldest} or newer.",
            )

    def version(self) -> str:
        return self.ask("it was asked for its version", lambda client: str(client.info().version))

    @contextmanager
    def told(self, doing: str) -> Iterator[None]:
        """UserError for errors of the client library, whose own words may hold addresses and keys."""
        from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
        from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

        try:
            yield
        except UnexpectedResponse as error:
            raise self.refused(int(error.status_code or 0), error.content, doing) from None
        except ResourceExhaustedResponse as error:
            raise self.refused(429, str(error.message).encode(), doing) from None
        except ResponseHandlingException as error:
            raise self.lost(error.source, doing) from None
        except ValueError:  # no JSON, or other fields
            raise self.no_qdrant(doing) from None

    def refused(self, status: int, content: bytes, doing: str) -> UserError:
        """For an answer with another ``status`` than success."""
        if status in (401, 403):
            if self.key:
                return UserError(
                    f"{self.where} refuses the key in {self.key_variable} ({status}, while {doing}).",
                    "Put one into it that is valid and may do so.",
                )
            return UserError(
                f"{self.where} wants a key ({status}).", f"Put it into the environment variable {self.key_variable}."
            )
        said = self.safe(words_of(content))
        return UserError(f"{self.where} answers {status} while {doing}: {said}", "See the server's log.")

    def lost(self, error: Exception, doing: str) -> UserError:
        """For a server that was not reached, did not answer in time, or answered with something else."""
        import httpx

        if isinstance(error, ValueError):
            return self.no_qdrant(doing)
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return UserError(
                f"{self.where} is not reachable: {self.safe(first_line(error))}",
                "Is it running, and is its address right?",
            )
        if isinstance(error, httpx.TimeoutException):
            return UserError(
                f"{self.where} did not answer within {self.timeout_seconds} s while {doing}.",
                "Give it longer: timeout_seconds.",
            )
        return UserError(
            f"{self.where} dropped the connection while {doing}: {self.safe(first_line(error))}",
            "Is it still running? Start the run again.",
        )

    def no_qdrant(self, doing: str) -> UserError:
        return UserError(
            f"{self.where} gives no answer of a Qdrant while {doing}.", "Is that its REST address (port 6333)?"
        )

    def safe(self, text: str) -> str:
        """``text`` of a server or a library as a sentence without secrets."""
        return f"{foreign_words(text, secrets_of(self.address, self.key))}."

    def close(self) -> None:
        self.clients.close()


def words_of(content: bytes) -> str:
    """What an error's body says: the error in its status, or all of it."""
    text = content[: 64 * 1024].decode("utf-8", "replace")
    try:
        return str(json.loads(text)["status"]["error"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return text or "nothing"


def is_new_enough(version: str) -> bool:
    parts = version.removeprefix("v").split(".")[:2]
    return all(part.isdigit() for part in parts) and tuple(map(int, parts)) >= OLDEST
