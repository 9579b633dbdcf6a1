"""Tables in Markdown from data that may hold anything."""

import re
from collections.abc import Iterable, Iterator, Sequence

ENTITIES: dict[str, str | int | None] = {
    **{"&": "&amp;", "<": "&lt;", ">": "&gt;"},
    **{"|": "&#124;", "`": "&#96;", "[": "&#91;", "]": "&#93;"},
    **{"\n": " ", "\r": " "},
}

# Cc but for line ends and tabs, line and paragraph separators, bidirectional overrides, surrogates, non-characters.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; cells are escaped."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(escaped(cell) for cell in row)} |"


def escaped(text: str) -> str:
    """``text`` on one line, without what Markdown or HTML would act on."""
    return escape_controls(text.translate(str.maketrans(ENTITIES)))


def escape_controls(text: str) -> str:
    """``text`` with control characters, halves of emoji and what turns the reading direction as Python writes them.

    Unlike ``errors.printable`` it leaves joiners and wide spaces, which texts of a page are written with.
    """
    return UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)
