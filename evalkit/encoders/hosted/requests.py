"""Requests to an HTTP API, and one policy for whatever goes wrong: pace, budget, trying again, explaining.

What a vendor's SDK does is in a file per vendor; its own retries are off, so that all of them behave alike.
"""

import itertools
import math
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from evalkit.config import HostedModel
from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.budget import Budget
from evalkit.encoders.hosted.http_errors import BadReplyError, is_transient, retry_after_seconds, status_of
from evalkit.encoders.hosted.token_bounds import estimated_tokens
from evalkit.errors import UserError, first_line, require

REMOVED = "<removed>"


@dataclass(frozen=True)
class Reply:
    """``vectors``: one per text, in order. ``tokens``: read in all; null where the API does not tell."""

    vectors: Sequence[Sequence[float]]
    tokens: int | None


@dataclass(frozen=True)
class Answer:
    """A whole reply and when it was asked for and had (seconds of ``time.perf_counter``)."""

    reply: Reply
    began: float
    ended: float


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
        if not os.environ.get(variable):
            raise UserError(f"model={self.config.name} needs a key.", f"Set the environment variable {variable}.")
        return os.environ[variable]

    @cached_property
    def client(self) -> Any:
        return self.vendor.connect(self.config, self.key)

    @cached_property
    def limiters(self) -> tuple[Any, Any]:
        """Of requests and of tokens, both per minute; null where there is no limit."""
        from pyrate_limiter import Duration, Limiter, Rate, StateBucket

        limits = (self.api.requests_per_minute, self.api.tokens_per_minute)
        requests, tokens = (limit and Limiter(StateBucket([Rate(limit, Duration.MINUTE)])) for limit in limits)
        return requests, tokens

    def prepare(self) -> None:
        """The client and the limiters, made once and not by each of the threads."""
        self.client, self.limiters  # noqa: B018

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
            return attempts(self.try_once, texts, side, dims)
        except UserError:
            raise
        except Exception as error:
            raise self.explained(error) from None

    def try_once(self, texts: Sequence[str], side: Side, dims: int | None) -> Answer:
        requests, tokens = self.limiters
        if requests:
            requests.try_acquire("requests")
        if tokens:
            tokens.try_acquire("tokens", min(sum(map(estimated_tokens, texts)), self.api.tokens_per_minute or 1))
        client = self.client
        reserved = self.budget.reserve(texts)
        began = time.perf_counter()
        try:
            reply = self.vendor.request(client, self.config, texts, side, dims)
        except Exception as error:
            self.budget.fail(reserved, error)
            raise
        ended = time.perf_counter()
        self.budget.settle(reserved, len(texts), reply.tokens)
        if len(reply.vectors) != len(texts):
            raise BadReplyError(f"{len(reply.vectors)} vectors for {len(texts)} texts")
        if not all(map(math.isfinite, itertools.chain.from_iterable(reply.vectors))):
            raise BadReplyError("a vector with NaN or infinity in it")
        return Answer(reply, began, ended)

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
                "Try later, or set model.api.longest_wait_seconds; what is finished is kept.",
            )
        return told

    def explained(self, error: Exception) -> UserError:
        """What went wrong without the key, which some APIs repeat in their messages."""
        status = status_of(error)
        if status in (401, 403):
            hint = f"Is the key in {self.api.key_variable} right?"
            return UserError(f"{self.config.name} refused the key (HTTP {status}).", hint)
        where = f" (HTTP {status})" if status else ""
        message = first_line(error)[:300]
        if self.api.key_variable:
            message = message.replace(self.key, REMOVED)
        hint = "What is finished is kept; the same command goes on from there."
        return UserError(f"{self.config.name} failed{where}: {message}", hint)


def in_order(items: Sequence[tuple[int, Sequence[float]]]) -> list[Sequence[float]]:
    """The vectors of (index, vector) pairs by index. Raises BadReplyError unless each index comes once."""
    if sorted(index for index, _ in items) != list(range(len(items))):
        raise BadReplyError("an index is missing or there twice")
    return [vector for _, vector in sorted(items, key=lambda item: item[0])]
