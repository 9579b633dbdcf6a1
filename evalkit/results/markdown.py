"""Tables in Markdown from data that may hold anything."""

from collections.abc import Iterable, Iterator, Sequence

ENTITIES: dict[str, str | int | None] = {
    **{"&": "&amp;", "<": "&lt;", ">": "&gt;"},
    **{"|": "&#124;", "`": "&#96;", "[": "&#91;", "]": "&#93;"},
    **{"\n": " ", "\r": " "},
}


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; cells are escaped."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(escaped(cell) for cell in row)} |"


def escaped(text: str) -> str:
    """``text`` on one line, without what Markdown or HTML would act on."""
    return text.translate(str.maketrans(ENTITIES))
