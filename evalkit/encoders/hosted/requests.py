"""Requests to an HTTP API, and one policy for whatever goes wrong: pace, budget, trying again, explaining.

What a vendor's SDK does is in a file per vendor; its own retries are off, so that all of them behave alike.
"""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

from evalkit.arrays import FloatMatrix
from evalkit.config import HostedModel
from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.budget import Budget
from evalkit.encoders.hosted.deadline import DeadlineError, within
from evalkit.encoders.hosted.http_errors import (
    KEY_STATUSES,
    MOVED_TO,
    REFUSED_STATUSES,
    BadReplyError,
    bad_reply,
    header,
    is_transient,
    retry_after_seconds,
    status_of,
)
from evalkit.encoders.hosted.pace import Pace
from evalkit.encoders.hosted.replies import Reply, checked_vectors, counted
from evalkit.encoders.hosted.server_words import one_line, said_by
from evalkit.errors import UserError, require
from evalkit.web.addresses import shown

TRIED = "It was tried {} times (model.api.attempts={})."
SLOW = "Set model.api.timeout_seconds, or send less at once: model.api.batch_texts."
SETUP = "Are HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and model.url right?"
WRONG_ADDRESS = "Is model.url right, and model.name one that it serves?"


@dataclass(frozen=True)
class Answer:
    """A whole reply and when it was asked for and had (seconds of ``time.perf_counter``).

    ``vectors`` are texts × width, finite; ``tokens`` were read in all, null where the API does not tell.
    """

    vectors: FloatMatrix
    tokens: int | None
    began: float
    ended: float


class RefusedError(UserError):
    """A request that the server refuses for what is in it; ``said`` are its own words, in one line."""

    def __init__(self, name: str, status: int, said: str) -> None:
        super().__init__(f"{name} refused the request (HTTP {status}): {said}")
        self.status = status
        self.said = said


class Vendor(Protocol):
    """What is different from one API to the next. ``package`` is its SDK, ``extra`` what installs it.

    ``cuts_in_silence`` says that it reads the beginning of a text that is too long, and does not tell.
    """

    package: str
    extra: str
    cuts_in_silence: bool

    def connect(self, config: HostedModel, key: str) -> Any:
        """The SDK's client, its own retries off."""
        ...

    def request(self, client: Any, config: HostedModel, texts: Sequence[str], side: Side, dims: int | None) -> Reply:
        """One request for ``texts``; ``dims`` null asks for the model's full width."""
        ...


class Requests:
    """Sends texts to a model's API, from several threads at a time. Raises UserError where its SDK is missing.

    ``stopped`` ends the waiting of requests that are tried again.
    """

    def __init__(self, config: HostedModel, vendor: Vendor) -> None:
        self.config = config
        self.api = config.api
        self.vendor = vendor
        self.budget = Budget(config.name, config.api)
        self.stopped = threading.Event()
        require(vendor.package, vendor.extra, f"model={config.name}")

    @cached_property
    def key(self) -> str:
        """The key from the environment; never kept anywhere else."""
        variable = self.api.key_variable
        if variable is None:
            return "none"
        key = os.environ.get(variable, "").strip()
        if not key:
            raise UserError(f"model={self.config.name} needs a key.", f"Set the environment variable {variable}.")
        if not (key.isascii() and key.isprintable()):
            problem = f"the key in {variable} has characters that no HTTP header can hold."
            raise UserError(problem, "Set the key alone, without quotes or line breaks.")
        return key

    @cached_property
    def client(self) -> Any:
        try:
            return self.vendor.connect(self.config, self.key)
        except UserError:
            raise
        except Exception as error:  # of proxies and certificates, by whatever name: nothing was asked yet
            said = one_line(said_by(error), self.key)
            raise UserError(f"{self.config.name} can't be called: {said}", SETUP) from None

    @cached_property
    def pace(self) -> Pace:
        return Pace(self.config.name, self.api, self.stopped)

    def prepare(self) -> None:
        """The client and the pace, made once and not by each of the threads."""
        self.client, self.pace  # noqa: B018

    def send(self, texts: Sequence[str], side: Side, dims: int | None) -> Answer:
        """One batch, tried again where that can help. Raises UserError where it can't, or does not help in time."""
        from tenacity import Retrying, retry_if_exception, sleep_using_event, stop_after_attempt, stop_when_event_set

        attempts = Retrying(
            stop=stop_after_attempt(self.api.attempts) | stop_when_event_set(self.stopped),
            sleep=sleep_using_event(self.stopped),
            wait=self.wait,
            retry=retry_if_exception(is_transient),
            reraise=True,
        )
        try:
            return attempts(self.try_once, [sendable(text) for text in texts], side, dims)
        except UserError:
            raise
        except Exception as error:
            raise self.explained(error, attempts.statistics.get("attempt_number", 1)) from None

    def try_once(self, texts: Sequence[str], side: Side, dims: int | None) -> Answer:
        self.pace.keep(texts)
        client = self.client
        reserved = self.budget.reserve(texts)
        began = time.perf_counter()
        try:
            ask = partial(self.vendor.request, client, self.config, texts, side, dims)
            reply = within(self.api.timeout_seconds, ask)
        except Exception as error:
            self.budget.fail(reserved, error)
            unusable = bad_reply(error)
            if unusable:
                raise unusable from None
            raise
        ended = time.perf_counter()
        told = counted(reply.tokens, len(texts))
        self.budget.settle(reserved, len(texts), told)
        return Answer(checked_vectors(reply.vectors, len(texts)), told, began, ended)

    def wait(self, state: Any) -> float:
        """Seconds until the next attempt: what Retry-After says, else exponential with full jitter."""
        from tenacity import wait_random_exponential

        longest = self.api.longest_wait_seconds
        told = retry_after_seconds(state.outcome.exception())
        if told is None:
            return float(wait_random_exponential(multiplier=self.api.first_wait_seconds, max=longest)(state))
        if told > longest:
            raise UserError(
                f"{self.config.name} asks to wait for {told:,.0f} seconds, longer than the limit of {longest:,.0f}.",
                "Try later, or set model.api.longest_wait_seconds.",
            )
        return told

    def explained(self, error: Exception, attempts: int) -> UserError:
        """What went wrong in the server's own words, without the key, which some APIs repeat in theirs."""
        name, status = self.config.name, status_of(error)
        key = self.key if self.api.key_variable else None
        said = one_line(said_by(error, status), key)
        tried = TRIED.format(attempts, self.api.attempts) if attempts > 1 else ""
        if isinstance(error, BadReplyError):
            return UserError(f"{name} {said}", tried)
        if isinstance(error, DeadlineError):
            return UserError(f"{name} failed: {said}.", f"{tried} {SLOW}".lstrip())
        if status is None:
            return UserError(f"{name} failed: {said}", tried or WRONG_ADDRESS)
        if status in KEY_STATUSES:
            return UserError(f"{name} refused the key (HTTP {status}): {said}", self.key_hint)
        if status in REFUSED_STATUSES:
            return RefusedError(name, status, said)
        if status < 400:
            address = one_line(header(error, MOVED_TO) or "another address", key)
            problem = f"{name} redirects to {address} (HTTP {status})."
            asked = shown(self.config.url or "the address of its vendor")
            return UserError(problem, f"Asked was {asked}; nothing was sent on. Set model.url to where it answers.")
        return UserError(f"{name} failed (HTTP {status}): {said}", tried or WRONG_ADDRESS)

    @property
    def key_hint(self) -> str:
        if self.api.key_variable is None:
            return "Where it wants a key: model.api.key_variable=<the environment variable that has it>."
        return f"Is the key in {self.api.key_variable} right?"


def sendable(text: str) -> str:
    """``text`` as JSON can be written of it: halves of a surrogate pair are joined, or become U+FFFD alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
