"""A hosted model's bill while it grows: no request is sent that could take it beyond the limit."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evalkit.config import ApiConfig
from evalkit.encoders.capabilities import Sent
from evalkit.encoders.hosted.http_errors import status_of
from evalkit.encoders.hosted.token_bounds import most_tokens
from evalkit.errors import UserError

NOTHING = Sent(0, 0)
SERVER_FAILED = 500  # HTTP's statuses from here on


@dataclass
class Budget:
    """``spent_tokens`` were billed; ``open_tokens`` are what requests without an answer may be billed at most.

    ``earlier_tokens`` are those of the runs before that were to do the same and did not finish. ``sent`` is what was
    answered since it was last taken. ``keep`` is told all tokens of this run that may be billed, before they are sent.

    A request that was lost on its way, or whose server failed, may have been billed, so its tokens stay open; one that
    was refused was not.
    """

    name: str
    api: ApiConfig
    spent_tokens: int = 0
    open_tokens: int = 0
    earlier_tokens: int = 0
    keep: Callable[[int], None] = lambda tokens: None
    sent: Sent = NOTHING
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reserve(self, texts: Sequence[str]) -> int:
        """At most how many tokens ``texts`` have, from now on open. Raises UserError where the limit might not hold."""
        most, limit, price = sum(map(most_tokens, texts)), self.api.max_usd, self.api.usd_per_million_tokens
        with self.lock:
            could_be = self.earlier_tokens + self.spent_tokens + self.open_tokens + most
            if limit is not None and price is not None and could_be / 1e6 * price > limit:
                raise UserError(
                    f"{self.name}: with the next request the bill could exceed model.api.max_usd={limit}.",
                    f"{self.spent(price)}. Set a higher limit.",
                )
            self.open_tokens += most
            self.keep(self.spent_tokens + self.open_tokens)
        return most

    def spent(self, price: float) -> str:
        """What is billed by now, and what may be, in US dollars at ``price`` per million tokens."""
        parts = (
            (self.spent_tokens, "About ${:,.4f} is spent"),
            (self.open_tokens, "up to ${:,.4f} may be billed for requests without a good answer"),
            (self.earlier_tokens, "up to ${:,.4f} was spent by runs before that did not finish"),
        )
        return ", ".join(said.format(tokens / 1e6 * price) for tokens, said in parts if tokens or said[0] == "A")

    def settle(self, reserved: int, texts: int, counted: int | None) -> None:
        """An answer came: what the API counted is spent, or all that was reserved where it doesn't tell."""
        with self.lock:
            self.open_tokens -= reserved
            self.spent_tokens += reserved if counted is None else counted
            self.keep(self.spent_tokens + self.open_tokens)
            known = None if counted is None or self.sent.tokens is None else self.sent.tokens + counted
            self.sent = Sent(self.sent.texts + texts, known)

    def take_sent(self) -> Sent:
        """``sent``, which begins again at nothing."""
        with self.lock:
            sent, self.sent = self.sent, NOTHING
        return sent

    def fail(self, reserved: int, error: BaseException) -> None:
        """No answer came: what was refused costs nothing, what was lost may."""
        status = status_of(error)
        if status is not None and status < SERVER_FAILED:
            with self.lock:
                self.open_tokens -= reserved
                self.keep(self.spent_tokens + self.open_tokens)
