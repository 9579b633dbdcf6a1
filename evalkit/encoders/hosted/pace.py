"""The own pace of requests: no more of them, and of their tokens, than an account may send in a minute."""

import threading
from collections.abc import Sequence
from typing import Any

from evalkit.config import ApiConfig
from evalkit.encoders.hosted.token_bounds import estimated_tokens
from evalkit.errors import say

POLL_S = 0.05
MENTIONED_S = 10.0  # a wait that was longer is told of, once
RATES = {"requests": "requests_per_minute", "tokens": "tokens_per_minute"}


class StoppedError(Exception):
    """The run ends for another reason while a request waits for its turn."""


class Pace:
    """Waits until a request may go, from several threads at a time; ``stopped`` ends the waiting."""

    def __init__(self, name: str, api: ApiConfig, stopped: threading.Event) -> None:
        from pyrate_limiter import Duration, Limiter, Rate, StateBucket

        self.name = name
        self.stopped = stopped
        self.limits = {what: limit for what, field in RATES.items() if (limit := getattr(api, field)) is not None}
        self.limiters: dict[str, Any] = {
            what: Limiter(StateBucket([Rate(limit, Duration.MINUTE)])) for what, limit in self.limits.items()
        }
        self.is_told = False

    def keep(self, texts: Sequence[str]) -> None:
        """Wait for the turn of a request with ``texts``; one that is more than a minute's takes a whole minute.

        Raises StoppedError where that is not to come.
        """
        for what, limiter in self.limiters.items():
            weight = 1 if what == "requests" else min(sum(map(estimated_tokens, texts)), self.limits[what])
            self.wait_for(what, limiter, weight)

    def wait_for(self, what: str, limiter: Any, weight: int) -> None:
        waited = 0.0
        while not limiter.try_acquire(what, weight, blocking=False):
            if self.stopped.wait(POLL_S):
                raise StoppedError("the run has ended")
            waited += POLL_S
            if waited > MENTIONED_S and not self.is_told:
                self.is_told = True
                limit = f"model.api.{RATES[what]}={self.limits[what]}"
                say(f"evalkit: {self.name}: waiting for its own pace, {limit}")
