"""Texts that a model can't or won't read, told by their places, which whoever knows their ids makes into names."""

from collections.abc import Sequence

from evalkit.encoders.encoder import Side
from evalkit.errors import UserError

NAMED = 3
PLURAL = {"document": "documents", "query": "queries"}


class RefusedTextsError(UserError):
    """``rows`` are the texts' places among those that were to be encoded: they stand between ``before`` and ``after``.

    ``longest`` is the place of the longest of them, where that may be why, and what to say of it.
    """

    def __init__(
        self, before: str, rows: Sequence[int], after: str, hint: str, longest: tuple[int, str] | None = None
    ) -> None:
        texts = f"{len(rows)} texts" if len(rows) > 1 else "a text"
        super().__init__(f"{before} {texts}{after}", hint)
        self.before, self.rows, self.after, self.longest = before, list(rows), after, longest

    def named(self, ids: Sequence[str], side: Side) -> UserError:
        first = [repr(ids[row]) for row in self.rows[:NAMED]]
        if len(self.rows) == 1:
            return UserError(f"{self.before} {side} {first[0]}{self.after}", self.hint)
        more = " …" if len(self.rows) > NAMED else ""
        longest = f"; the longest is {ids[self.longest[0]]!r}, {self.longest[1]}" if self.longest else ""
        texts = f"{len(self.rows)} {PLURAL[side]} ({', '.join(first)}{more}{longest})"
        return UserError(f"{self.before} {texts}{self.after}", self.hint)


def named(error: UserError, ids: Sequence[str], side: Side) -> UserError:
    """``error`` with the first few ids of the texts that it is about. ``ids`` are those of all that were encoded."""
    return error.named(ids, side) if isinstance(error, RefusedTextsError) else error
