"""What comes back for a batch of texts, and whether it is one vector for each of them.

Nothing of a reply is taken on trust: APIs and proxies were seen to answer with errors in the place of vectors, with
fewer vectors than texts, in another order, and of several widths.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from evalkit.arrays import FloatMatrix
from evalkit.encoders.hosted.http_errors import BadReplyError
from evalkit.encoders.hosted.server_words import words_in, words_in_text

NUMBERS = {int, float}


@dataclass(frozen=True)
class Reply:
    """``vectors``: one per text, in order; ``tokens``: read in all, null where not told. Both as the API gave them."""

    vectors: Any
    tokens: Any


def listed_reply(content: bytes, tokens_field: str) -> Reply:
    """``data`` with an ``embedding`` and its ``index`` each, and ``tokens_field`` of ``usage``: OpenAI's, Voyage's.

    Raises BadReplyError for anything else.
    """
    answer = json_of(content)
    items = below(answer, "data")
    if not isinstance(items, list):
        said = words_in(answer) if isinstance(answer, dict) else ""
        raise BadReplyError(f"gave no vectors: {said}" if said else "gave no vectors")
    if not all(isinstance(item, dict) for item in items):
        raise BadReplyError("gave vectors without their embedding and index")
    pairs = [(item.get("index"), item.get("embedding")) for item in items]
    return Reply(in_order(pairs), below(answer, "usage", tokens_field))


def json_of(content: bytes) -> Any:
    """``content`` as JSON. Raises BadReplyError for what is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        said = words_in_text(content.decode("utf-8", "replace"))
        raise BadReplyError(f"gave no JSON: {said}" if said.strip() else "gave an empty answer") from None


def below(value: Any, *names: str) -> Any:
    """What lies below ``names``, one in the other; null where one is missing."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def in_order(items: Sequence[tuple[Any, Any]]) -> list[Any]:
    """The vectors of (index, vector) pairs by index, or as they come where none has one.

    Raises BadReplyError unless each index comes once.
    """
    indices = [index for index, _ in items]
    if all(index is None for index in indices):
        return [vector for _, vector in items]
    if {type(index) for index in indices} != {int} or sorted(indices) != list(range(len(items))):
        raise BadReplyError("gave vectors of which an index is missing or there twice")
    return [vector for _, vector in sorted(items, key=lambda item: item[0])]


def checked_vectors(vectors: Any, texts: int) -> FloatMatrix:
    """``vectors`` as a matrix (texts × width, float32). Raises BadReplyError for all that isn't one."""
    rows = vectors.tolist() if isinstance(vectors, np.ndarray) else vectors
    if not isinstance(rows, list | tuple):
        raise BadReplyError("gave no vectors")
    if len(rows) != texts:
        raise BadReplyError(f"gave {len(rows)} vectors for {texts} texts")
    rows = [row.tolist() if isinstance(row, np.ndarray) else row for row in rows]
    wrong = [row for row in rows if not isinstance(row, list | tuple)]
    if wrong:
        raise BadReplyError(f"gave {called(wrong[0])} in the place of a vector")
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        raise BadReplyError(f"gave vectors of different widths in one answer ({widths[0]} and {widths[-1]})")
    if widths == [0]:
        raise BadReplyError("gave vectors without a number")
    if strange := set(map(type, chain.from_iterable(rows))) - NUMBERS:
        raise BadReplyError(f"gave vectors with {' and '.join(sorted(map(type_called, strange)))} in them")
    return finite_matrix(rows)


def finite_matrix(rows: Sequence[Sequence[float]]) -> FloatMatrix:
    try:
        with np.errstate(over="ignore"):  # what float32 can't hold becomes infinite
            matrix = np.array(rows, dtype=np.float32)
    except OverflowError:
        raise BadReplyError("gave a vector with a number in it that float32 can't hold") from None
    if not np.isfinite(matrix).all():
        raise BadReplyError("gave a vector with NaN or infinity in it")
    return matrix


TYPE_NAMES = {str: "text", bool: "true or false", type(None): "null", list: "lists", tuple: "lists", dict: "objects"}


def type_called(kind: type) -> str:
    return TYPE_NAMES.get(kind, kind.__name__)


def called(value: Any) -> str:
    if isinstance(value, str):
        return "text (base64?)"
    return "nothing" if value is None else type_called(type(value))


def counted(tokens: Any, texts: int) -> int | None:
    """A number of tokens as an API tells it; null for what is none, or less than one for each of ``texts``."""
    is_number = isinstance(tokens, int | float) and not isinstance(tokens, bool)
    return int(tokens) if is_number and texts <= tokens < 2**53 else None
