"""Judgments one by one to qrels: one rule, whatever file they come from."""

from collections.abc import Iterable
from typing import NamedTuple

from evalkit.errors import UserError


class Judgment(NamedTuple):
    """``grade`` of ``document`` for ``query``; ``where`` it stands ends with its number: ``qrels.csv row 3``."""

    where: str
    query: str
    document: str
    grade: int


def collect(judgments: Iterable[Judgment]) -> dict[str, dict[str, int]]:
    """query id → document id → grade, the same in any order of ``judgments``.

    A pair may be judged twice with the same grade. Raises UserError, naming both places, where the grades differ.
    """
    qrels: dict[str, dict[str, int]] = {}
    numbers: dict[str, dict[str, int]] = {}
    for where, query, document, grade in judgments:
        place, _, number = where.rpartition(" ")
        known = qrels.setdefault(query, {}).setdefault(document, grade)
        first = numbers.setdefault(query, {}).setdefault(document, int(number))
        if known != grade:
            raise UserError(
                f"{where} judges '{document}' for '{query}' with {grade}, "
                f"{place.rpartition(' ')[2]} {first} with {known}.",
                "Keep one of them.",
            )
    return qrels
