"""Texts far longer than a model reads, tokenized in parts of bounded size into the same tokens.

A tokenizer's memory is a hundred times the text. What a cut through a text changes are the tokens beside it: those of
the word that it goes through, and within an endless word those that BPE or Unigram would have chosen otherwise, until
their choices meet again. So tokens are taken from a part only where ``MARGIN_TOKENS`` of them lie between them and the
cut, more than the pieces of the longest word that WordPiece takes apart; and where two parts are joined, both must
have come to the same tokens over that length. Where they don't, as in a word that is one unknown token whatever its
length, the part is made longer, in the end the whole text.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from evalkit.arrays import Rows

MARGIN_TOKENS = 256
CHARACTERS_PER_TOKEN = 12  # of a first guess; usual texts have four or five
PART_CHARACTERS = 1 << 16
GROWTH = 4
GROUP_CHARACTERS = 1 << 18


def beginning(text: str, limit: int | None, count: Callable[[str], int]) -> str:
    """So much of ``text`` that a model which reads its first ``limit`` tokens (null: all) sees the same ones.

    ``count`` gives the tokens of a text. What is left has more of them than ``limit`` wherever ``text`` has.
    """
    if limit is None:
        return text
    enough = limit + MARGIN_TOKENS
    characters = CHARACTERS_PER_TOKEN * enough
    while characters < len(text):
        if count(text[:characters]) >= enough:
            return text[:characters]
        characters *= GROWTH
    return text


def groups(texts: Iterable[str]) -> Iterator[list[str]]:
    """``texts`` in order, in lists of about ``GROUP_CHARACTERS``, so that little is tokenized at once."""
    group: list[str] = []
    characters = 0
    for text in texts:
        if group and characters + len(text) > GROUP_CHARACTERS:
            yield group
            group, characters = [], 0
        group.append(text)
        characters += len(text)
    if group:
        yield group


@dataclass(frozen=True)
class Tokens:
    """Of a text or a part of it: the ``ids`` (int64), and where each begins and ends in the text (n × 2, int64)."""

    ids: Rows
    offsets: npt.NDArray[np.int64]

    @staticmethod
    def of(encoding: Any, start: int = 0) -> "Tokens":
        """Those of an ``encoding`` of the tokenizers' library; its text begins at ``start``."""
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2) + start
        return Tokens(np.array(encoding.ids, dtype=np.int64), offsets)

    def __len__(self) -> int:
        return len(self.ids)

    def between(self, first: int, end: int | None = None) -> "Tokens":
        return Tokens(self.ids[first:end], self.offsets[first:end])


def tokens_by_part(text: str, tokenizer: Any, characters: int = PART_CHARACTERS) -> Iterator[Tokens]:
    """The tokens of ``text``, no special ones among them, by a ``tokenizer`` that neither cuts nor pads."""
    part = Part.of(text, tokenizer, 0, characters)
    while part.end < len(text):
        following = after(part, text, tokenizer, characters)
        if following is None:
            part = Part.of(text, tokenizer, part.start, GROWTH * (part.end - part.start), part.first)
            continue
        yield part.tokens.between(part.first, len(part.tokens) - 2 * MARGIN_TOKENS)
        part = following
    yield part.tokens.between(part.first)


@dataclass(frozen=True)
class Part:
    """Characters ``start`` to ``end`` of a text and their ``tokens``, of which those from ``first`` count."""

    start: int
    end: int
    tokens: Tokens
    first: int = 0

    @staticmethod
    def of(text: str, tokenizer: Any, start: int, characters: int, first: int = 0) -> "Part":
        encoding = tokenizer.encode(text[start : start + characters], add_special_tokens=False)
        return Part(start, start + characters, Tokens.of(encoding, start), first)


def after(part: Part, text: str, tokenizer: Any, characters: int) -> Part | None:
    """What follows the tokens of ``part`` up to two margins before its end; null where the two don't agree from there.

    It begins with a token of ``part`` that lies three margins before the end.
    """
    tokens = part.tokens
    begins = len(tokens) - 3 * MARGIN_TOKENS
    is_told = len(tokens) > 0 and not text[int(tokens.offsets[-1, 1]) + MARGIN_TOKENS : part.end].strip()
    if begins <= part.first or not is_told:  # some tokenizers drop what they don't know, and lose count
        return None
    start = int(tokens.offsets[begins, 0])
    following = Part.of(text, tokenizer, start, max(characters, 2 * (part.end - start)))
    agreed = tokens.between(begins + MARGIN_TOKENS, begins + 2 * MARGIN_TOKENS)
    for place in np.flatnonzero(following.tokens.offsets[:, 0] == agreed.offsets[0, 0]).tolist():
        again = following.tokens.between(place, place + MARGIN_TOKENS)
        if np.array_equal(again.ids, agreed.ids) and np.array_equal(again.offsets, agreed.offsets):
            return replace(following, first=place)
    return None
