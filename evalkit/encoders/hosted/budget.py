"""A hosted model's bill while it grows: no request is sent that could take it beyond the limit."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from evalkit.config import ApiConfig
from evalkit.encoders.capabilities import Sent
from evalkit.encoders.hosted.http_errors import status_of
from evalkit.encoders.hosted.token_bounds import most_tokens
from evalkit.errors import UserError

NOTHING = Sent(0, 0)


@dataclass
class Budget:
    """``spent_tokens`` were billed; ``open_tokens`` are what requests without an answer may be billed at most.

    ``sent`` is what was answered since it was last taken.

    A request that was lost on its way may have been billed, so its tokens stay open; one that was refused with an HTTP
    status was not.
    """

    name: str
    api: ApiConfig
    spent_tokens: int = 0
    open_tokens: int = 0
    sent: Sent = NOTHING
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, texts: Sequence[str]) -> int:
        """At most how many tokens ``texts`` have, from now on open. Raises UserError where the limit might not hold."""
        most, limit, price = sum(map(most_tokens, texts)), self.api.max_usd, self.api.usd_per_million_tokens
        with self.lock:
            could_be = self.spent_tokens + self.open_tokens + most
            if limit is not None and price is not None and could_be / 1e6 * price > limit:
                raise UserError(
                    f"{self.name}: with the next request the bill could exceed model.api.max_usd={limit}.",
                    f"About ${self.spent_tokens / 1e6 * price:,.4f} is spent. Set a higher limit.",
                )
            self.open_tokens += most
        return most

    def settle(self, reserved: int, texts: int, counted: int | None) -> None:
        """An answer came: what the API counted is spent, or all that was reserved where it doesn't tell."""
        with self.lock:
            self.open_tokens -= reserved
            self.spent_tokens += reserved if counted is None else counted
            known = None if counted is None or self.sent.tokens is None else self.sent.tokens + counted
            self.sent = Sent(self.sent.texts + texts, known)

    def take_sent(self) -> Sent:
        """``sent``, which begins again at nothing."""
        with self.lock:
            sent, self.sent = self.sent, NOTHING
        return sent

    def fail(self, reserved: int, error: BaseException) -> None:
        """No answer came: what was refused costs nothing, what was lost may."""
        if status_of(error) is not None:
            with self.lock:
                self.open_tokens -= reserved
