"""Which texts of a request a server refuses, and what to set then.

A refused request costs nothing, but what passes beside it is paid for and lost with the shard. So only where nobody
sends a bill is a refused request halved until one text is left.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalkit.encoders.encoder import Side
from evalkit.encoders.hosted.requests import RefusedError
from evalkit.encoders.hosted.token_bounds import estimated_tokens
from evalkit.encoders.refused_texts import RefusedTextsError
from evalkit.errors import UserError

TOO_MUCH_AT_ONCE = re.compile(r"batch|per request|too many (?:inputs|texts|items)|too large", re.IGNORECASE)
TOO_LONG = re.compile(r"token|length|too long|context|truncat|at most|maximum|exceed", re.IGNORECASE)
LONG_TEXTS = {
    "document": "Is it too long? chunking=tokens splits it (set model.tokenizer, model.max_length); or a longer model.",
    "query": "Is it too long? Take a model that reads more.",
}

Send = Callable[[Sequence[int]], object]


@dataclass(frozen=True)
class Refusal:
    """``rows`` that are refused together by ``error``; ``others_pass`` says that others of their request don't.

    ``halves_pass``: each half of them is taken alone.
    """

    rows: Sequence[int]
    error: RefusedError
    others_pass: bool = False
    halves_pass: bool = False

    def explained(self, name: str, texts: Sequence[str], side: Side) -> RefusedTextsError:
        status = f"(HTTP {self.error.status})"
        after = f" {status}: {self.error.said}"
        if self.others_pass:
            after = f" {status}, and takes others of the same request: {self.error.said}"
        if self.halves_pass:
            after = f" at once {status}, and takes each half of them: {self.error.said}"
        return RefusedTextsError(f"{name} refused", self.rows, after, self.hint(side), self.longest(texts))

    def longest(self, texts: Sequence[str]) -> tuple[int, str] | None:
        """Where the longest text is, and about how long; null where the server says nothing of length."""
        if not TOO_LONG.search(self.error.said):
            return None
        tokens, row = max((estimated_tokens(texts[row]), row) for row in self.rows)
        return row, f"about {tokens:,} tokens"

    def hint(self, side: Side) -> str:
        many = len(self.rows) > 1
        is_too_much = self.halves_pass or self.error.status == 413 or TOO_MUCH_AT_ONCE.search(self.error.said)
        if many and is_too_much:
            return f"Send less at once: model.api.batch_texts={len(self.rows) // 2}."
        if TOO_LONG.search(self.error.said) or is_too_much:
            return LONG_TEXTS[side]
        if many:
            return "model.api.batch_texts=1 tells which of them it is, where it is a text and not what is asked for."
        return "Mend the text, or leave it out."


def fewest_refused(rows: Sequence[int], error: RefusedError, send: Send) -> Refusal:
    """The fewest of ``rows`` that are refused while others pass, by halving: 2 log2(rows) + 1 requests at most.

    Where nothing passes, or the server does not answer any more, all of them.
    """
    try:
        return halved(rows, error, send)
    except UserError:
        return Refusal(rows, error)


def halved(rows: Sequence[int], error: RefusedError, send: Send) -> Refusal:
    refused, latest, others_pass = rows, error, False
    while len(refused) > 1:
        middle = len(refused) // 2
        for half in (refused[:middle], refused[middle:]):
            refusal = refusal_of(half, send)
            if refusal:
                refused, latest = half, refusal
                break
            others_pass = True
        else:
            return Refusal(refused, latest, others_pass=len(refused) < len(rows), halves_pass=True)
    others = [row for row in rows if row not in refused]
    if others and not others_pass and refusal_of(others[-1:], send):
        return Refusal(rows, error)  # it is not for this text
    return Refusal(refused, latest, others_pass=bool(others))


def refusal_of(rows: Sequence[int], send: Send) -> RefusedError | None:
    try:
        send(rows)
    except RefusedError as refusal:
        return refusal
    return None
