"""Models behind an HTTP API: batches within its limits, several at a time, and one policy for whatever goes wrong.

What a vendor's SDK does is in a file per vendor; its own retries are off, so that all of them behave alike.

Timed is the API, not how it is called here: the seconds in which at least one request that was answered well was under
way. Waiting for the own pace or before trying again, and requests that failed, are no part of it; requests side by side
count once.
"""

import itertools
import math
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix
from evalkit.config import HostedModel
from evalkit.encoders.capabilities import Sent, ToSend
from evalkit.encoders.encoder import Advance, Encoded, Side
from evalkit.encoders.hosted.budget import Budget
from evalkit.encoders.hosted.http_errors import BadReplyError, is_transient, retry_after_seconds, status_of
from evalkit.encoders.hosted.token_bounds import estimated_tokens, most_tokens
from evalkit.encoders.stopwatch import covered_seconds
from evalkit.encoders.tokenizers import named_tokenizer
from evalkit.errors import UserError, first_line, require

REMOVED = "<removed>"
COMPARED_TEXTS = 32
WARM_UP_TEXT = "warm"


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


class HostedEncoder:
    """A model that is called by HTTP. ``device`` is ``hosted`` where its owner sends a bill, ``served`` where not."""

    def __init__(self, config: HostedModel, vendor: Vendor, device: str) -> None:
        self.config = config
        self.api = config.api
        self.vendor = vendor
        self.device = device
        self.budget = Budget(config.name, config.api)
        self.lock = threading.Lock()
        self.connected = False
        self.stopped = threading.Event()  # ends the waiting of requests that are tried again
        require(vendor.package, vendor.extra, f"model={config.name}")

    @property
    def dims(self) -> int:
        if self.config.native_dims is not None:
            return self.config.native_dims
        return len(self.first_vector)

    @cached_property
    def first_vector(self) -> Sequence[float]:
        """What the API answers to one word, for the width of a model that no config tells."""
        return self.send(["width"], "document", None).reply.vectors[0]

    @property
    def max_length(self) -> int | None:
        return self.config.max_length

    @cached_property
    def tokenizer(self) -> Any:
        return named_tokenizer(self.config.tokenizer, self.config.name)

    def identity(self, side: Side) -> Mapping[str, Any]:
        return {
            "kind": self.config.kind,
            "model": self.config.name,
            "revision": self.config.revision,
            "weights": f"api:{self.config.url or self.config.kind}",
            "side": side,
            "prompt": getattr(self.config.prompts, side),
            "input_type": getattr(self.api.input_types, side),
            "dimensions": self.config.native_dims if self.api.native_dims else None,
        }

    def timing_settings(self) -> Mapping[str, Any]:
        api = self.api
        return {"parallel": api.parallel, "batch_texts": api.batch_texts, "batch_tokens": api.batch_tokens}

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

    def make_client(self) -> None:
        """The client and the limiters, made once and not by each of the threads."""
        self.client, self.limiters  # noqa: B018

    def load(self) -> None:
        """Send one word over each connection, so that none is made while the clock runs."""
        if self.connected:
            return
        self.make_client()
        with ThreadPoolExecutor(self.api.parallel) as pool:
            list(pool.map(lambda word: self.send([word], "document", None), [WARM_UP_TEXT] * self.api.parallel))
        self.connected = True

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        prompt = getattr(self.config.prompts, side)
        prompted = [prompt + text for text in texts]
        asked = self.config.native_dims if self.api.native_dims else None
        vectors = np.empty((len(texts), self.dims), dtype=np.float32)
        answers: list[tuple[Sequence[int], Answer]] = []
        self.stopped.clear()
        self.make_client()
        with ThreadPoolExecutor(self.api.parallel) as pool:
            sent = {
                pool.submit(self.send, [prompted[row] for row in rows], side, asked): rows
                for rows in self.batches(prompted)
            }
            try:
                for done in as_completed(sent):
                    rows, answer = sent[done], done.result()
                    vectors[rows] = self.checked(answer.reply.vectors)
                    answers.append((rows, answer))
                    advance(len(rows))
            except BaseException:
                self.stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        tokens = per_text([(rows, answer.reply.tokens) for rows, answer in answers], len(texts))
        seconds = covered_seconds((answer.began, answer.ended) for _, answer in answers)
        return Encoded(vectors, tokens, self.may_be_cut(texts, side), seconds)

    @property
    def is_billed(self) -> bool:
        return self.device == "hosted"

    @property
    def checks_canary(self) -> bool:
        return self.api.check_canary

    def may_be_cut(self, texts: Sequence[str], side: Side) -> npt.NDArray[np.bool_] | None:
        """Which texts may be longer than is read; none where the API refuses those, null where its ways are unknown."""
        if self.device == "served":
            return None
        if not self.vendor.cuts_in_silence:
            return np.zeros(len(texts), dtype=np.bool_)
        if self.max_length is None:
            return None
        prompt = getattr(self.config.prompts, side)
        return np.array([most_tokens(prompt + text) > self.max_length for text in texts], dtype=np.bool_)

    def to_send(self, texts: Iterable[str], side: Side) -> ToSend:
        prompt = getattr(self.config.prompts, side)
        each = (ToSend(1, estimated_tokens(prompt + text), most_tokens(prompt + text)) for text in texts)
        return sum(each, ToSend())

    def to_send_first(self) -> ToSend:
        return sum([ToSend(1, estimated_tokens(WARM_UP_TEXT), most_tokens(WARM_UP_TEXT))] * self.api.parallel, ToSend())

    def verified_texts(self, texts: Sequence[str]) -> Iterable[str]:
        compared = self.api.compare_dims
        for _ in (None, *compared) if compared else ():
            yield from texts[:COMPARED_TEXTS]

    def take_sent(self) -> Sent:
        return self.budget.take_sent()

    def checked(self, vectors: Sequence[Sequence[float]]) -> FloatMatrix:
        found = np.asarray(vectors, dtype=np.float32)
        if found.ndim != 2 or found.shape[1] != self.dims:
            raise UserError(
                f"{self.config.name} gave vectors of {found.shape[-1]} dimensions, not {self.dims}.",
                f"Set model.native_dims={found.shape[-1]}.",
            )
        return found

    def batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Positions of texts, in order, for one request after another within the API's limits."""
        batch: list[int] = []
        tokens = 0
        for row, text in enumerate(texts):
            size = estimated_tokens(text)
            is_full = len(batch) == self.api.batch_texts
            if batch and (is_full or (self.api.batch_tokens and tokens + size > self.api.batch_tokens)):
                yield batch
                batch, tokens = [], 0
            batch.append(row)
            tokens += size
        if batch:
            yield batch

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

    def verify(self, texts: Sequence[str], side: Side) -> dict[str, Any] | None:
        """How far vectors that the API cuts itself are from those cut here, for each of ``api.compare_dims``."""
        if not self.api.compare_dims:
            return None
        some = list(texts[:COMPARED_TEXTS])
        full = unit(self.encode(some, side).vectors)
        prompted = [getattr(self.config.prompts, side) + text for text in some]
        found = {}
        for dims in self.api.compare_dims:
            native = unit(np.asarray(self.send(prompted, side, dims).reply.vectors, dtype=np.float32))
            cosines = (native * unit(full[:, :dims])).sum(axis=1)
            found[str(dims)] = {"smallest_cosine": float(cosines.min()), "texts": len(some)}
        return {"native_dims": found}

    def describe(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "runtime": self.config.kind,
            "precision": None,
            "max_length": self.max_length,
            "url": self.config.url,
            "parallel": self.api.parallel,
        }


def unit(vectors: FloatMatrix) -> FloatMatrix:
    scaled: FloatMatrix = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


def in_order(items: Sequence[tuple[int, Sequence[float]]]) -> list[Sequence[float]]:
    """The vectors of (index, vector) pairs by index. Raises BadReplyError unless each index comes once."""
    if sorted(index for index, _ in items) != list(range(len(items))):
        raise BadReplyError("an index is missing or there twice")
    return [vector for _, vector in sorted(items, key=lambda item: item[0])]


def per_text(tokens: Sequence[tuple[Sequence[int], int | None]], texts: int) -> npt.NDArray[np.int64] | None:
    """Tokens of every text: its batch's in equal parts, so that sums are right; null where one is not told."""
    found = np.zeros(texts, dtype=np.int64)
    for rows, count in tokens:
        if count is None:
            return None
        share, rest = divmod(count, len(rows))
        found[list(rows)] = share
        found[list(rows[:rest])] += 1
    return found
