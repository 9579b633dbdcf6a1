"""Models behind an HTTP API: batches within its limits, several at a time.

Timed is the API, not how it is called here: the seconds in which at least one request that was answered well was under
way. Waiting for the own pace or before trying again, and requests that failed, are no part of it; requests side by side
count once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix, unit_vectors
from evalkit.config import HostedModel
from evalkit.config.trust.secrets import kept_fields
from evalkit.encoders.capabilities import Sent, ToSend
from evalkit.encoders.encoder import Advance, Encoded, Side
from evalkit.encoders.hosted.refusals import Refusal, fewest_refused
from evalkit.encoders.hosted.requests import Answer, RefusedError, Requests, Vendor
from evalkit.encoders.hosted.token_bounds import estimated_tokens, most_tokens
from evalkit.encoders.refused_texts import RefusedTextsError
from evalkit.encoders.stopwatch import covered_seconds
from evalkit.encoders.tokenizers import named_tokenizer
from evalkit.errors import UserError

COMPARED_TEXTS = 32
WARM_UP_TEXT = "warm"
WIDTH_TEXT = "width"


class HostedEncoder:
    """A model that is called by HTTP. ``device`` is ``hosted`` where its owner sends a bill, ``served`` where not."""

    def __init__(self, config: HostedModel, vendor: Vendor, device: str) -> None:
        self.config = config
        self.api = config.api
        self.vendor = vendor
        self.device = device
        self.requests = Requests(config, vendor)
        self.connected = False
        self.has_right_width = False

    @property
    def dims(self) -> int:
        if self.config.native_dims is not None:
            return self.config.native_dims
        return self.first_width

    @cached_property
    def first_width(self) -> int:
        """How wide the vector is that the API gives for one word."""
        return len(self.requests.send([WIDTH_TEXT], "document", None).vectors[0])

    @property
    def max_length(self) -> int | None:
        return self.config.max_length

    @cached_property
    def tokenizer(self) -> Any:
        return named_tokenizer(self.config.tokenizer, self.config.name)

    def identity(self, side: Side) -> Mapping[str, Any]:
        extra = kept_fields(getattr(self.api.extra, side))
        return {
            "kind": self.config.kind,
            "model": getattr(self.api.name, side) or self.config.name,
            "revision": self.config.revision,
            "weights": f"api:{self.config.url or self.config.kind}",
            "side": side,
            "prompt": getattr(self.config.prompts, side),
            "input_type": getattr(self.api.input_types, side),
            "dimensions": self.config.native_dims if self.api.native_dims else None,
            **({"extra": extra} if extra else {}),
        }

    def timing_settings(self) -> Mapping[str, Any]:
        api = self.api
        return {"parallel": api.parallel, "batch_texts": api.batch_texts, "batch_tokens": api.batch_tokens}

    def load(self) -> None:
        """Send one word over each connection, so that none is made while the clock runs."""
        if self.connected:
            return
        self.requests.prepare()
        with threads(self.api.parallel) as pool:
            list(
                pool.map(lambda word: self.requests.send([word], "document", None), [WARM_UP_TEXT] * self.api.parallel)
            )
        self.connected = True

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        """Raises RefusedTextsError for texts that are empty, which are not sent, and those that the API refuses."""
        self.check_texts(texts)
        prompt = getattr(self.config.prompts, side)
        vectors = np.empty((len(texts), self.dims), dtype=np.float32)
        answers = self.answers([prompt + text for text in texts], side, advance)
        for rows, answer in answers:
            vectors[rows] = answer.vectors
        tokens = per_text([(rows, answer.tokens) for rows, answer in answers], len(texts))
        seconds = covered_seconds((answer.began, answer.ended) for _, answer in answers)
        return Encoded(vectors, tokens, self.may_be_cut(texts, side), seconds)

    def answers(self, texts: Sequence[str], side: Side, advance: Advance) -> list[tuple[Sequence[int], Answer]]:
        """The answer to each batch of ``texts``, which have their prompts, with their positions; as they come."""
        dims = self.config.native_dims if self.api.native_dims else None
        answers: list[tuple[Sequence[int], Answer]] = []
        self.requests.stopped.clear()
        self.requests.prepare()

        def send(rows: Sequence[int]) -> Answer:
            return self.requests.send([texts[row] for row in rows], side, dims)

        with threads(self.api.parallel) as pool:
            sent = {pool.submit(send, rows): rows for rows in self.batches(texts)}
            try:
                for done in as_completed(sent):
                    rows = sent[done]
                    answer = done.result()
                    self.check_width(answer.vectors, dims)
                    answers.append((rows, answer))
                    advance(len(rows))
            except BaseException as error:
                self.requests.stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)
                if isinstance(error, RefusedError):
                    refusal = Refusal(rows, error) if self.is_billed else fewest_refused(rows, error, send)
                    raise refusal.explained(self.config.name, texts, side) from None
                raise
        return answers

    def check_texts(self, texts: Sequence[str]) -> None:
        rows = [row for row, text in enumerate(texts) if not text.strip()]
        if rows:
            why = " that are empty or nothing but spaces" if len(rows) > 1 else ": it is empty or nothing but spaces"
            raise RefusedTextsError(f"{self.config.name} can't be sent", rows, why, "Leave empty texts out.")

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

    def to_send_first(self, loads: bool) -> ToSend:
        is_width_known = self.config.native_dims is not None or "first_width" in vars(self)
        words = [] if is_width_known else [WIDTH_TEXT]
        words += [WARM_UP_TEXT] * self.api.parallel if loads and not self.connected else []
        return sum((ToSend(1, estimated_tokens(word), most_tokens(word)) for word in words), ToSend())

    def verified_texts(self, texts: Sequence[str]) -> Iterable[str]:
        compared = self.api.compare_dims
        for _ in (None, *compared) if compared else ():
            yield from texts[:COMPARED_TEXTS]

    def take_sent(self) -> Sent:
        return self.requests.budget.take_sent()

    def keep_bill(self, earlier_tokens: int, keep: Callable[[int], None]) -> None:
        self.requests.budget.earlier_tokens = earlier_tokens
        self.requests.budget.keep = keep

    def check_width(self, vectors: FloatMatrix, asked: int | None) -> None:
        """Raises UserError for ``vectors`` that are not as wide as was ``asked`` for, as configured, or as before."""
        name, width = self.config.name, vectors.shape[1]
        if asked is not None and width != asked:
            way_out = "Leave out model.api.native_dims and model.api.compare_dims: vectors are cut here."
            raise UserError(f"{name} was asked for {asked} dimensions and gave {width}.", way_out)
        if asked is None and width != self.dims:
            if self.config.native_dims is None or self.has_right_width:
                way_out = "Are there several models behind this name, or was it changed meanwhile?"
                raise UserError(f"{name} gave vectors of {width} dimensions, and of {self.dims} before.", way_out)
            raise UserError(
                f"{name} gave vectors of {width} dimensions, not {self.dims}.", f"Set model.native_dims={width}."
            )
        self.has_right_width = True

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

    def verify(self, texts: Sequence[str], side: Side) -> dict[str, Any] | None:
        """How far vectors that the API cuts itself are from those cut here, for each of ``api.compare_dims``."""
        if not self.api.compare_dims:
            return None
        some = list(texts[:COMPARED_TEXTS])
        full = unit_vectors(self.encode(some, side).vectors)
        prompted = [getattr(self.config.prompts, side) + text for text in some]
        compared = {}
        for dims in self.api.compare_dims:
            native = self.requests.send(prompted, side, dims).vectors
            self.check_width(native, dims)
            cosines = (unit_vectors(native) * unit_vectors(full[:, :dims])).sum(axis=1)
            compared[str(dims)] = {"smallest_cosine": float(cosines.min()), "texts": len(some)}
        return {"native_dims": compared}

    def describe(self) -> dict[str, Any]:
        return {
            "device": self.device,
            "runtime": self.config.kind,
            "precision": None,
            "max_length": self.max_length,
            "url": self.config.url,
            "parallel": self.api.parallel,
        }


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """So many threads, whose requests are waited for, but not where this is interrupted."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    except BaseException:
        pool.shutdown()
        raise
    pool.shutdown()


def per_text(tokens: Sequence[tuple[Sequence[int], int | None]], texts: int) -> npt.NDArray[np.int64] | None:
    """Tokens of every text: its batch's in equal parts, so that sums are right; null where one is not told."""
    counts = np.zeros(texts, dtype=np.int64)
    for rows, count in tokens:
        if count is None:
            return None
        share, rest = divmod(count, len(rows))
        counts[list(rows)] = share
        counts[list(rows[:rest])] += 1
    return counts
