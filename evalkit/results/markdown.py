"""Tables in Markdown from data that may hold anything."""

from collections.abc import Iterable, Iterator, Sequence

from evalkit.formats.media import markdown


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; ``header`` is Markdown, cells are any text."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        yield f"| {' | '.join(markdown(cell) for cell in row)} |"
