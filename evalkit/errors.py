"""Errors for the person who reads them: what was wrong, where, what would be right."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """A mistake that its reader can mend. The front door prints it without a traceback and exits with 2.

    ``problem`` says what is wrong and where; ``hint`` says what would be right.
    """

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"{problem}\n         {hint}" if hint else problem)
        self.problem = problem
        self.hint = hint


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """A hint that offers the nearest of ``choices``, or all of them where none is near."""
    known = sorted(set(choices))
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
