"""Models behind an HTTP API: batches within its limits, several at a time.

Timed is the API, not how it is called here: the seconds in which at least one request that was answered well was under
way. Waiting for the own pace or before trying again, and requests that failed, are no part of it; requests side by side
count once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import FloatMatrix, unit_vectors
from evalkit.config import HostedModel
from evalkit.encoders.capabilities import Sent, ToSend
from evalkit.encoders.encoder import Advance, Encoded, Side
from evalkit.encoders.hosted.requests import Answer, Requests, Vendor
from evalkit.encoders.hosted.token_bounds import estimated_tokens, most_tokens
from evalkit.encoders.stopwatch import covered_seconds
from evalkit.encoders.tokenizers import named_tokenizer
from evalkit.errors import UserError

COMPARED_TEXTS = 32
WARM_UP_TEXT = "warm"


class HostedEncoder:
    """A model that is called by HTTP. ``device`` is ``hosted`` where its owner sends a bill, ``served`` where not."""

    def __init__(self, config: HostedModel, vendor: Vendor, device: str) -> None:
        self.config = config
        self.api = config.api
        self.vendor = vendor
        self.device = device
        self.requests = Requests(config, vendor)
        self.connected = False

    @property
    def dims(self) -> int:
        if self.config.native_dims is not None:
            return self.config.native_dims
        return len(self.first_vector)

    @cached_property
    def first_vector(self) -> Sequence[float]:
        """What the API answers to one word, for the width of a model that no config tells."""
        return self.requests.send(["width"], "document", None).reply.vectors[0]

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

    def load(self) -> None:
        """Send one word over each connection, so that none is made while the clock runs."""
        if self.connected:
            return
        self.requests.prepare()
        with ThreadPoolExecutor(self.api.parallel) as pool:
            list(
                pool.map(lambda word: self.requests.send([word], "document", None), [WARM_UP_TEXT] * self.api.parallel)
            )
        self.connected = True

    def encode(self, texts: Sequence[str], side: Side, advance: Advance = lambda n: None) -> Encoded:
        prompt = getattr(self.config.prompts, side)
        prompted = [prompt + text for text in texts]
        asked = self.config.native_dims if self.api.native_dims else None
        vectors = np.empty((len(texts), self.dims), dtype=np.float32)
        answers: list[tuple[Sequence[int], Answer]] = []
        self.requests.stopped.clear()
        self.requests.prepare()
        with ThreadPoolExecutor(self.api.parallel) as pool:
            sent = {
                pool.submit(self.requests.send, [prompted[row] for row in rows], side, asked): rows
                for rows in self.batches(prompted)
            }
            try:
                for done in as_completed(sent):
                    rows, answer = sent[done], done.result()
                    vectors[rows] = self.checked(answer.reply.vectors)
                    answers.append((rows, answer))
                    advance(len(rows))
            except BaseException:
                self.requests.stopped.set()
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
        return self.requests.budget.take_sent()

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

    def verify(self, texts: Sequence[str], side: Side) -> dict[str, Any] | None:
        """How far vectors that the API cuts itself are from those cut here, for each of ``api.compare_dims``."""
        if not self.api.compare_dims:
            return None
        some = list(texts[:COMPARED_TEXTS])
        full = unit_vectors(self.encode(some, side).vectors)
        prompted = [getattr(self.config.prompts, side) + text for text in some]
        found = {}
        for dims in self.api.compare_dims:
            native = unit_vectors(np.asarray(self.requests.send(prompted, side, dims).reply.vectors, dtype=np.float32))
            cosines = (native * unit_vectors(full[:, :dims])).sum(axis=1)
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
